"""The difference estimator: what a grader says of everything, and people of a few criteria."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_experiments import five_recipes
from made_gradings import (
    PERFECT,
    corrections,
    frames_of,
    graders,
    grading,
    pool,
    second_of,
    solo,
)
from made_runs import trial
from made_worlds import noise, worlds
from scipy import stats as scipy_stats

from fusion_eval.core import POLICIES, Verdict
from fusion_eval.core.linear import shares
from fusion_eval.core.sampling import expected_size
from fusion_eval.errors import StatisticsError, TooFewTasksError
from fusion_eval.simulator import load_world
from fusion_eval.stats.difference import anchored, two_readings

WEIGHTS = {"moon": 10.0, "spin": 8.0, "myth": -20.0, "tides": 12.0}


def _verdicts(values, grader="g", recipe="r", task="t", **more):
    return [
        {"task": task, "task_hash": task, "recipe": recipe, "repeat": 0, "criterion": name,
         "section": "", "weight": weight, "grader": grader, "grader_pass": 0,
         "verdict": "met" if value else "unmet", "value": value} | more
        for (name, weight), value in zip(WEIGHTS.items(), values, strict=True)
    ]  # fmt: skip


def _drawn(values, chances, recipe="r", task="t"):
    return [
        {"task_hash": task, "recipe": recipe, "repeat": 0, "criterion": name,
         "probability": chance, "value": value}
        for name, value, chance in zip(WEIGHTS, values, chances, strict=True) if chance
    ]  # fmt: skip


def _trials(*rows):
    return pd.DataFrame([trial(*row, failure=None) | {"task_hash": row[0]} for row in rows])


def test_the_correction_of_a_rubric_that_anyone_can_work_out():
    """Full score 30; the grader saw `spin` and people do not: - (8/30) / .4."""
    verdicts = pd.DataFrame(_verdicts([1.0, 1.0, 0.0, 0.0]))
    second = pd.DataFrame(_drawn([1.0, 0.0, None, None], [0.5, 0.4, 0, 0]))

    found = two_readings(_trials(("t", "r")), verdicts, second)

    assert found.first.loc["t", "r"] == pytest.approx(18 / 30)
    assert found.correction.loc["t", "r"] == pytest.approx(-(8 / 30) / 0.4)


def test_what_is_known_for_certain_is_cut_to_the_scale_and_what_is_drawn_is_not():
    """A misread error of weight 500 would else make one task worth minus 1,600 points."""
    verdicts = pd.DataFrame(_verdicts([1.0, 1.0, 0.0, 0.0]))
    second = pd.DataFrame(_drawn([1.0, None, 1.0, None], [0.5, 0, 1.0, 0]))

    assert two_readings(_trials(("t", "r")), verdicts, second).correction.loc["t", "r"] == -0.6


SUMS = [p for p in POLICIES.values() if p.numerator == "weighted" and p.clip != "section"]
WEIGHT = st.floats(-50, 50).filter(lambda w: abs(w) > 0.1)


@given(st.sampled_from(SUMS), st.lists(st.tuples(WEIGHT, st.floats(0, 1)), min_size=1, max_size=8))
def test_scores_that_are_sums_are_those_sums(policy, rubric):
    """Corrections are added share by share; another share would correct another score."""
    more = {"section": "", "grader": "g", "grader_pass": 0, "verdict": "met"}
    verdicts = [
        Verdict(criterion=str(i), weight=w, value=v, **more) for i, (w, v) in enumerate(rubric)
    ]
    found, raw = shares(policy, [w for w, _ in rubric]), policy(verdicts).raw

    if raw is None:
        assert found is None
    elif found is not None:
        total = found[0] + sum(s * v for s, (_, v) in zip(found[1], rubric, strict=True))
        assert total == pytest.approx(raw, rel=1e-6, abs=1e-6)


def test_scores_that_are_no_sums_are_refused():
    """A corrected RACE score would look as good as any, and be wrong."""
    verdicts = pd.DataFrame(_verdicts([1.0, 1.0, 0.0, 0.0]))
    second = pd.DataFrame(_drawn([1.0, 0.0, None, None], [0.5, 0.4, 0, 0]))
    for policy in ("deepresearch-bench", "draco-sections"):
        with pytest.raises(StatisticsError, match="no sum of verdicts"):
            two_readings(_trials(("t", "r")).assign(policy=policy), verdicts, second)


def test_with_all_tasks_read_again_the_interval_is_that_of_a_mean():
    """The joint variance of score and correction must be in it, not the sum of two."""
    x, c = np.array([0.2, 0.5, 0.6, 0.9]), np.array([0.1, -0.1, 0.3, 0.0])
    found, known = anchored(x, c), scipy_stats.ttest_1samp(x + c, 0).confidence_interval()

    assert (found.value, found.low, found.high) == pytest.approx((0.625, *known))
    with pytest.raises(TooFewTasksError):
        anchored(x, [0.1, np.nan, np.nan, np.nan])


@settings(max_examples=30)
@given(st.integers(0, 10_000))
def test_a_part_of_the_tasks_gives_the_two_phase_estimate_of_the_textbooks(seed):
    """mean(f) + mean(y - f over the part): Cochran (1977), ch. 12, where f is as good as y; the
    regression estimator of the same chapter else, its slope a little drawn in."""
    rng = np.random.default_rng(seed)
    f, c = rng.random(40), rng.normal(0, 0.1, 40)
    c[12:] = np.nan
    found = anchored(f, c)

    slope = np.polyfit(f[:12], (f + c)[:12], 1)[0]
    regression = (f + c)[:12].mean() + slope * (f.mean() - f[:12].mean())
    assert found.value == pytest.approx(regression, abs=0.02)
    exact = anchored(f, np.where(np.isnan(c), np.nan, 0.1))
    assert exact.value == pytest.approx(f.mean() + 0.1)
    assert found.n == 12
    assert anchored(f, np.zeros(40)).high - f.mean() == pytest.approx(
        scipy_stats.ttest_1samp(f, 0).confidence_interval().high - f.mean()
    )


def test_repeats_failures_and_unread_verdicts_keep_their_places():
    """A failed answer is 0 in both readings; a task not wholly labelled has no correction."""
    rows = [
        *_verdicts([1.0, 1.0, 0.0, 0.0]),
        *_verdicts([1.0, None, 0.0, 0.0], task="u"),
        *_verdicts([1.0, 1.0, 0.0, 0.0], task="v"),
    ]
    trials = _trials(("t", "r"), ("t", "r"), ("u", "r"), ("v", "r"), ("w", "r"))
    trials["repeat"] = [0, 1, 0, 0, 0]
    trials.loc[[1, 4], "failure"] = "refusal"
    chances = [0.5, 0.4, 0, 0]
    second = [
        *_drawn([1.0, 0.0, None, None], chances),
        *_drawn([0.0, 1.0, None, None], chances, task="u"),
        *_drawn([0.0, None, None, None], chances, task="v"),
    ]
    found = two_readings(trials, pd.DataFrame(rows), pd.DataFrame(second), tasks=list("tuvw"))

    assert found.first["r"].to_dict() == pytest.approx(
        {"t": 9 / 30, "u": (10 + 12 * 0 + 8 * 0.5) / 30, "v": 18 / 30, "w": 0.0}
    )
    assert found.correction["r"].to_dict() == pytest.approx(
        {"t": -(8 / 30) / 0.4 / 2, "u": -(10 / 30) / 0.5 + (4 / 30) / 0.4, "v": np.nan, "w": 0.0},
        nan_ok=True,
    )


def test_a_label_of_something_the_run_does_not_have_is_refused():
    """A sheet of another run would correct this one into nonsense."""
    verdicts, trials = pd.DataFrame(_verdicts([1.0, 1.0, 0.0, 0.0])), _trials(("t", "r"))
    other = pd.DataFrame(_drawn([1.0, 0, 0, 0], [0.5, 0, 0, 0], task="elsewhere"))
    with pytest.raises(StatisticsError, match="'moon' of recipe 'r'"):
        two_readings(trials, verdicts, other)
    with pytest.raises(StatisticsError, match="probability"):
        two_readings(trials, verdicts, other.assign(probability=1.5))


OFFICIAL = load_world("default").models["strix/owl"].grading.model_dump() | {"unreadable": 0.0}
READERS = ["wader/heron", "raptor/condor", "strix/owl", "strix/owl at once"]


@pytest.fixture(scope="module")
def read():
    """A panel and a solo, by a 92/90 grader, a perfect one, and the default in two protocols."""
    rules = {"wader/heron": grading(0.92, 0.90), "raptor/condor": PERFECT, "strix/owl": OFFICIAL}
    panel = next(recipe for recipe in five_recipes() if recipe.name == "panel")
    return pool(graders(rules), [panel, solo("solo", "meadow/lark")], READERS, 40)


def test_tables_and_arrays_are_corrected_alike(read):
    """The experiments below use arrays; they prove something only if these are the same numbers."""
    names = ["panel", "solo"]
    trials, verdicts = frames_of(read, names, ["wader/heron"], draw=3)
    second = second_of(read, names, "raptor/condor", draw=3, seed=2, labels=3)
    found = two_readings(trials, verdicts, second)
    expected = corrections(read, "wader/heron", "raptor/condor", 3, labels=3)[:, :, 3, 2]

    order = [task.hash for task in read.tasks]
    assert pytest.approx(expected) == found.correction.loc[order, names].to_numpy().T


def _experiments(read, first, second, amount, count, n=100):
    """Coverage and mean width of (uncorrected, corrected, second reading of everything), for the
    panel's score and for its difference to solo."""
    f, y = (np.clip(read.raw(name), 0, 1) for name in (first, second))
    c = corrections(read, first, second, 40, **amount)
    rng = np.random.default_rng(5)
    hits, widths = np.zeros((2, 3)), np.zeros((2, 3))
    for _ in range(count):
        i, j = rng.integers(0, len(read.tasks), n), rng.integers(0, 40, n)
        cc, ff, yy = c[:, i, j, rng.integers(0, 40, n)], f[:, i, j], y[:, i, j]
        nothing = np.zeros(n)
        for what, sign in enumerate((0.0, 1.0)):
            a, b, z = (v[0] - sign * v[1] for v in (ff, yy, cc))
            truth = y[0].mean() - sign * y[1].mean()
            for k, found in enumerate((anchored(a, nothing), anchored(a, z), anchored(b, nothing))):
                hits[what, k] += found.low <= truth <= found.high
                widths[what, k] += found.high - found.low
    return hits / count, widths / count


