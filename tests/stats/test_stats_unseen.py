"""No variance seen is not no variance; and what counts as chosen, as a cluster, as decided."""

import itertools

import numpy as np
import pandas as pd
import pytest
from made_worlds import noise, worlds
from scipy import stats as scipy_stats
from typer.testing import CliRunner

import fusion_eval as fe
from fusion_eval.cli import app
from fusion_eval.stats.deciding import tasks_to_decide
from fusion_eval.stats.equivalence import equivalence_p, noninferiority_p
from fusion_eval.stats.fixed import fixed_mean
from fusion_eval.stats.means import Mean, flat_limits, unseen_share
from fusion_eval.stats.power import cautious_sd
from fusion_eval.stats.study import DESCRIPTIVE, OPEN, decide
from fusion_eval.stats.tables import tidied

RNG = np.random.default_rng


def table(scores, **more):
    """Trials of recipes r0, r1, … from scores of shape (tasks, recipes) or (tasks, recipes, k)."""
    cube = scores if scores.ndim == 3 else scores[:, :, None]
    n, recipes, repeats = cube.shape
    rows = [
        {"task": f"t{t:03d}", "recipe": f"r{j}", "repeat": k, "strategy": "solo",
         "cost_usd": 0.01, "latency_s": 1.0, "score": cube[t, j, k],
         **{name: column[t] for name, column in more.items()}}
        for t, j, k in itertools.product(range(n), range(recipes), range(repeats))
    ]  # fmt: skip
    return pd.DataFrame(rows)


# The rule of three


def test_the_bound_of_what_may_go_unseen_is_the_published_one():
    """Hanley and Lippman-Hand: 0 of n seen leaves 3 / n at 95 %; of 12 exactly 22.1 %."""
    assert unseen_share(12) == pytest.approx(0.2209, abs=1e-4)
    assert unseen_share(100) == pytest.approx(3 / 100, rel=0.02)
    assert flat_limits(0.0, 12) == pytest.approx((-0.2209, 0.2209), abs=1e-4)
    assert flat_limits(1.0, 12) == pytest.approx((1 - 2 * 0.2209, 1.0), abs=1e-4)


def test_equality_by_ties_alone_needs_as_many_as_the_margin_asks_for():
    """98 ties leave 3 points open at 5 %, 99 do not: (1 - .03)^n."""
    flat = {n: Mean(value=0.0, se=0.0, freedom=n - 1, n=n, units=n, how="t") for n in (12, 98, 99)}
    assert equivalence_p(flat[98], 0.03) > 0.05 > equivalence_p(flat[99], 0.03)
    assert noninferiority_p(flat[12], 0.03) == pytest.approx(0.97**12)


@pytest.mark.parametrize("value", [0.0, 1.0])
@pytest.mark.parametrize("estimand", ["new tasks", "these tasks"])
def test_all_right_and_all_wrong_are_never_an_interval_without_width(value, estimand):
    """Twelve easy tasks, all solved, refuted a hypothesis."""
    row = fe.compare(table(np.full((12, 2, 2), value)), margin=2, estimand=estimand).iloc[0]
    assert (row["low"], row["high"]) != (0.0, 0.0)
    assert row["high"] - row["low"] > 0.2
    assert (row["conclusion"], row["p"]) == ("undecided", 1.0)


def test_a_lead_that_never_varies_is_believed_only_beyond_what_may_be_unseen():
    """Ten points on each of 12 tasks: two tasks in ten may differ unseen and undo it."""
    lead = np.tile([0.5, 0.6], (12, 1))
    assert fe.compare(table(lead)).loc[0, "conclusion"] == "undecided"
    many = np.tile([0.5, 0.6], (60, 1))
    assert fe.compare(table(many)).loc[0, "conclusion"] == "better"


STUDY = {
    "contrasts": {"gain": {"claim": "better", "plus": ["r1"], "minus": ["r0"], "by": None}},
    "rule": "all", "margin": 2.0,
}  # fmt: skip


@pytest.mark.parametrize("n", [12, 60])
def test_a_study_on_saturated_tasks_decides_nothing(n):
    """`equivalent` refuted a claim of `better`, because every arm was right on easy tasks."""
    outcome = decide(tidied(table(np.ones((n, 2)))), STUDY)
    assert outcome.verdict == OPEN
    assert outcome.rows[0]["conclusion"] == "undecided"


def test_a_study_of_few_tasks_is_descriptive():
    """`confirmed` in bold above `rests on 12 tasks` is two sentences that contradict each other."""
    d = RNG(0).normal(0.1, 0.03, 12)
    outcome = decide(tidied(table(np.column_stack([np.full(12, 0.5), 0.5 + d]))), STUDY)
    assert (outcome.verdict, outcome.reading) == (DESCRIPTIVE, "confirmed on 12 tasks")


