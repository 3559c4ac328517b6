"""`controls: standard`: which recipes it makes, that they are counted, and what they cost."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest
import yaml
from engine_kit import MINI, bench_file, rows

import fusion_eval as fe
from fusion_eval.api import plan as planned
from fusion_eval.bench.configure import configure
from fusion_eval.bench.equal_dollars import sized
from fusion_eval.bench.experience import Experience
from fusion_eval.bench.lint import lint
from fusion_eval.bench.refuse import refuse
from fusion_eval.errors import InputError
from fusion_eval.loading.controls import STANDARD
from fusion_eval.loading.tasks import load_tasks

SIM = {"simulator": "default"}
PANEL = {
    "strategy": "panel",
    "members": ["kestrel", "heron"],
    "judge": "heron",
    "synthesizer": "heron",
}
HEAD = """\
endpoints: {sim: {simulator: default}}
models:
  kestrel: {endpoint: sim, id: raptor/kestrel, max_tokens: 512}
  heron: {endpoint: sim, id: wader/heron, max_tokens: 512}
grader: {model: heron}
"""
LINES = len(HEAD.splitlines())


@pytest.fixture
def bench(write):
    """`bench(text)`: the text below two models, resolved."""
    return lambda text, **kwargs: configure(write("bench.yaml", HEAD + text), **kwargs)


def test_one_line_brings_every_standard_control_that_applies(bench):
    """A claim without its control is what this project exists to end."""
    made = bench(
        "recipes:\n  panel: {strategy: panel, members: [kestrel, heron], synthesizer: heron}\n"
        "controls: standard\n"
    )
    called = set(STANDARD) - {"alone", "writer-alone", "best-member", "oracle", "union-oracle"}
    assert set(made.recipes) == {
        "panel", "alone/kestrel", "alone/heron", *(f"panel/{n}" for n in called - {"no-personas"})
    }  # fmt: skip
    of = made.controls["panel"]
    assert of.members == ("alone/kestrel", "alone/heron")
    assert of.writer == "alone/heron"
    assert of.computed == ("best-member", "oracle", "union-oracle")
    assert set(made.resolved["recipes"]) == set(made.recipes), "the resolved file shows them"


def test_a_solo_that_is_there_already_stands_for_the_member(bench):
    """Asked twice under two names, the same baseline would stand twice in every table."""
    made = bench(
        "recipes:\n  mine: {strategy: solo, member: heron}\n"
        "  panel: {strategy: panel, members: [heron, {model: heron, temperature: 1.0}], synthesizer: heron}\n"  # noqa: E501
        "controls: [alone]\n"
    )
    assert made.controls["panel"].members == ("mine", "alone/heron")
    hot = made.recipes["alone/heron"].members[0].model
    assert hot.params["temperature"] == 1.0, "alone as it sits on the panel"


def test_the_resolved_file_gives_the_same_bench_again(bench, write):
    """The report's command runs that file; more recipes than before would be another run."""
    text = f"recipes: {{panel: {PANEL}}}\ncontrols: standard\n".replace("'", "")
    made = bench(text)
    again = configure(write("again.yaml", yaml.safe_dump(made.resolved, sort_keys=False)))
    assert list(again.recipes) == list(made.recipes)
    assert again.controls == made.controls


def test_controls_of_recipes_that_are_not_run_are_not_promised(bench):
    """A report that computes an oracle over members that did not answer would invent it."""
    text = f"recipes: {{panel: {PANEL}}}\ncontrols: standard\n".replace("'", "")
    made = bench(text, recipes=["panel", "alone/heron", "panel/no-drafts"])
    of = made.controls["panel"]
    assert (of.members, of.called, of.computed) == (("alone/heron",), ("panel/no-drafts",), ())


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("controls: [no-draft]", "unknown control 'no-draft'; did you mean 'no-drafts'?"),
        ("controls: {of: [panell]}", "unknown recipe 'panell'; did you mean 'panel'?"),
        ("controls: [no-personas]", "'no-personas' applies to none of panel"),
        ("controls: {uses: [standard]}", "unknown key 'uses'; did you mean 'use'?"),
    ],
)
def test_a_control_that_cannot_be_is_said_with_its_line(bench, line, said):
    """Left out in silence, its absence would look like its result."""
    text = f"recipes: {{panel: {PANEL}}}\n".replace("'", "")
    with pytest.raises(InputError) as caught:
        bench(text + line + "\n")
    assert [p.rpartition("bench.yaml:")[2] for p in caught.value.problems] == [
        f"{LINES + 2}: {said}"
    ]


def test_one_task_alone_has_no_other_question(bench):
    """Every trial of that control would fail, and the run would never be finished."""
    mini = load_tasks(str(MINI))
    one = mini.model_copy(update={"tasks": mini.tasks[:1]})
    text = f"recipes: {{panel: {PANEL}}}\n".replace("'", "")
    made = bench(text + "controls: standard\n", tasks=one)
    assert "panel/other-question" not in (*made.recipes, *made.controls["panel"].called)
    asked = bench(text + "controls: [other-question]\n", tasks=one)
    with pytest.raises(InputError, match="needs another question and the files hold one task"):
        refuse(one, asked)