@pytest.mark.simulation
def test_three_labels_a_task_make_an_interval_cover_the_score_of_a_perfect_grader(read):
    """With sensitivity .92 and specificity .90 it misses it two times in three without them."""
    count = max(1_000, worlds())
    covered, width = _experiments(read, "wader/heron", "raptor/condor", {"labels": 3}, count)

    assert covered[0, 0] < 0.5
    assert covered[:, 1] == pytest.approx(0.95, abs=0.02)
    assert covered[:, 2] == pytest.approx(0.95, abs=0.02)
    assert width[0, 1] < 2 * width[0, 2]


@pytest.mark.simulation
def test_two_phases_at_a_fifth_of_the_calls_cover_and_are_at_most_half_as_wide_again(read):
    """All criteria in one call, and one by one for 16.5 % of them: a fifth of 39 calls in all."""
    cheap, official = "strix/owl at once", "strix/owl"
    calls = [(1 + expected_size({c.id: c.weight for c in task.criteria}, 1, 0.165))
             / len(task.criteria) for task in read.tasks]  # fmt: skip
    covered, width = _experiments(read, cheap, official, {"share": 0.165}, max(1_000, worlds()))

    assert np.mean(calls) <= 0.2
    assert covered[0, 0] < 0.1
    assert covered[:, 1] == pytest.approx(0.95, abs=0.02)
    assert (width[:, 1] / width[:, 2]).max() <= 1.5


