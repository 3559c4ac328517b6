"""The whole road on public verdicts of 20 fusion systems, against figures computed elsewhere."""

import numpy as np
import pandas as pd
import pytest
from made_public import public_scores
from made_rubrics import draco_rows, needs_public_data

import fusion_eval as fe
from fusion_eval.stats.means import plain
from fusion_eval.stats.multiple import holm

pytestmark = needs_public_data


@pytest.fixture(scope="module")
def eighteen():
    """The systems with 99 or more graded tasks, on the 99 tasks that all of them have."""
    scores = public_scores()
    systems = [name for name, tasks in scores.items() if len(tasks) >= 99]
    common = sorted(set.intersection(*(set(scores[name]) for name in systems)))
    rows = [(t, name, scores[name][t] / 100) for name in systems for t in common]
    return pd.DataFrame(rows, columns=["task", "recipe", "score"])


@pytest.fixture(scope="module")
def compared(eighteen):
    return fe.compare(eighteen)


def test_paired_spreads_of_153_pairs_are_the_known_ones(compared):
    """Every plan for DRACO rests on these three numbers."""
    points = 100 * compared["sd"]

    assert len(compared) == 153
    assert (compared["n"] == 99).all()
    found = (points.min(), points.median(), points.max())
    assert found == pytest.approx((6.7, 10.7, 14.8), abs=0.05)


def test_99_pairs_differ_unadjusted_and_63_adjusted(eighteen, compared):
    """36 of 99 published "wins" do not survive that somebody looked at all pairs.

    By t: 99. The sign flips of the table are 9,999 random ones, which move one pair at p = .048.
    63 by Holm on t, and by the words of the table (interval and step-down p both say so).
    """
    wide = eighteen.pivot(index="task", columns="recipe", values="score")
    p = [plain(wide[a] - wide[b]).p() for a, b in zip(compared["a"], compared["b"], strict=True)]

    assert sum(np.array(p) <= 0.05) == 99
    assert abs((compared["p"] <= 0.05).sum() - 99) <= 2
    assert (holm(p) <= 0.05).sum() == 63
    assert (compared["conclusion"] == "better").sum() == 63
    assert compared.attrs["critical"] == pytest.approx(3.52, abs=0.05)


def test_the_top_scorer_may_hold_any_rank_from_1_to_10(eighteen):
    """The bold line of the published table."""
    table = fe.ranks(eighteen)

    top = table.iloc[0]
    assert 100 * top["score"] == pytest.approx(71.8, abs=0.05)
    assert (top["rank_low"], top["rank_high"]) == (1, 10)
    assert top["p_best"] == pytest.approx(0.57, abs=0.03)
    assert 3 <= table["maybe_best"].sum() <= 10
    row = fe.best(eighteen).iloc[0]
    assert row["recipe"] == top["recipe"]
    assert 0.2 < 100 * row["optimism"] < 1.5


def test_m3_leads_opus_by_0_92_with_a_standard_error_of_0_67():
    """The difference that was called a win."""
    pair = ("fusion_frontier_minimaxm3", "fusion_sota5_opus")
    rows = [(t, s, x / 100) for s in pair for t, x in public_scores()[s].items()]
    table = pd.DataFrame(rows, columns=["task", "recipe", "score"])

    row = fe.compare(table).iloc[0]

    assert (row["a"], row["conclusion"], row["n"]) == (pair[0], "undecided", 100)
    assert 100 * row["difference"] == pytest.approx(0.92, abs=0.006)
    assert 100 * row["se"] == pytest.approx(0.67, abs=0.006)
    assert row["tasks_to_decide"] > 100


def test_with_domains_as_a_sample_a_level_is_known_to_2_5_points_instead_of_1_6():
    """Ten domains are ten, however many tasks they hold."""
    domain = {row["task_id"]: row["domain"] for row in draco_rows()}
    scores = public_scores()
    rows = [(t, s, x / 100, domain[t]) for s in scores for t, x in scores[s].items()]
    table = pd.DataFrame(rows, columns=["task", "recipe", "score", "domain"])

    tasks, domains = fe.scores(table), fe.scores(table, "new domains")

    assert 100 * tasks["se"].median() == pytest.approx(1.6, abs=0.1)
    assert 100 * domains["se"].median() == pytest.approx(2.5, abs=0.4)