def _domains(sizes, rng):
    labels = [f"d{k}" for k, size in enumerate(sizes) for _ in range(size)]
    level = rng.normal(0.5, 0.15, (len(labels), 1, 1))
    scores = level + rng.normal(0, 0.06, (len(labels), 2, 1))
    noisy = np.clip(scores + rng.normal(0, 0.08, (len(labels), 2, 3)), 0, 1)
    return tidied(table(noisy, domain=labels))


BY = STUDY | {"contrasts": {"gain": STUDY["contrasts"]["gain"] | {"claim": None, "by": "domain"}}}


def test_a_domain_of_few_tasks_is_described_and_not_tested():
    """Two tasks have one degree of freedom: 172 of 200 null runs called some domain different."""
    rows = decide(_domains([2] * 10 + [3] * 2, RNG(1)), BY).rows
    assert len(rows) == 12
    assert {row["conclusion"] for row in rows} == {"undecided"}
    assert all(np.isnan([row["low"], row["p_adjusted"]]).all() for row in rows)
    assert {row["n"] for row in rows} == {2, 3}, "the tasks of the domain, not of the study"


@pytest.mark.parametrize("sizes", [[2] * 10 + [3] * 2, [5] * 5, [6] * 4, [5, 30]])
@pytest.mark.simulation
def test_domains_of_a_study_are_called_different_in_at_most_one_of_twenty_nulls(sizes):
    """Every row of a domain is a sentence in a report."""
    rng, count = RNG(2), worlds() // 10
    wrong = 0
    for _ in range(count):
        rows = decide(_domains(sizes, rng), BY, flips=999).rows
        wrong += any(row["conclusion"] in ("better", "worse") for row in rows)
    assert wrong / count <= 0.05 + noise(0.05, count)


# These tasks


def test_repeats_that_never_differ_bring_no_degrees_of_freedom():
    """Noise in one task of eight has the freedom of that task; t with 8 covered .70."""
    still = [[0.5, 0.5]] * 7
    assert fixed_mean([*still, [0.2, 0.8]]).freedom == 1
    alike = fixed_mean([[0.4, 0.6]] * 8)
    assert alike.freedom == 8