@pytest.mark.simulation
def test_a_grader_that_likes_one_family_makes_false_claims_and_labels_take_them_back():
    """Two recipes of one model, so truly equal, of which the grader takes one for its kin."""
    plain, fond = grading(0.92, 0.90), grading(0.92, 0.90, lenient_to={"meadow": 0.22})
    fair, kind = (
        pool(graders({"wader/heron": rules, "raptor/condor": PERFECT}),
             [solo("solo", "meadow/lark")], ["wader/heron", "raptor/condor"], 40)
        for rules in (plain, fond)
    )  # fmt: skip
    truth = np.clip(fair.raw("raptor/condor"), 0, 1)[0]
    first, fixed = [], []
    for one in (kind, fair):
        first.append(np.clip(one.raw("wader/heron"), 0, 1)[0])
        fixed.append(corrections(one, "wader/heron", "raptor/condor", 40, labels=3)[0])
    rng, count = np.random.default_rng(6), max(1_000, worlds())
    claims = np.zeros(2)
    for _ in range(count):
        i, j = rng.integers(0, 100, 100), rng.integers(0, 40, 100)
        k, design = (j + rng.integers(1, 40, 100)) % 40, rng.integers(0, 40, 100)
        gap = first[0][i, j] - first[1][i, k]
        correction = fixed[0][i, j, design] - fixed[1][i, k, design]
        for what, found in enumerate((anchored(gap, 0 * gap), anchored(gap, correction))):
            claims[what] += not found.low <= 0 <= found.high
    favour = float((first[0] - first[1]).mean())

    assert np.array_equal(truth, np.clip(kind.raw("raptor/condor"), 0, 1)[0])
    assert favour == pytest.approx(0.04, abs=0.006)
    assert claims[0] / count > 0.5
    assert claims[1] / count == pytest.approx(0.05, abs=0.02)


