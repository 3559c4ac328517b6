"""Votes on free text: what is grouped, by which rule, and what a vote is worth in known worlds."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest
from scripted import ScriptedAsk, member, question

import fusion_eval as fe
from fusion_eval.bench.configure import configure
from fusion_eval.bench.lint import lint
from fusion_eval.bench.plan import plan
from fusion_eval.loading.bench import presets
from fusion_eval.loading.tasks import load_task_files
from fusion_eval.report.summary import summarize
from fusion_eval.report.votes import uncounted
from fusion_eval.strategies.vote import vote

A = member("a")
WHY = question("Why does it happen?", "text")
RIGHT = "the moon pulls at the water and so it rises twice a day"
WRONG = (
    "wind from the north drives waves against every coast",
    "rivers bring more rain down during spring months only",
    "volcanoes below warm seas until their level grows",
    "ships displace what lies under them as trade increases",
    "salt dissolves slowly making oceans swell overnight",
)
FILLERS = ("as far as anybody can tell", "in short", "broadly speaking", "to put it simply")


def said(luck: random.Random, right: bool) -> str:
    """One free answer in words of its own: right ones say the same, wrong ones differ."""
    core = RIGHT if right else luck.choice(WRONG)
    words = [word for word in core.split() if luck.random() > 0.15]
    return f"{' '.join(words)} {luck.choice(FILLERS)}"


def test_a_vote_on_free_text_beats_a_random_member_where_members_are_right_independently():
    """As the earliest answer at the price of five, a vote was a solo in disguise."""
    luck, voted, alone, worlds = random.Random(7), 0, 0, 400
    for _ in range(worlds):
        rights = [luck.random() < 0.45 for _ in range(5)]
        answers = [said(luck, right) for right in rights]
        ask = ScriptedAsk(member=answers)
        chosen = asyncio.run(vote(WHY, ask, members=(A,) * 5)).text
        voted += rights[answers.index(chosen)]
        alone += rights[luck.randrange(5)]
    # standard error of a share of 400: 0.025
    assert alone / worlds == pytest.approx(0.45, abs=0.075)
    assert voted / worlds > 0.45 + 4 * 0.025


def test_a_grouper_says_which_answers_agree():
    """Answers may agree without a word in common."""
    answers = ["It is two", "Wholly another matter", "A pair, that is"]
    ask = ScriptedAsk(member=answers, grouper=['{"groups": {"1": 1, "2": 1, "3": 2}}'])
    got = asyncio.run(vote(WHY, ask, members=(A,) * 3, grouper=member("g"))).text
    shown = ask.to("grouper")[0].text
    places = sorted(answers, key=shown.index)
    assert got in places[:2], "one of the two that were said to agree"
    assert not ask.steps_down


def test_a_vote_that_can_group_nothing_is_said_before_the_run():
    """The bill of a vote for the answer of its first seat should be nobody's surprise."""
    tasks = load_task_files(["tasks/mini.yaml"])
    codes = [warned.code for warned in lint(configure("demo", tasks=tasks), tasks)]
    assert "vote-on-text" in codes
    numbers = load_task_files(["tasks/reasoning.yaml"])
    assert "vote-on-text" not in [w.code for w in lint(configure("demo", tasks=numbers), numbers)]


def test_a_recipe_that_counted_nothing_is_not_shown_as_a_vote(tmp_path: Path):
    """On a frontier it stood as voting, and was one member at three times the price."""
    made = fe.run("tasks/research.yaml", "demo", recipes=["solo-heron", "vote-heron"], limit=3,
                  repeats=1, output_dir=tmp_path)  # fmt: skip
    trials = fe.trials(made)
    votes = trials[trials["recipe"] == "vote-heron"]
    lost = votes["degraded"].fillna("").str.contains("nothing to count").sum()
    summary = summarize(made)
    shown = summary["recipes"]["vote-heron"]["strategy"]
    said = [one["text"] for one in summary["audit"] if one["kind"] == "no vote"]

    assert (shown == "vote (nothing counted)") is bool(2 * lost > len(votes))
    assert bool(said) is bool(lost)
    changed = trials.assign(degraded="nothing to count: the earliest seat's answer")
    recipes = {"vote-heron": {"strategy": "vote"}}
    (finding,) = uncounted(changed, recipes)
    assert "3 of 3 answers" in finding["text"]
    assert recipes["vote-heron"]["strategy"] == "vote (nothing counted)"


def test_answers_without_end_are_grouped_by_their_first_thousand_words():
    """Three answers of one word, over and over, would hold up every other call for hours."""
    endless = " ".join(["tide"] * 200_000)
    ask = ScriptedAsk(member=["Short and other", f"{endless} x", f"{endless} y z"])

    assert asyncio.run(vote(WHY, ask, members=(A,) * 3)).text.endswith("x")


@pytest.mark.parametrize("name", [n for n in presets() if "/" not in n and n != "grid-26"])
def test_every_preset_plans_to_a_number(name: str):
    """A shipped preset whose price is missing cannot be run under a budget."""
    tasks = load_task_files(["tasks/mini.yaml"]).first(1)
    bench = configure(name, tasks=tasks)
    assert plan(tasks, bench).total("at_most_usd") is not None


def test_a_limit_takes_from_each_file_in_turn():
    """Ten of two files were ten of the first, and the second was never tried."""
    both = load_task_files(["tasks/mini.yaml", "tasks/coding.yaml"])
    first = [task.id for task in load_task_files(["tasks/coding.yaml"]).tasks]
    four = [task.id for task in both.first(4).tasks]
    assert [task in first for task in four] == [False, False, True, True]
    assert set(four) <= {task.id for task in both.first(7).tasks}
    assert len(both.first(99).tasks) == len(both.tasks)
