"""fusion_eval: which way of combining language models is worth its dollars, with error bars.

    import fusion_eval as fe

    run = fe.run("tasks/research.yaml", bench="demo")
    trials = fe.trials(run)
    fe.compare(trials, reference="solo-heron")
    fe.plots.pareto(trials)

Names are imported lazily: `import fusion_eval` itself loads nothing heavy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fusion_eval import gate, labelling, plots, simulator
    from fusion_eval.api import doctor, grade, plan, run
    from fusion_eval.checking import validate
    from fusion_eval.comparing import compare
    from fusion_eval.design import simulated_pilot
    from fusion_eval.exporting import export
    from fusion_eval.frames import calls, labels, trials, verdicts
    from fusion_eval.importing import import_results, import_verdicts
    from fusion_eval.report.grader import grader_report
    from fusion_eval.report.money import costs
    from fusion_eval.repricing import reprice
    from fusion_eval.showing import show
    from fusion_eval.stats.acceptable import acceptable
    from fusion_eval.stats.agreement import agreement
    from fusion_eval.stats.alike import alike
    from fusion_eval.stats.best import best
    from fusion_eval.stats.breakdown import breakdown
    from fusion_eval.stats.claims import claims
    from fusion_eval.stats.common import common_tasks
    from fusion_eval.stats.compare import compare_runs
    from fusion_eval.stats.deadline import deadlines
    from fusion_eval.stats.decision import acceptability, decisions
    from fusion_eval.stats.decompose import decompose
    from fusion_eval.stats.drafts import drafts
    from fusion_eval.stats.failing import failures
    from fusion_eval.stats.frontier import pareto
    from fusion_eval.stats.gains import gains
    from fusion_eval.stats.headroom import headroom
    from fusion_eval.stats.items import items
    from fusion_eval.stats.labels import corrected_differences, corrected_scores, error_rates
    from fusion_eval.stats.leaks import leaks
    from fusion_eval.stats.matched import matched
    from fusion_eval.stats.oracles import best_member, oracle, union_oracle
    from fusion_eval.stats.planning import power
    from fusion_eval.stats.power import detectable, tasks_needed
    from fusion_eval.stats.preferences import preferences
    from fusion_eval.stats.ranks import ranks
    from fusion_eval.stats.scaling import scaling
    from fusion_eval.stats.scores import scores
    from fusion_eval.stats.subset import subset
    from fusion_eval.stats.twophase import two_phase
    from fusion_eval.stats.variance import precision, variance
    from fusion_eval.store import read_run

__version__ = "0.1.0"

_HOMES = {
    "run": "fusion_eval.api",
    "grade": "fusion_eval.api",
    "plan": "fusion_eval.api",
    "doctor": "fusion_eval.api",
    "validate": "fusion_eval.checking",
    "show": "fusion_eval.showing",
    "preferences": "fusion_eval.stats.preferences",
    "read_run": "fusion_eval.store",
    "import_results": "fusion_eval.importing",
    "import_verdicts": "fusion_eval.importing",
    "reprice": "fusion_eval.repricing",
    "trials": "fusion_eval.frames",
    "verdicts": "fusion_eval.frames",
    "calls": "fusion_eval.frames",
    "labels": "fusion_eval.frames",
    "alike": "fusion_eval.stats.alike",
    "leaks": "fusion_eval.stats.leaks",
    "agreement": "fusion_eval.stats.agreement",
    "two_phase": "fusion_eval.stats.twophase",
    "grader_report": "fusion_eval.report.grader",
    "compare": "fusion_eval.comparing",
    "compare_runs": "fusion_eval.stats.compare",
    "pareto": "fusion_eval.stats.frontier",
    "breakdown": "fusion_eval.stats.breakdown",
    "best_member": "fusion_eval.stats.oracles",
    "oracle": "fusion_eval.stats.oracles",
    "union_oracle": "fusion_eval.stats.oracles",
    "acceptability": "fusion_eval.stats.decision",
    "acceptable": "fusion_eval.stats.acceptable",
    "decisions": "fusion_eval.stats.decision",
    "matched": "fusion_eval.stats.matched",
    "power": "fusion_eval.stats.planning",
    "drafts": "fusion_eval.stats.drafts",
    "export": "fusion_eval.exporting",
    "decompose": "fusion_eval.stats.decompose",
    "headroom": "fusion_eval.stats.headroom",
    "gains": "fusion_eval.stats.gains",
    "items": "fusion_eval.stats.items",
    "subset": "fusion_eval.stats.subset",
    "deadlines": "fusion_eval.stats.deadline",
    "scores": "fusion_eval.stats.scores",
    "ranks": "fusion_eval.stats.ranks",
    "best": "fusion_eval.stats.best",
    "claims": "fusion_eval.stats.claims",
    "common_tasks": "fusion_eval.stats.common",
    "detectable": "fusion_eval.stats.power",
    "scaling": "fusion_eval.stats.scaling",
    "tasks_needed": "fusion_eval.stats.power",
    "failures": "fusion_eval.stats.failing",
    "variance": "fusion_eval.stats.variance",
    "precision": "fusion_eval.stats.variance",
    "simulated_pilot": "fusion_eval.design",
    "costs": "fusion_eval.report.money",
    "corrected_scores": "fusion_eval.stats.labels",
    "corrected_differences": "fusion_eval.stats.labels",
    "error_rates": "fusion_eval.stats.labels",
    "gate": "fusion_eval.gate",
    "labelling": "fusion_eval.labelling",
    "plots": "fusion_eval.plots",
    "simulator": "fusion_eval.simulator",
}

_MODULES = frozenset({"gate", "labelling", "plots", "simulator"})

__all__ = [
    "acceptability",
    "acceptable",
    "agreement",
    "alike",
    "best",
    "best_member",
    "breakdown",
    "calls",
    "claims",
    "common_tasks",
    "compare",
    "compare_runs",
    "corrected_differences",
    "corrected_scores",
    "costs",
    "deadlines",
    "decisions",
    "decompose",
    "detectable",
    "doctor",
    "drafts",
    "error_rates",
    "export",
    "failures",
    "gains",
    "gate",
    "grade",
    "grader_report",
    "headroom",
    "import_results",
    "import_verdicts",
    "items",
    "labelling",
    "labels",
    "leaks",
    "matched",
    "oracle",
    "pareto",
    "plan",
    "plots",
    "power",
    "precision",
    "preferences",
    "ranks",
    "read_run",
    "reprice",
    "run",
    "scaling",
    "scores",
    "show",
    "simulated_pilot",
    "simulator",
    "subset",
    "tasks_needed",
    "trials",
    "two_phase",
    "union_oracle",
    "validate",
    "variance",
    "verdicts",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(_HOMES[name])
    if name in _MODULES:
        return module
    value = getattr(module, name)
    if not _HOMES[name].startswith("fusion_eval.stats."):
        return value
    return importlib.import_module("fusion_eval.comparing").taking_all(value)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