def _rogan_gladen(p, se, sp):
    """Rogan & Gladen (1978): prevalence from what a test says and how often it errs."""
    return (p + sp - 1) / (se + sp - 1)


def _ppi(human, said, unlabelled, slope):
    """Angelopoulos et al. (2023): (mean, standard error), with slope 1 for PPI, tuned for PPI++."""
    rest = human - slope * said
    value = slope * unlabelled.mean() + rest.mean()
    parts = slope**2 * unlabelled.var() / len(unlabelled) + rest.var() / len(human)
    return value, np.sqrt(parts)


HUMAN = np.array([1, 0, 1, 1, 0, 1, 1, 0.0])
SAID = np.array([0.9, 0.2, 0.8, 0.6, 0.4, 0.7, 0.9, 0.1])
UNLABELLED = np.array([0.8, 0.3, 0.6, 0.9, 0.2, 0.7, 0.5, 0.95, 0.4, 0.6])


def test_the_references_give_the_numbers_of_their_own_packages():
    """A reference that is wrong itself would let us agree with nothing."""
    assert _rogan_gladen(0.62, 0.9, 0.85) == pytest.approx(0.6266666667)
    assert _ppi(HUMAN, SAID, UNLABELLED, 1.0) == pytest.approx((0.645, 0.1159094474))
    tuned = _ppi(HUMAN, SAID, UNLABELLED, 0.9766281807)
    assert tuned == pytest.approx((0.6445325636, 0.1159165457))


