"""Standard errors for tasks in strata, in clusters, and for exactly these tasks."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from made_worlds import GOLDEN
from scipy import linalg
from scipy import stats as scipy_stats

import fusion_eval as fe
from fusion_eval.errors import MissingScoresError, StatisticsError, TooFewTasksError
from fusion_eval.stats.clusters import clustered
from fusion_eval.stats.estimates import logit_t, t_interval
from fusion_eval.stats.fixed import fixed_difference, fixed_mean
from fusion_eval.stats.means import plain, score_limits, t_limits
from fusion_eval.stats.strata import stratified

RNG = np.random.default_rng
X, CLUSTERS = GOLDEN["scores"]["values"], GOLDEN["clusters"]["labels"]


@pytest.mark.parametrize("correction", ["CR0", "CR1", "CR2"])
def test_cluster_standard_errors_are_the_golden_ones(correction):
    """With ten domains as a sample a wrong correction covers .80 instead of .95."""
    found = clustered(X, CLUSTERS, correction)

    assert found.se == pytest.approx(GOLDEN["clusters"][correction], abs=1e-8)
    assert found.value == pytest.approx(GOLDEN["clusters"]["mean"], abs=1e-8)
    if correction == "CR2":
        assert found.freedom == pytest.approx(GOLDEN["clusters"]["CR2_dof"], abs=1e-8)
        assert (found.n, found.units) == (12, 4)


def test_the_standard_error_within_strata_is_the_golden_one():
    """Fixed domains: what differs between them must not widen the interval."""
    found = stratified(X, CLUSTERS)

    assert found.se == pytest.approx(GOLDEN["clusters"]["stratified"], abs=1e-8)
    assert found.freedom == GOLDEN["clusters"]["stratified_dof"]
    assert plain(X).se == pytest.approx(GOLDEN["clusters"]["se_iid"], abs=1e-8)


def test_cr1_is_what_statsmodels_gives_for_a_regression_on_a_constant():
    """The reference library of most readers."""
    x, label = RNG(1).normal(0.5, 0.2, 60), RNG(2).integers(0, 9, 60)
    theirs = sm.OLS(x, np.ones(60)).fit(cov_type="cluster", cov_kwds={"groups": label})

    assert clustered(x, label, "CR1").se == pytest.approx(float(theirs.bse[0]), abs=1e-12)


def test_cr2_and_its_degrees_of_freedom_follow_from_their_definition():
    """The closed form against matrices: Bell and McCaffrey's adjustment, and tr^2 / tr of squares.

    The definition takes the inverse root of (I - H) within each cluster, and the freedom from the
    eigenvalues of the quadratic form under independence.
    """
    label = np.repeat([0, 1, 2, 3, 4], [2, 7, 1, 4, 6])
    x, n = RNG(3).normal(0, 1, 20), 20
    left = np.eye(n) - 1 / n
    e, variance, columns = left @ x, 0.0, []
    for g in range(5):
        rows = np.flatnonzero(label == g)
        block = left[np.ix_(rows, rows)]
        root = np.real(linalg.fractional_matrix_power(block, -0.5))
        variance += float((np.ones(len(rows)) @ root @ e[rows]) ** 2) / n**2
        columns.append(left[:, rows] @ root @ np.ones(len(rows)) / n)
    form = np.array([[a @ b for a in columns] for b in columns])

    found = clustered(x, label)

    assert found.se == pytest.approx(np.sqrt(variance), abs=1e-12)
    freedom = np.trace(form) ** 2 / np.trace(form @ form)
    assert found.freedom == pytest.approx(freedom, abs=1e-9)


def test_clusters_of_one_task_give_the_plain_t_interval():
    """Naming a cluster for every task must change nothing."""
    single, whole = clustered(X, range(12)), t_interval(X)

    found = t_limits(single)

    assert (found.low, found.high) == pytest.approx((whole.low, whole.high))
    assert single.freedom == pytest.approx(11)
    on_scale, ours = score_limits(single), logit_t(X)
    assert (on_scale.low, on_scale.high) == pytest.approx((ours.low, ours.high))


def test_one_cluster_or_only_single_tasks_have_no_standard_error_and_say_so():
    """A number would be invented."""
    with pytest.raises(TooFewTasksError, match="one cluster"):
        clustered([0.1, 0.2], ["a", "a"])
    with pytest.raises(TooFewTasksError, match="strata"):
        stratified([0.1, 0.2], ["a", "b"])
    with pytest.raises(MissingScoresError):
        clustered([0.1, float("nan")], ["a", "b"])
    with pytest.raises(StatisticsError, match="labels"):
        clustered([0.1, 0.2, 0.3], ["a", "b"])


def test_a_stratum_of_one_task_takes_the_spread_of_the_others():
    """Its own spread is unknown, which is not zero."""
    found = stratified([0.1, 0.5, 0.3, 0.7, 0.9], list("aabbc"))

    pooled = (0.08 + 0.08) / 2
    assert found.se == pytest.approx(np.sqrt(5 * pooled) / 5)


def test_on_one_task_with_repeats_the_difference_is_students_two_sample_test():
    """The fixed-set standard error, on the one case that every textbook has."""
    a, b = RNG(4).normal(0.6, 0.1, 6), RNG(5).normal(0.5, 0.1, 6)

    found = fixed_difference([a], [b])

    theirs = scipy_stats.ttest_ind(a, b)
    assert found.p() == pytest.approx(theirs.pvalue, abs=1e-12)
    interval = theirs.confidence_interval()
    assert (t_limits(found).low, t_limits(found).high) == pytest.approx(tuple(interval), abs=1e-12)


def test_on_these_tasks_only_the_spread_of_repeats_counts():
    """Tasks differ by 80 points here and repeats by 2; the gate must see the 2."""
    repeats = [np.array([0.1, 0.12]), np.array([0.9, 0.88]), np.array([0.5, 0.5])]

    found = fixed_mean(repeats)

    assert found.se == pytest.approx(np.sqrt((0.0002 + 0.0002 + 0) / 2) / 3)
    assert (found.freedom, found.n) == (3, 3)
    assert np.isnan(fixed_mean([[0.1], [0.9]]).se)


def test_one_new_run_borrows_the_spread_of_the_baselines_repeats():
    """A gate compares one new run with a baseline of several; the formula is theirs in full."""
    old = RNG(6).normal(0.5, 0.1, (10, 4))
    new = RNG(7).normal(0.5, 0.1, (10, 1))

    found = fixed_difference(list(new), list(old))

    assert found.se == pytest.approx(np.sqrt(old.var(axis=1, ddof=1).sum() * (1 + 1 / 4)) / 10)
    spread = old.var(axis=1, ddof=1)  # three degrees of freedom each, as far as they are alike
    assert found.freedom == pytest.approx(spread.sum() ** 2 / (spread**2 / 5).sum() - 2)
    with pytest.raises(TooFewTasksError, match="same tasks"):
        fixed_difference(list(new), list(old[:9]))


def _domains(n=40, repeats=2, seed=0):
    rng = RNG(seed)
    domain = np.arange(n) % 8
    lift = rng.normal(0, 0.12, 8)[domain]
    rows = [
        {"task": f"t{t}", "recipe": recipe, "repeat": k, "domain": f"d{domain[t]}",
         "score": float(np.clip(0.5 + gain * lift[t] + rng.normal(0, 0.02), 0, 1))}
        for t in range(n) for recipe, gain in (("a", 1.0), ("b", 0.0)) for k in range(repeats)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_the_three_questions_have_three_widths_and_each_says_which_it_is():
    """Who reads the width for these tasks as one for new domains is wrong by a factor of ten."""
    tables = {q: fe.compare(_domains(), estimand=q).iloc[0] for q in
              ("these tasks", "new tasks", "new domains")}  # fmt: skip
    width = {q: row["high"] - row["low"] for q, row in tables.items()}

    assert 3 * width["these tasks"] < width["new tasks"] < 0.7 * width["new domains"]
    assert "exactly these tasks" in tables["these tasks"]["estimand"]
    assert "new tasks of the same domains" in tables["new tasks"]["estimand"]
    assert "new domains" in tables["new domains"]["estimand"]
    assert "CR2 over 8 clusters" in tables["new domains"]["method"]
    assert len({round(row["difference"], 12) for row in tables.values()}) == 1


def test_tasks_that_share_a_cluster_are_not_counted_as_independent():
    """Ten questions on one document are one document."""
    table = _domains().rename(columns={"domain": "cluster"})

    grouped, alone = fe.scores(table), fe.scores(table.drop(columns="cluster"))

    wide = (grouped["high"] - grouped["low"])[0]
    assert wide > 1.5 * (alone["high"] - alone["low"])[0]
    assert "CR2 over 8 clusters" in grouped.loc[0, "method"]
    assert "CR2" in fe.compare(table).loc[0, "method"]


def test_without_repeats_or_domains_the_question_is_refused_or_left_open():
    """An interval from data that cannot show the spread would be made up."""
    once = _domains(repeats=1)
    row = fe.compare(once, estimand="these tasks").iloc[0]
    assert np.isnan([row["low"], row["p"]]).all()
    assert row["conclusion"] == "undecided"
    assert "run more repeats" in row["caveat"]
    assert np.isnan(fe.scores(once, "these tasks")["low"]).all()
    with pytest.raises(StatisticsError, match="name no domain"):
        fe.compare(once.drop(columns="domain"), estimand="new domains")
    with pytest.raises(StatisticsError, match="did you mean 'new tasks'"):
        fe.scores(once, "new task")


def test_repeats_that_share_calls_are_paired_and_two_runs_are_not(tmp_path):
    """Shared drafts move both sides alike; taken as independent, a gate loses its power."""
    rng, rows = RNG(8), []
    for t in range(12):
        for k in range(3):
            shared = rng.normal(0, 0.1)
            rows += [{"task": f"t{t}", "recipe": r, "repeat": k, "score": 0.5 + shared + lift}
                     for r, lift in (("a", 0.02), ("b", 0.0))]  # fmt: skip
    table = pd.DataFrame(rows)

    paired = fe.compare(table, estimand="these tasks").iloc[0]
    unlabelled = fe.compare(table.drop(columns="repeat"), estimand="these tasks").iloc[0]
    runs = fe.compare_runs(
        table[table["recipe"] == "a"].assign(recipe="x"),
        table[table["recipe"] == "b"].assign(recipe="x"),
        estimand="these tasks",
    ).iloc[0]

    assert paired["se"] < 1e-10
    assert unlabelled["se"] == pytest.approx(runs["se"])
    assert runs["se"] > 0.01