@pytest.mark.simulation
@pytest.mark.parametrize(("n", "k"), [(8, 2), (30, 2), (30, 4)])
def test_these_tasks_are_covered_where_few_of_them_vary(n, k):
    """Noise in a tenth of the tasks: .70, .86 and .90 were covered."""
    rng, count = RNG(3), worlds() // 4
    spread = np.where(np.arange(n) < max(1, n // 10), 0.2, 0.0)[:, None]
    held = 0
    for _ in range(count):
        d = spread * rng.normal(0, 1, (n, k))
        mean = fixed_mean(d)
        held += abs(mean.value) <= mean.t_quantile(0.95) * mean.se
    assert held / count >= 0.95 - noise(0.95, count)


# Chosen on the data


def test_a_reference_that_leads_is_treated_as_chosen_whoever_names_it():
    """Of 20 equal recipes the luckiest beats another in half of the tables."""
    x = np.clip(RNG(4).normal(0.5, 0.1, (30, 6)) + np.arange(6) * 0.01, 0, 1)
    trials = table(x)
    best = f"r{x.mean(axis=0).argmax()}"
    named, every = fe.compare(trials, best), fe.compare(trials, second=best)
    pairs = every[every["b"] == best].set_index("a")
    assert len(named) == 5
    assert named.attrs["family"] == 15
    for column in ("p_adjusted", "low", "high", "conclusion"):
        assert list(named.set_index("a")[column]) == list(pairs.loc[named["a"], column])
    assert "was chosen on these data" in named["caveat"].iloc[0]
    other = f"r{x.mean(axis=0).argmin()}"
    assert fe.compare(trials, other).attrs["family"] == 5
    assert fe.compare(trials, best, chosen=False).attrs["family"] == 5


@pytest.mark.simulation
def test_many_equal_recipes_without_prices_are_seldom_called_worse():
    """Beyond 40 recipes a report called some of them worse in 35 to 80 % of tables."""
    rng, runs, wrong, count = RNG(5), worlds() // 20, 0, 42
    for _ in range(runs):
        x = np.clip(rng.normal(0.5, 0.1, (40, 1)) + rng.normal(0, 0.08, (40, count)), 0, 1)
        found = fe.compare(table(x), f"r{x.mean(axis=0).argmax()}", flips=499)
        wrong += found["conclusion"].isin(["better", "worse"]).any()
    assert wrong / runs <= 0.05 + noise(0.05, runs)


@pytest.mark.parametrize("recipes", [3, 45])
def test_the_report_of_a_leaderboard_looks_at_all_pairs_however_many(recipes, tmp_path):
    """The limit of 40 recipes is where false words began."""
    x = np.clip(RNG(6).normal(0.5, 0.1, (12, recipes)), 0, 1)
    plain = table(x).drop(columns=["cost_usd", "latency_s", "strategy"])
    plain.to_csv(tmp_path / "scores.csv", index=False)
    made = CliRunner().invoke(app, ["import", str(tmp_path / "scores.csv"), "-o", str(tmp_path)])
    assert made.exit_code == 0, made.output
    summary = next(tmp_path.glob("*/summary.json"))
    found = pd.read_json(summary, typ="series")
    assert found["family"] == "all pairs"
    assert len(found["comparisons"]) == recipes - 1
    assert found["not_below_best"] is not None


# Clusters


def _clustered(sizes, rng, recipes=2):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    n, sd, icc = len(labels), 0.1, 0.3
    shared = rng.normal(0, sd * icc**0.5, (len(sizes), recipes))[labels]
    own = rng.normal(0, sd * (1 - icc) ** 0.5, (n, recipes))
    x = 0.5 + rng.normal(0, 0.08, (n, 1)) + shared + own
    return table(np.clip(x, 0, 1), cluster=[f"c{v}" for v in labels])


CLAIM = pd.DataFrame([{"claim": "one beats the other", "says": "above", "a": "r0", "b": "r1"}])
WIDTHS = {
    "claims": lambda t: fe.claims(t, CLAIM).loc[0, ["low", "high"]],
    "compare": lambda t: fe.compare(t).loc[0, ["low", "high"]],
    "scaling": lambda t: fe.scaling(t, {"r0": 1, "r1": 2}).loc[1, ["gain_low", "gain_high"]],
    "slope": lambda t: [getattr(fe.scaling(t, {"r0": 1, "r1": 2}).attrs["per_doubling"], end)
                        for end in ("low", "high")],
    "gains": lambda t: fe.gains(t.assign(domain="d"), "r0", "r1").loc[0, ["low", "high"]],
    "failures": lambda t: fe.failures(t).loc[1, ["low", "high"]],
    "scores": lambda t: fe.scores(t).loc[0, ["low", "high"]],
}  # fmt: skip


@pytest.mark.parametrize("verb", WIDTHS)
def test_tasks_of_one_cluster_are_not_news_to_each_other(verb):
    """`claims` called supported what `compare` left undecided on the same rows."""
    trials = _clustered([12] * 6, RNG(7))
    shared = trials.groupby("cluster")["score"].transform("mean")
    trials["score"] = (0.3 * trials["score"] + 0.7 * shared).clip(0, 1)
    with_clusters, without = (
        np.ptp(np.asarray(WIDTHS[verb](t), dtype=float))
        for t in (trials, trials.drop(columns="cluster"))
    )
    assert with_clusters > 1.3 * without


def test_claims_and_compare_say_the_same_of_clustered_tasks():
    """The two verbs are two doors to one test."""
    trials = _clustered([20, 10, 5, 3, 2], RNG(8))
    row, pair = fe.claims(trials, CLAIM).iloc[0], fe.compare(trials, "r1", chosen=False).iloc[0]
    assert [row["value"], row["low"], row["high"]] == pytest.approx(
        [pair["difference"], pair["low"], pair["high"]]
    )


def test_a_plan_for_clustered_tasks_asks_for_more_of_them():
    """A plan that counts 60 tasks of 10 sources as 60 is short by what they share."""
    trials = _clustered([10] * 10, RNG(9))
    alone = fe.power(trials.drop(columns="cluster")).iloc[0]
    found = fe.power(trials).iloc[0]
    pair = fe.compare(trials).iloc[0]
    assert found["sd"] == pytest.approx(pair["se"] * np.sqrt(pair["n"]))
    assert found["tasks"] > 1.2 * alone["tasks"]


@pytest.mark.simulation
@pytest.mark.parametrize("sizes", [[20, 10, 5, 3, 2], [4] * 15, [40, 40]])
def test_equal_recipes_on_clustered_tasks_are_seldom_told_apart(sizes):
    """Ranks and claims alarmed in .17 to .62 of such worlds."""
    rng, count = RNG(10), worlds() // 20
    wrong = sum(
        fe.claims(_clustered(sizes, rng), CLAIM, flips=99).loc[0, "verdict"] != "undecided"
        for _ in range(count)
    )
    assert wrong / count <= 0.05 + noise(0.05, count)


# What would decide


def _needed(difference, se, half, n):
    return tasks_to_decide(*(np.array([x], dtype=float) for x in (difference, se, half, n)))


def test_tasks_to_decide_are_the_published_number_where_the_difference_is_known():
    """Three points against an SD of ten, far above the noise: 80 % power needs 87 pairs."""
    n = 10_000.0
    found = _needed(0.03, 0.1 / n**0.5, 1.96 * 0.1 / n**0.5, n)
    assert found.tasks[0] == n + 1, "never fewer than there are"
    exact = fe.tasks_needed(0.03, 0.1)
    wide = _needed(0.03, 0.0005, 1.96 * 0.0005, 40_000.0)
    scaled = tasks_to_decide(
        np.full(1, 0.03), np.full(1, 0.01), np.full(1, 0.0198), np.full(1, 100.0)
    )
    assert exact == 90
    assert wide.tasks[0] == 40_001
    assert 101 <= scaled.tasks[0] <= 3 * exact
    assert scaled.low[0] <= scaled.tasks[0] <= scaled.high[0]


@pytest.mark.parametrize("n", [4, 5])
def test_tasks_to_decide_are_never_so_few_that_no_p_could_decide(n):
    """`about 2 tasks like these would decide it (now 5)`."""
    lead = np.column_stack([np.full(n, 0.1), 0.8 + 0.01 * np.arange(n)])
    row = fe.compare(table(lead)).iloc[0]
    assert row["conclusion"] == "undecided"
    assert row["tasks_to_decide"] >= 7


@pytest.mark.simulation
def test_pairs_that_differ_by_a_point_are_decided_at_the_tasks_that_were_named():
    """The pair that is closest to a decision is so by luck: decided in .29 of tables."""
    rng, decided, count = RNG(11), 0, 0
    for world in range(max(40, worlds() // 10)):
        recipes, spread = (2, 6)[world % 2], (0.0, 0.01, 0.03, 0.06)[world // 2 % 4]
        truth = rng.normal(0.5, spread, recipes)

        def draw(n, truth=truth, recipes=recipes):
            x = truth + rng.normal(0, 0.1, (n, 1)) + rng.normal(0, 0.074, (n, recipes))
            return np.clip(x, 0, 1)

        x = draw(30)
        open_ = fe.compare(table(x), flips=999).query("conclusion == 'undecided'")
        if open_.empty:
            continue
        row = open_.iloc[int((open_["difference"].abs() / (open_["high"] - open_["low"])).argmax())]
        i, j = int(row["a"][1:]), int(row["b"][1:])
        if abs(truth[i] - truth[j]) < 0.01 or row["tasks_to_decide"] > 4_000:
            continue
        more = np.vstack([x, draw(int(row["tasks_to_decide"]) - 30)])
        again = fe.compare(table(more), flips=999).set_index(["a", "b"])["conclusion"]
        pair = (row["a"], row["b"])
        decided += again.get(pair, again.get(pair[::-1])) != "undecided"
        count += 1
    assert count > 10
    assert decided / count >= 0.75 - noise(0.75, count)


def test_the_cautious_sd_of_long_tails_is_that_of_fewer_tasks():
    """With an excess kurtosis of 6, 40 tasks know the SD as 10 normal ones do."""
    freedom = 2 / (2 / 39 + 6 / 40)
    expected = (freedom / scipy_stats.chi2.ppf(0.2, freedom)) ** 0.5
    assert cautious_sd(1.0, 40, kurtosis=6.0) == pytest.approx(expected)
    assert cautious_sd(1.0, 40, kurtosis=6.0) > cautious_sd(1.0, 40)


def test_how_many_collapses_would_undo_a_lead_is_said_where_so_many_may_be_unseen():
    """A recipe that collapses on 3 % of tasks looks better than a steady one in .24 of tables."""
    lead = np.column_stack([np.full(30, 0.7), 0.75 + 0.04 * RNG(12).normal(0, 1, 30)])
    row = fe.compare(table(lead)).iloc[0]
    assert row["conclusion"] == "better"
    assert "1 more task in 31 on which r1 scores 0 would undo this" in row["caveat"]
    assert "up to 9.5% of tasks may be like that unseen" in row["caveat"]
    undone = fe.compare(table(np.vstack([lead, [0.7, 0.0]]))).iloc[0]
    assert undone["conclusion"] == "undecided"
    large = np.vstack([lead] * 10) + RNG(13).normal(0, 0.001, (300, 2))
    assert "would undo this" not in fe.compare(table(large)).loc[0, "caveat"]