def test_on_plain_criteria_we_agree_with_prediction_powered_inference():
    """One criterion a task and a random part of tasks labelled: the case that PPI is made for."""
    first = np.concatenate([SAID, UNLABELLED])
    correction = np.concatenate([HUMAN - SAID, np.full(len(UNLABELLED), np.nan)])
    value = first.mean() + (HUMAN - SAID).mean()

    assert anchored(first, correction).value == pytest.approx(value, abs=0.01)  # the weight is .9
    many = np.random.default_rng(0)
    truth = many.random(40_000) < 0.6
    said = np.where(truth, many.random(40_000) < 0.92, many.random(40_000) < 0.10).astype(float)
    part = np.where(np.arange(40_000) < 20_000, truth - said, np.nan)
    found = anchored(said, part)
    other, error = _ppi(truth[:20_000] * 1.0, said[:20_000], said[20_000:], 0.5)
    assert found.value == pytest.approx(other, abs=3 * error)
    assert found.value == pytest.approx(_rogan_gladen(said.mean(), 0.92, 0.90), abs=0.01)


def test_the_golden_difference_estimator_comes_out():
    """One task, four draws with replacement: .6 + mean of w (y - f) / (W q) = .4333."""
    w, q = np.array([10, 8, -20, 12.0, 270]), np.array([0.05, 0.04, 0.1, 0.06])
    y, f = np.array([1, 0, 0, 1.0]), np.array([1, 1, 0, 1.0, 150 / 270])
    key = {"task": "t", "task_hash": "t", "recipe": "r", "repeat": 0}
    more = {"section": "", "grader": "g", "grader_pass": 0, "verdict": "met"}
    drawn = [
        {**key, "criterion": str(i), "probability": 4 * chance, "value": value}
        for i, (chance, value) in enumerate(zip(q, y, strict=True))
    ]
    verdicts = pd.DataFrame(
        [
            {**key, **more, "criterion": str(i), "weight": weight, "value": value}
            for i, (weight, value) in enumerate(zip(w, f, strict=True))
        ]
    )
    found = two_readings(_trials(("t", "r")), verdicts, pd.DataFrame(drawn))

    assert found.first.loc["t", "r"] == pytest.approx(0.6)
    assert found.first.loc["t", "r"] + found.correction.loc["t", "r"] == pytest.approx(0.4333333333)


@pytest.mark.parametrize("alike", [0.0, 0.2, 0.5, 0.9])
@pytest.mark.parametrize(("tasks", "labelled"), [(100, 20), (200, 80)])
def test_a_corrected_mean_is_never_wider_than_the_labels_alone(alike, tasks, labelled):
    """With unit weight and a correlation of .2 the labels alone were .0220 and the correction
    .0276: a grader that says nothing made people's work worth less than without it."""
    rng, count = np.random.default_rng(1), 300
    corrected, alone, held = [], [], 0
    for _ in range(count):
        z = rng.normal(0, 0.1, (tasks, 2))
        person, grader = 0.5 + z[:, 0], 0.5 + alike * z[:, 0] + (1 - alike**2) ** 0.5 * z[:, 1]
        correction = np.where(np.arange(tasks) < labelled, person - grader, np.nan)
        found = anchored(grader, correction)
        corrected.append(found.value)
        alone.append(person[:labelled].mean())
        held += found.low <= 0.5 <= found.high
    # one estimate against another on the same draws: their SDs are known to about 2 % of each other
    assert np.std(corrected) <= 1.02 * np.std(alone)
    assert alike < 0.9 or np.std(corrected) < 0.8 * np.std(alone)
    assert held / count >= 0.95 - noise(0.95, count)


def test_a_draw_within_every_task_is_tuned_as_well():
    """Two-phase grading labels some criteria of each task; there too the grader may say nothing."""
    rng, n, count = np.random.default_rng(2), 60, 300
    tuned, fixed, alone = [], [], []
    for _ in range(count):
        person = rng.normal(0.5, 0.05, n)
        noise_, grader = rng.normal(0, 0.1, n), rng.normal(0.5, 0.05, n)
        gap = rng.normal(0, 0.1, n)  # what the draw makes of a grader who knows nothing of person
        second = person + noise_
        correction = second - grader - gap
        tuned.append(anchored(grader, correction, gap=gap).value)
        fixed.append((second - gap).mean())
        alone.append(second.mean())
    assert np.std(tuned) <= 1.03 * np.std(alone)
    assert np.std(tuned) < 0.9 * np.std(fixed)
