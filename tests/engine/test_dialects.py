"""Six kinds of endpoints say the same in their own ways; a run finds out the same through each."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from engine_kit import MINI, asked, no_pauses, rows

import fusion_eval as fe
from fusion_eval.engine import codec
from fusion_eval.simulator import load_world
from fusion_eval.simulator.spelling import Spelling
from fusion_eval.strategies import STRATEGIES

MODELS = {
    "heron": {"id": "wader/heron", "temperature": 0.7, "max_tokens": 2048},
    "kestrel": {"id": "raptor/kestrel", "temperature": 0.7, "max_tokens": 2048},
    "referee": {"id": "strix/owl", "temperature": 0.2, "max_tokens": 1024},
}
RECIPES: dict[str, Any] = {
    "solo": {"strategy": "solo", "member": "heron"},
    "vote": {"strategy": "vote", "members": ["heron", "heron", "kestrel"]},
    "panel": {
        "strategy": "panel",
        "members": ["heron", "kestrel"],
        "judge": "kestrel",
        "synthesizer": "heron",
    },
    "best": {"strategy": "best_of_n", "members": ["heron", "kestrel"], "scorer": "kestrel"},
    "usc": {"strategy": "universal_self_consistency", "member": "heron", "n": 2},
    "pairs": {"strategy": "pairwise_rank", "members": ["heron", "kestrel"], "ranker": "heron"},
    "council": {"strategy": "council", "members": ["heron", "kestrel"], "chairman": "kestrel"},
    "cross": {"strategy": "cross_refine", "member": "heron", "critic": "kestrel"},
    "loop": {"strategy": "review_loop", "member": "heron", "reviewer": "kestrel"},
    "arbiter": {"strategy": "consortium", "members": ["heron", "kestrel"], "arbiter": "kestrel"},
    "layers": {"strategy": "mixture_of_agents", "members": ["heron", "kestrel"],
               "aggregator": "kestrel"},
    "debate": {"strategy": "debate", "members": ["heron", "kestrel"], "synthesizer": "heron"},
    "cascade": {"strategy": "cascade", "members": ["heron", "kestrel"], "scorer": "kestrel",
                "thresholds": [5]},
    "refine": {"strategy": "self_refine", "member": "heron"},
    "self": {"strategy": "self_fusion", "member": "heron", "n": 2, "judge": "kestrel"},
    "most": {"strategy": "self_consistency", "member": "heron", "n": 3},
    "ranked": {"strategy": "ranked", "members": ["heron", "kestrel"], "ranker": "kestrel"},
    "moa": {"strategy": "self_moa", "member": "heron", "n": 2},
    "route": {"strategy": "router", "routes": ["heron", "kestrel"], "fallback": "heron",
              "by": "classifier", "classifier": "kestrel", "labels": ["easy", "hard"]},
    "agree": {"strategy": "agreement_router", "probes": ["heron", "heron"], "fallback": "kestrel"},
    "copies": {"strategy": "copies", "members": ["heron", "kestrel"], "synthesizer": "heron"},
    "none": {"strategy": "no_drafts", "synthesizer": "heron"},
    "foreign": {"strategy": "other_question", "members": ["heron"], "synthesizer": "kestrel"},
    "chance": {"strategy": "random_member", "members": ["heron", "kestrel"]},
    "dice": {"strategy": "random_ranker", "members": ["heron", "kestrel"]},
    "next": {"strategy": "fallbacks", "members": ["heron", "kestrel"]},
    "roles": {"strategy": "role_panel", "fast": "heron", "reasoner": "kestrel", "coder": "heron",
              "verifier": "kestrel", "writer": "heron", "judge": "kestrel", "synthesizer": "heron"},
    "product": {"strategy": "external", "product": "heron"},
    "subset": {"strategy": "random_subset", "members": ["heron", "kestrel"], "k": 1,
               "synthesizer": "heron"},
}  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, fe.Run]:
    """The same bench through each dialect; one arrival in twenty-five meets an error."""
    folder = tmp_path_factory.mktemp("dialects")
    with no_pauses():
        return {dialect: _run(folder / dialect, dialect) for dialect in get_args(Spelling)}


def _run(folder: Path, dialect: str) -> fe.Run:
    folder.mkdir()
    makers: dict[str, Any] = {}
    world = load_world("default")
    for model in world.models:
        makers.setdefault(world.maker_of[model], {})[model] = {"dialect": dialect}
    faults = {"faults": {"error_200": 0.04}}
    text = {"extends": "default", "name": dialect, "service": faults, "makers": makers}
    (folder / "world.yaml").write_text(yaml.safe_dump(text))
    bench = {
        "endpoints": {"sim": {"simulator": str(folder / "world.yaml")}},
        "models": {name: {"endpoint": "sim", **entry} for name, entry in MODELS.items()},
        "recipes": RECIPES,
        "grader": {"model": "referee"},
        "limits": {"max_in_flight": 8, "attempts": 8},
        "repeats": 1,
    }
    (folder / "bench.yaml").write_text(yaml.safe_dump(bench))
    return fe.run(MINI, folder / "bench.yaml", output_dir=folder / "results")


OTHERS = [dialect for dialect in get_args(Spelling) if dialect != "plain"]
SAID = ("task", "recipe", "repeat", "score", "failure", "degraded")


@pytest.mark.parametrize("dialect", OTHERS)
def test_a_run_finds_the_same_scores_and_failures_in_every_dialect(
    runs: dict[str, fe.Run], dialect: str
):
    """A score that hangs on how a provider spells JSON is no measurement of a model."""
    assert runs[dialect].manifest["status"] == runs["plain"].manifest["status"] == "finished"

    found, plain = (_said(runs[name], SAID) for name in (dialect, "plain"))

    assert found == plain
    assert len({row["score"] for row in plain}) > 5


@pytest.mark.parametrize("dialect", ["openrouter", "thinking", "strict", "parts"])
def test_tokens_and_dollars_are_the_same_in_every_dialect(runs: dict[str, fe.Run], dialect: str):
    """Thoughts written out are paid once, cached tokens beside the prompt are no thoughts."""
    found, plain = (rows(runs[name], "trials") for name in (dialect, "plain"))

    for ours, theirs in zip(found, plain, strict=True):
        assert ours["tokens_out"] == theirs["tokens_out"]
        assert ours["tokens_in"] == theirs["tokens_in"]
        assert ours["cost_usd"] == pytest.approx(theirs["cost_usd"], rel=1e-9)
        assert theirs["cost_usd"] > 0


def test_a_product_that_hides_its_usage_is_of_unknown_cost_and_not_free(runs: dict[str, fe.Run]):
    """Reported as free, it would be recommended whatever it really costs."""
    trials = rows(runs["hidden"], "trials")

    assert {row["cost_usd"] for row in trials} == {None}


@pytest.mark.parametrize("dialect", ["openrouter", "thinking", "parts"])
def test_thoughts_are_kept_beside_the_text_and_in_no_answer(runs: dict[str, fe.Run], dialect: str):
    """The thoughts of these dialects hold answers and verdicts that the models never gave."""
    run = runs[dialect]
    answers = (run.path / "answers.jsonl").read_text("utf-8")
    replies = (run.path / "replies.jsonl").read_text("utf-8")

    assert "Perhaps 41?" not in answers
    assert '"thoughts": "Perhaps 41?' in replies
    assert '"text": "Perhaps' not in replies


def test_the_strict_dialect_refuses_what_it_says_and_each_model_learns_it_once(
    runs: dict[str, fe.Run],
):
    """A dialect that refuses nothing would prove nothing."""
    ledger = runs["strict"].path.parent / "ledger.sqlite"
    replies = [codec.load(codec.unpacked(b)) for (b,) in asked(ledger, "SELECT reply FROM replies")]
    learned = {step for reply in replies for step in reply.extra.get("without", [])}

    notes = {row["degraded"] for row in rows(runs["strict"], "trials")}

    assert learned >= {"max_completion_tokens", "random_seed", "system_in_user"}
    assert notes <= {None, "", "nothing to count: the earliest seat's answer"}


def test_every_strategy_goes_through_the_dialects():
    """A strategy that is left out may be the one that a template refuses."""
    assert {recipe["strategy"] for recipe in RECIPES.values()} == set(STRATEGIES)


def _said(run: fe.Run, names: tuple[str, ...]) -> list[dict[str, Any]]:
    return [{name: row[name] for name in names} for row in rows(run, "trials")]
