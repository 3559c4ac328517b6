"""A run against its baseline, rule by rule."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from fusion_eval.errors import InputError
from fusion_eval.gate import rules, samples
from fusion_eval.gate.baseline import Baseline, read_baseline, taken
from fusion_eval.gate.comparable import differences, refusals
from fusion_eval.gate.noise import floor
from fusion_eval.gate.rules import Sides
from fusion_eval.gate.values import (
    Beats,
    Checked,
    Coverage,
    Factor,
    Failures,
    Outcome,
    Policy,
    Quality,
)
from fusion_eval.store import Run, read_run


def gate(
    run: Run | str | Path, baseline: Baseline | str | Path, policy: Policy | None = None
) -> Checked:
    """Hold a run against a baseline.

    All rules must pass, so each is tested at the policy's alpha (intersection-union). Failing needs
    more: the p values of "it is kept" are adjusted over all rules (Holm), so that an unchanged
    system goes red by luck in at most alpha of all runs.

    Raises InputError where the two cannot be compared: other prompts, graders, protocols or tasks
    that the policy does not allow, recipes that are not there, or nothing in the run.
    """
    opened = run if isinstance(run, Run) else read_run(run)
    chosen = policy or Policy()
    old = baseline if isinstance(baseline, Baseline) else read_baseline(baseline)
    new = taken(opened)
    found = differences(new, old)
    _refuse(found, new, old, chosen)
    sides = Sides(new=new, old=old, policy=chosen)
    outcomes = _worded(list(_outcomes(sides)), chosen.alpha)
    return Checked(
        run_id=new.run_id,
        baseline_id=old.run_id,
        simulated=new.simulated or old.simulated,
        outcomes=tuple(outcomes),
        notes=tuple(_notes(sides, found)),
        floors={name: _floor(name, sides) for name in _recipes(sides)},
        inconclusive=chosen.inconclusive,
        incomplete=opened.manifest.get("status") not in (None, "finished"),
    )


def _refuse(found: dict[str, list[str]], new: Baseline, old: Baseline, policy: Policy) -> None:
    if not len(new.trials):
        raise InputError(f"{new.run_id}: the run has no trial, so there is nothing to check")
    problems = refusals(found, policy.allow)
    named = {r.recipe for r in policy.rules if r.recipe} | set(policy.recipes or ())
    named |= {name for r in policy.rules if isinstance(r, Beats) for name in r.others}
    for side, what in ((new, "run"), (old, "baseline")):
        known = set(side.trials["recipe"].astype(str))
        for name in sorted(named - known):
            problems.append(f"the policy names {name!r}, which the {what} has not: {sorted(known)}")
    if not set(new.trials["task_hash"]) & set(old.trials["task_hash"]):
        problems.append("run and baseline have no task in common; give the baseline of these tasks")
    if problems:
        raise InputError(list(dict.fromkeys(problems)))


def _recipes(sides: Sides) -> list[str]:
    if sides.policy.recipes is not None:
        return list(sides.policy.recipes)
    there = set(sides.new.trials["recipe"].astype(str))
    return [name for name in dict.fromkeys(sides.old.trials["recipe"].astype(str)) if name in there]


def _outcomes(sides: Sides) -> Iterator[Outcome]:
    for rule in sides.policy.rules:
        if isinstance(rule, Beats):
            yield rules.beats(rule, sides)
            continue
        for recipe in [rule.recipe] if rule.recipe else _recipes(sides):
            if isinstance(rule, Quality):
                yield rules.quality(rule, recipe, sides)
            elif isinstance(rule, Factor):
                yield rules.factor(rule, recipe, sides)
            elif isinstance(rule, Failures):
                yield rules.failures(rule, recipe, sides)
            elif isinstance(rule, Coverage):
                yield rules.coverage(rule, recipe, sides)


def _worded(outcomes: Sequence[Outcome], alpha: float) -> list[Outcome]:
    """The words: `pass` at alpha each, `fail` at alpha over all rules together (Holm 1979)."""
    tested = sorted((o.p_fail, k) for k, o in enumerate(outcomes) if o.p_fail is not None)
    failing: set[int] = set()
    for place, (p, k) in enumerate(tested):
        if p * (len(tested) - place) >= alpha:
            break
        failing.add(k)
    return [
        replace(o, word="fail" if k in failing else "pass", needs="")
        if k in failing or (o.p_pass is not None and o.p_pass < alpha)
        else o
        for k, o in enumerate(outcomes)
    ]


def _floor(recipe: str, sides: Sides) -> float | None:
    new, old = (samples.by_task(samples.scores(s, recipe)) for s in (sides.new, sides.old))
    tasks = samples.common(new, old) if new and old else []
    if not tasks:
        return None
    return floor(samples.difference(new, old, tasks, sides.policy.estimand), sides.policy.alpha)


def _notes(sides: Sides, found: dict[str, list[str]]) -> Iterator[str]:
    for ground, lines in found.items():
        for line in lines:
            yield f"allowed ({ground}): {line}"
    if all(samples.same_answers(sides.new, sides.old, name) for name in _recipes(sides)):
        yield (
            "Every answer is the one of the baseline, from the same draws: what differs is grading "
            "alone, and where nothing differs that proves nothing about the models."
        )
    if sides.policy.estimand == "these tasks":
        yield (
            "The question is about exactly these tasks; the noise comes from repeats. Where the "
            "run has one, its answers are taken to vary like the baseline's."
        )