def test_irrelevant_personas_change_the_personas_and_nothing_else(bench):
    """With another model or temperature in the seats, the placebo would be a second treatment."""
    made = bench(
        "recipes:\n  p: {strategy: panel, members: [{model: heron, persona: You are a chemist.}, kestrel], synthesizer: heron}\n"  # noqa: E501
        "controls: [irrelevant-personas, no-personas]\n"
    )
    plain, odd = made.recipes["p/no-personas"], made.recipes["p/irrelevant-personas"]
    for recipe in (plain, odd):
        assert [m.model for m in recipe.members] == [m.model for m in made.recipes["p"].members]
    seats = [recipe.params["members"] for recipe in (plain, odd)]
    assert [m.persona for m in seats[0]] == [None, None]
    assert all("chemist" not in m.persona for m in seats[1])
    assert len({m.persona for m in seats[1]}) == 2


@pytest.mark.parametrize("strategy", ["debate", "vote", "ranked", "best_of_n", "self_fusion"])
def test_every_strategy_gets_controls_that_can_be_resolved(bench, strategy):
    """A line that works for panels alone would be left out where it is needed most."""
    more = {"ranked": ", ranker: heron", "best_of_n": ", scorer: heron"}.get(strategy, "")
    seats = "member: heron, n: 3" if strategy == "self_fusion" else "members: [kestrel, heron]"
    made = bench(f"recipes:\n  r: {{strategy: {strategy}, {seats}{more}}}\ncontrols: standard\n")
    assert "r/best-of-n" in made.recipes
    assert ("r/no-drafts" in made.recipes) == (strategy == "self_fusion")
    assert ("oracle" in made.controls["r"].computed) == (strategy != "self_fusion")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A plan and a run of a panel with its standard controls."""
    folder = tmp_path_factory.mktemp("controls")
    path = bench_file(folder, SIM, recipes={"panel": PANEL}, controls="standard")
    plan = planned(MINI, path, output_dir=folder / "r")
    return path, plan, fe.run(MINI, path, output_dir=folder / "r")


def test_the_plan_counts_the_calls_of_the_controls(made):
    """Who adds one line must see what it costs before it is spent."""
    _, plan, run = made
    charged = Counter((c["role"], c["model"]) for c in rows(run, "calls"))
    failed = run.manifest["trials"]["failed"]
    assert failed == 0
    planned_calls = {(line.role, line.model): line.charged for line in plan.lines}
    repairs = sum(charged.values()) - sum(planned_calls.values())
    assert {k: v for k, v in planned_calls.items() if k[0] != "grader"} == {
        k: v for k, v in charged.items() if k[0] != "grader"
    }
    assert 0 <= repairs <= 0.02 * sum(charged.values()), "unreadable verdicts are asked once more"


def test_equal_dollar_arms_cost_what_the_plan_says(made):
    """An arm that is called equal and costs half is the trick that we accuse others of."""
    _, plan, run = made
    cost = fe.trials(run).groupby("recipe")["cost_usd"].mean()
    arms = {size.recipe: size for size in plan.equal_dollars}
    assert set(arms) == {"panel/self-consistency", "panel/best-of-n", "panel/more-tokens"}
    for name, size in arms.items():
        assert size.source == "plan"
        assert size.low_usd <= cost[name] <= size.high_usd, name
        assert size.target_low_usd <= cost["panel"] <= size.target_high_usd
    for name in ("panel/self-consistency", "panel/best-of-n"):
        assert arms[name].value > 1
        assert 0.6 < arms[name].expected_usd / arms[name].target_usd < 1.4


def test_sizes_are_frozen_in_the_manifest_and_in_the_resolved_file(made):
    """What the ledger learns during a run must not change the arm halfway."""
    _, plan, run = made
    frozen = run.manifest["equal_dollars"]
    assert {name: size["value"] for name, size in frozen.items()} == {
        size.recipe: size.value for size in plan.equal_dollars
    }
    resolved = yaml.safe_load((run.path / "bench.yaml").read_text())["recipes"]
    assert resolved["panel/best-of-n"]["n"] == frozen["panel/best-of-n"]["value"]
    again = fe.run(MINI, run.path / "bench.yaml", output_dir=run.path.parent, replay=True)
    assert again.manifest["status"] == "finished"
    assert again.manifest["calls"]["made"] == 0
    assert again.manifest["equal_dollars"]["panel/best-of-n"]["source"] == "bench file"


def test_a_run_that_goes_on_keeps_its_sizes(tmp_path: Path):
    """Sized again from what the first half cost, both halves would be different recipes."""
    path = bench_file(tmp_path, SIM, recipes={"panel": PANEL}, controls=["best-of-n"])
    first = fe.run(MINI, path, output_dir=tmp_path / "r", limit=2)
    manifest = first.path / "manifest.json"
    text = manifest.read_text().replace('"status": "finished"', '"status": "interrupted"')
    value = first.manifest["equal_dollars"]["panel/best-of-n"]["value"]
    text = text.replace(f'"value": {value}', f'"value": {value + 1}')
    manifest.write_text(text)
    again = fe.run(MINI, path, output_dir=tmp_path / "r", limit=2)
    assert again.id == first.id
    size = again.manifest["equal_dollars"]["panel/best-of-n"]
    assert (size["value"], size["source"]) == (value + 1, "the run as it began")


def test_a_size_of_the_users_own_is_kept(bench):
    """Who knows better than our plan must be able to say so."""
    made = bench(
        f"recipes:\n  panel: {PANEL}\n"
        "  more: {strategy: self_consistency, member: heron, n: 9, equal_dollars: panel}\n"
        "  long: {strategy: solo, member: {model: heron, max_tokens: 999}, equal_dollars: panel}\n"
        .replace("'", "")
    )  # fmt: skip
    ready = asyncio.run(sized(load_tasks(str(MINI)), made, Experience()))
    assert {(s.recipe, s.value, s.source) for s in ready.sizes} == {
        ("more", 9, "bench file"), ("long", 999, "bench file")
    }  # fmt: skip


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        ("{strategy: vote, members: [heron], equal_dollars: panel}", "vote has no n to be sized"),
        ("{strategy: solo, member: heron, equal_dollars: nobody}", "unknown recipe 'nobody'"),
        ("{strategy: solo, member: heron, equal_dollars: more}", "unknown recipe 'more'"),
    ],
)
def test_equal_dollars_to_nothing_is_refused_with_its_line(bench, recipe, said):
    """An arm of unknown size would be run at n = 1 and called equal."""
    with pytest.raises(InputError) as caught:
        bench(f"recipes:\n  panel: {PANEL}\n  new: {recipe}\n".replace("'", ""))
    (problem,) = caught.value.problems
    assert f"bench.yaml:{LINES + 3}: {said}" in problem


MINE = "recipes:\n  mine: {strategy: 'users_strategies:%s', speakers: [kestrel, heron], scribe: kestrel}\n"  # noqa: E501


def test_a_users_strategy_with_declared_seats_gets_the_controls_of_a_panel(bench):
    """By the names of parameters it would silently lose copies, no drafts and the writer alone."""
    made = bench(MINE % "minutes" + "controls: standard\n")
    ours = bench(
        "recipes:\n  mine: {strategy: panel, members: [kestrel, heron], synthesizer: kestrel}\n"
        "controls: standard\n"
    )
    assert set(made.recipes) == set(ours.recipes)
    assert made.controls["mine"] == ours.controls["mine"]
    assert made.recipes["mine/more-tokens"].members[0].name == "kestrel", "its writer spends"
    assert not {w.code for w in lint(made)} & {"undeclared-seat"}


def test_a_seat_that_is_not_declared_is_warned_of_with_the_way_out(bench):
    """Controls that are missing without a word look like controls that were passed."""
    made = bench(MINE % "unsaid" + "controls: standard\n")
    assert not {"mine/copies", "mine/no-drafts", "mine/other-question"} & set(made.recipes)
    (warned,) = [w for w in lint(made) if w.code == "undeclared-seat"]
    assert warned.where.endswith(f":{LINES + 2}")
    assert "what scribe does" in warned.text
    assert '`scribe: Annotated[Member, Seat("writer")]`' in warned.text


def test_a_judge_of_ones_own_is_checked_as_ours_are(bench):
    """Who judges its own answer favours it, whatever the parameter is called."""
    made = bench(MINE.replace("}", ", referee: heron}") % "minutes")
    assert "mine: the referee heron compares its own answer" in " ".join(
        w.text for w in lint(made) if w.code == "judge-on-panel"
    )


def test_a_placebo_gets_no_controls_of_its_own(bench):
    """Two lists had drifted apart: a random subset, a placebo by the docs, brought nine arms."""
    made = bench(
        "recipes:\n  panel: {strategy: panel, members: [kestrel, heron], synthesizer: heron}\n"
        "  some: {strategy: random_subset, members: [kestrel, heron], k: 1, synthesizer: heron}\n"
        "controls: standard\n"
    )
    assert not [name for name in made.recipes if name.startswith("some/")]
    assert set(made.controls) == {"panel"}


@pytest.mark.parametrize("strategy", ["router", "agreement_router"])
def test_whoever_may_answer_in_a_router_is_controlled_for(bench, strategy):
    """Its members bear other names, and each of them alone is the rival to beat."""
    seats = {
        "router": "routes: [kestrel, heron, kestrel]",
        "agreement_router": "probes: [kestrel, heron]",
    }
    made = bench(
        f"recipes:\n  r: {{strategy: {strategy}, {seats[strategy]}, fallback: heron}}\n"
        "controls: standard\n"
    )
    assert {"alone/kestrel", "alone/heron", "r/random-member", "r/more-tokens"} <= set(made.recipes)
