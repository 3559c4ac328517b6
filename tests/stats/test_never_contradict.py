"""Whatever the table, no two of our tables say the opposite of each other, nor do our sentences."""

import os
import re

import numpy as np
import pandas as pd
import pytest
from made_runs import trial, write_run

import fusion_eval as fe
from fusion_eval import report
from fusion_eval.errors import StatisticsError, TooFewTasksError
from fusion_eval.report.decision import decision, findings
from fusion_eval.report.first import sentence
from fusion_eval.report.markdown import markdown
from fusion_eval.stats.common import common
from fusion_eval.stats.tables import tidied

FULL = os.environ.get("FUSION_EVAL_SIMULATIONS") == "full"


def _random_table(seed):
    """Missing (also hard) tasks, clusters, ties, unknown costs, 1 to 60 recipes."""
    rng = np.random.default_rng(seed)
    n, k = int(rng.integers(3, 45)), int(rng.choice([1, 2, 3, 5, 9, 60], p=[0.1, *[0.2] * 4, 0.1]))
    level, lead = rng.normal(0.55, 0.15, (n, 1)), rng.choice([0.0, 0.01, 0.05]) * rng.normal(size=k)
    score = np.clip(level + lead + rng.normal(0, 0.08, (n, k)), 0, 1)
    score = score.round() if rng.random() < 0.3 else score.round(int(rng.integers(1, 4)))
    cost = 0.01 * rng.lognormal(0, 1, k) * rng.lognormal(0, rng.choice([0.0, 0.5, 1.5]), (n, k))
    rows = pd.DataFrame({
        "task": np.repeat([f"t{i}" for i in range(n)], k),
        "recipe": np.tile([f"r{j}" for j in range(k)], n), "repeat": 0,
        "score": score.ravel(), "cost_usd": cost.ravel(), "latency_s": 1 + cost.ravel(),
        "strategy": np.tile(["solo" if j < max(1, k // 2) else "panel" for j in range(k)], n),
    })  # fmt: skip
    if rng.random() < 0.4:
        rows["cluster"] = (rows["task"].str[1:].astype(int) // int(rng.integers(2, 5))).astype(str)
    if k > 1 and rng.random() < 0.6:
        who, hard = f"r{rng.integers(k)}", np.argsort(score.mean(axis=1))
        lost = {f"t{i}" for i in hard[: int(rng.integers(1, max(2, n // 2)))]}
        rows = rows[~((rows["recipe"] == who) & rows["task"].isin(lost))]
    if rng.random() < 0.4:
        who = rows["recipe"] == f"r{rng.integers(k)}"
        rows.loc[who & (rng.random(len(rows)) < rng.choice([0.1, 1.1])), "cost_usd"] = np.nan
    return rows.reset_index(drop=True)


def _told_apart(table):
    """Pairs (better, worse) when all pairs are looked at."""
    try:
        pairs = fe.compare(table)
    except StatisticsError:
        return set()
    up, down = pairs["conclusion"] == "better", pairs["conclusion"] == "worse"
    return {*zip(pairs.loc[up, "a"], pairs.loc[up, "b"], strict=True),
            *zip(pairs.loc[down, "b"], pairs.loc[down, "a"], strict=True)}  # fmt: skip


@pytest.mark.parametrize("seed", range(24))
def test_choice_frontier_ranks_best_and_comparisons_agree_on_any_table(seed):
    """One report said "take old (100 %)" while `compare` on the same run called it worse."""
    table = _random_table(seed)
    shared = common(tidied(table))
    rows = shared.of(tidied(table))
    apart = _told_apart(rows)
    taken, place = fe.decisions(table, resamples=300), fe.pareto(table, resamples=300)
    place = place.set_index("recipe")

    assert set(taken["recipe"]) <= set(shared.recipes)
    assert set(place.index[place["status"] == "not compared"]) == set(shared.left_out)
    assert (taken["probability"] < 1).all() or len(shared.recipes) == 1
    assert (taken["regret_usd"] >= 0).all()
    cost, known = place["cost_usd"], place["cost_unknown"] == 0
    for name in taken["recipe"]:
        assert place.loc[name, "status"] != "dominated"
        beaten_by = [a for a, b in apart if b == name and known[a] and known[name]]
        assert not any(cost[a] <= cost[name] for a in beaten_by)
    for name, row in place.iterrows():
        for other in filter(None, row["dominated_by"].split(", ")):
            assert row["on_frontier"] is False
            assert place.loc[other, "score"] > row["score"]
            assert place.loc[other, "cost_usd"] < row["cost_usd"]
            assert (name, other) not in apart
        assert row["status"] != "on" or row["on_frontier"] is True
    if len(shared.recipes) < 2 or not len(shared.tasks):
        return
    _check_ranks(table, apart, taken, known)


def _check_ranks(table, apart, taken, known):
    ranks = fe.ranks(table).set_index("recipe")
    assert ((ranks["rank_low"] == 1) == ranks["maybe_best"]).all()
    for a, b in apart:
        assert ranks.loc[a, "score"] > ranks.loc[b, "score"]
        assert not ranks.loc[a, "rank_low"] > ranks.loc[b, "rank_high"]
    if len(taken) and known.all():
        assert ranks.loc[taken["recipe"].iloc[-1], "score"] == ranks["score"].max()
        assert ranks.loc[taken["recipe"].iloc[-1], "maybe_best"]
    try:
        best = fe.best(table).iloc[0]
    except TooFewTasksError:
        return
    assert ranks.loc[best["recipe"], "score"] == ranks["score"].max()
    assert set(best["maybe_best"].split(", ")) == set(ranks.index[ranks["maybe_best"]])
    if best["maybe_best"].count(",") == 0:
        assert not any(b == best["recipe"] for _, b in apart)


_RECIPE = re.compile(r"\br\d+\b")


def _named(text, start, end="."):
    """Names of recipes in the first sentence of a text that begins so; none without one."""
    _, there, rest = text.partition(start)
    return _RECIPE.findall(rest.partition(end)[0]) if there else []


def _words_of(sentence):
    """conclusion -> names, of a sentence such as `Against r0 – better: r1 (+3.0); worse: r2.`"""
    parts = (part.split(":", 1) for part in sentence.partition(" – ")[2].split("; ") if ":" in part)
    return {word.strip(): set(_RECIPE.findall(rest)) for word, rest in parts}


@pytest.mark.parametrize("seed", range(24) if FULL else (7, 20))
def test_no_sentence_of_a_report_says_the_opposite_of_another_or_of_a_table(seed, tmp_path):
    """A report said "take old (100 %)" and, three lines on, that old is worse."""
    table = _random_table(seed)
    rows = [
        trial(row["task"], row["recipe"], row["score"], failure=None, degraded=None, finish="stop",
              latency_source="measured", **{k: row[k] for k in more})
        for more in [[c for c in ("strategy", "cost_usd", "latency_s", "cluster") if c in table]]
        for row in table.to_dict("records")
    ]  # fmt: skip
    run = write_run(tmp_path / "run", rows)
    summary, trials = report.summarize(run), fe.trials(run)
    text = decision(summary)
    whole = markdown(run, summary, figure=False)
    place = fe.pareto(trials).set_index("recipe")
    shared = set(common(tidied(trials)).recipes)

    taken = re.findall(r"(?:take|lean to) (r\d+) \(", text)
    assert taken == [row["recipe"] for row in summary["decisions"]] or len(summary["recipes"]) == 1
    assert set(taken) <= shared
    opened = sentence(summary)
    named = re.findall(r"r\d+", opened)
    if opened.startswith(("Deploy", "Lean to")):
        assert named == taken[: len(named)] != []
    elif opened.startswith("No recommendation"):
        assert not taken or len(set(taken)) == 1
    apart = next((t for t in findings(summary) if t.startswith("In no choice")), "")
    assert not set(taken) & set(_named(apart, "frontier: ", ";"))
    _check_conclusions(summary, trials, taken, place, text)
    _check_best(summary, trials, text)
    _check_equal_dollars(summary, text)
    for name, row in place.iterrows():
        cells = next((x for x in whole.splitlines() if x.startswith(f"| {name} |")), "")
        if row["dominated_by"]:
            assert f"dominated by {row['dominated_by'].split(', ')[0]}" in cells
            assert name not in taken
            assert f"{name} has the highest score" not in text


def _check_conclusions(summary, trials, taken, place, text):
    """What the report says of each recipe against the reference is what `compare` says."""
    if not summary["comparisons"]:
        return
    reference = summary["reference"]
    sentence = next(t for t in findings(summary) if t.startswith("Against "))
    compared = trials[trials["recipe"].isin([reference, *(r["a"] for r in summary["comparisons"])])]
    table = fe.compare(compared, reference).set_index("a")["conclusion"]
    words = _words_of(sentence)
    assert set().union(*words.values()) <= set(table.index)
    for word, names in words.items():
        assert all(table[name] == word for name in names)
    costs = place["cost_usd"].where(place["cost_unknown"] == 0)
    for name in words.get("worse", ()):
        assert not (name in taken and costs[name] >= costs[reference])


def _check_best(summary, trials, text):
    """`X has the highest score` is who has it in `ranks`; who beats it is nobody."""
    leads = re.findall(r"(r\d+) has the highest score", text)
    ranks = fe.ranks(trials).set_index("recipe") if len(summary["recipes"]) > 1 else None
    for name in leads:
        assert ranks.loc[name, "score"] == ranks["score"].max()
        equal = _named(text, f"{name} has the highest score; looking at all pairs, these tasks "
                       "cannot tell it from ")  # fmt: skip
        every = _told_apart(trials[trials["recipe"].isin(ranks.index)])
        assert not any(b == name for _, b in every)
        assert not {(name, other) for other in equal} & every


def _check_equal_dollars(summary, text):
    said = _words_of(next((t for t in findings(summary) if t.startswith("At equal dollars")), ""))
    for row in summary["matched"]:
        for word, names in said.items():
            if row["recipe"] in names:
                assert (row["place"], row["conclusion"]) == ("inside", word)


@pytest.mark.parametrize("seed", [1, 5])
def test_names_and_the_order_of_rows_change_no_number(seed):
    """Figures that depend on what a task is called are figures of a name."""
    table = _random_table(seed)
    tasks, recipes = table["task"].unique(), table["recipe"].unique()
    rng = np.random.default_rng(seed)
    new = dict(zip(tasks, rng.permutation([f"q{k}" for k in range(len(tasks))]), strict=True))
    names = dict(zip(recipes, rng.permutation([f"p{k}" for k in range(len(recipes))]), strict=True))
    other = table.assign(task=table["task"].map(new), recipe=table["recipe"].map(names))
    other = other.sample(frac=1, random_state=seed)

    for make in (fe.decisions, fe.pareto, lambda t: fe.acceptable(t, 0.6), fe.deadlines):
        one, two = make(table), make(other)
        one = one.assign(recipe=one["recipe"].map(names))
        keys = [c for c in ("limit_s", "recipe") if c in one]
        numbers = [c for c in one.select_dtypes("number").columns if c not in keys]
        one, two = (t.sort_values(keys).reset_index(drop=True) for t in (one, two))
        assert len(one) == len(two)
        np.testing.assert_allclose(
            one[numbers].astype(float), two[numbers].astype(float), rtol=1e-6, atol=1e-9
        )
