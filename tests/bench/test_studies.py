"""Studies: they say what they claim, and are wrong as seldom and right as often as promised."""

# ruff: noqa: E501  (tables of messages)

from __future__ import annotations

import os

import numpy as np
import pandas as pd
import pytest
from made_nulls import nulls
from made_studies import LIFTED, STUDIES, centred, experiment, lifted, pool
from made_worlds import noise
from write_studies import RUNS as OF_FILES

from fusion_eval.bench.configure import configure
from fusion_eval.errors import BenchFileError, StatisticsError
from fusion_eval.stats.study import conclude, decide, promised_power, supports, values_of, verdict

FULL = os.environ.get("FUSION_EVAL_SIMULATIONS") == "full"
FEW = ("studies/best-member", "studies/rank-or-write")
RUNS = tuple(run[:2] for run in OF_FILES)
TASKS, POOL, NULLS, PLANTED = (40, 2_000, 200, 800) if FULL else (30, 160, 60, 60)


@pytest.fixture(scope="module")
def pools():
    """The pool of each study in the world where all nulls hold; drawn once."""
    made = {}

    def get(name):
        if name not in made:
            trials, study = pool(name, POOL)
            made[name] = (trials if FULL else centred(trials), study)
        return made[name]

    return get


@pytest.mark.simulation
@pytest.mark.parametrize("name", STUDIES if FULL else FEW)
def test_a_study_whose_null_holds_concludes_something_in_one_of_twenty_worlds(name, pools):
    """The claims we test were made by tables that would have claimed as much of equal recipes."""
    trials, study = pools(name)
    rng, wrong = np.random.default_rng(1), 0
    for k in range(NULLS):
        rows = decide(experiment(trials, TASKS, rng), study, flips=999, seed=k).rows
        wrong += any(row["conclusion"] in ("better", "worse") for row in rows)
    limit = 17 if FULL else round(NULLS * (0.05 + noise(0.05, NULLS)))
    print(f"{name}: {wrong} of {NULLS}")
    assert wrong <= limit


@pytest.mark.simulation
@pytest.mark.parametrize(("name", "file"), RUNS if FULL else (RUNS[9],))
def test_on_the_shipped_task_files_a_null_is_called_something_in_one_of_twenty_runs(name, file):
    """With the two tasks of each domain of research.yaml, 172 of 200 runs called one different."""
    count = 400 if FULL else 50
    rows = nulls(name, file, count, 16 if FULL else 2)
    wrong = int((rows["wrong"].str.len() > 0).sum())
    print(f"{name} on {file}: {wrong} of {count}")
    assert wrong <= count * 0.05 + 3 * (count * 0.05 * 0.95) ** 0.5
    assert rows["contrasts"].iloc[0] >= (12 if "pays" in name else 2)


@pytest.mark.simulation
@pytest.mark.parametrize("name", STUDIES if FULL else FEW)
def test_a_study_finds_a_planted_effect_as_often_as_was_promised(name, pools):
    """A design that promises 80 % and finds half is paid for twice."""
    null, study = pools(name)
    rng = np.random.default_rng(2)
    trials = lifted(null, name, _points(null, study, name), rng)
    values, claims = values_of(trials, study)
    effect = values.mean().to_numpy()
    claimed = [e for e, claim in zip(effect, claims, strict=True) if claim]
    assert max(claimed) == pytest.approx(0.05, abs=0.011)
    n = _size(values.to_numpy(), claims, study, effect)
    promised = promised_power(values.to_numpy(), claims, study["rule"], study["margin"], n, effect)
    found = sum(
        decide(experiment(trials, n, rng), study, flips=999, seed=k).verdict == "confirmed"
        for k in range(PLANTED)
    )
    print(f"{name}: n = {n}, promised {promised:.3f}, found {found / PLANTED:.3f}")
    assert abs(found / PLANTED - promised) < (0.045 if FULL else noise(0.5, PLANTED))


def _points(null, study, name):
    """What to plant so that the claimed contrast is 5 points: halves by difficulty dilute it."""
    if name != "studies/where-it-pays":
        return 5.0
    base, _ = values_of(null, study)
    values, _ = values_of(lifted(null, name, 5.0, np.random.default_rng(2)), study)
    there, reached = (100 * float(frame.iloc[:, 0].mean()) for frame in (base, values))
    return 5.0 * (5.0 - there) / (reached - there)


def _size(values, claims, study, effect):
    """Tasks that promise about 70 %, out of a few."""
    for n in (20, 30, 40, 60, 80, 110, 150, 200):
        if promised_power(values, claims, study["rule"], study["margin"], n, effect) > 0.7:
            return n
    return 200


def test_every_study_says_where_its_effect_would_be():
    """A new study without a planted effect would never be asked whether it can find one."""
    assert set(LIFTED) == set(STUDIES)
    assert len(STUDIES) == 10


@pytest.mark.parametrize("name", STUDIES)
def test_every_study_can_be_read_and_its_arms_differ(name):
    """Two arms of one name under two recipes would compare a recipe with itself."""
    bench = configure(name)
    entries = [str(entry) for entry in bench.resolved["recipes"].values()]
    assert len(set(entries)) == len(entries)
    assert bench.study["null_hypothesis"]
    for contrast in bench.study["contrasts"].values():
        assert set(contrast["plus"]) != set(contrast["minus"])


STUDY = {"rule": "all", "margin": 2.0, "contrasts": {"lift": {"claim": "better", "plus": ["a"], "minus": ["b"]}}}  # fmt: skip


def _trials(difference: float, spread: float = 0.01, n: int = 20) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    rows = []
    for k in range(n):
        base = rng.uniform(0.3, 0.6)
        scores = {"a": base + difference + rng.normal(0, spread), "b": base}
        rows += [
            {"task": f"t{k}", "task_hash": f"t{k}", "recipe": r, "repeat": 0, "score": s,
             "domain": "d", "failure": None}
            for r, s in scores.items()
        ]  # fmt: skip
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("difference", "spread", "said"),
    [
        (0.08, 0.01, "confirmed"),
        (-0.08, 0.01, "refuted"),
        (0.0, 0.01, "refuted"),
        (0.0, 0.2, "not decided"),
    ],
)
def test_the_verdict_follows_from_the_interval(difference, spread, said):
    """'Refuted' because p was large is what we reproach others with."""
    assert decide(_trials(difference, spread), STUDY).verdict == said


@pytest.mark.parametrize(
    ("found", "rule", "said"),
    [
        ([True, True], "all", "confirmed"), ([True, None], "all", "not decided"),
        ([True, False], "all", "refuted"), ([None, False], "all", "refuted"),
        ([True, False], "any", "confirmed"), ([None, False], "any", "not decided"),
        ([False, False], "any", "refuted"),
    ],
)  # fmt: skip
def test_one_contradiction_refutes_all_and_one_success_confirms_any(found, rule, said):
    """A panel that beats two of three members has not beaten its best."""
    assert verdict(found, rule) == said


def test_equality_is_refuted_only_by_a_difference_beyond_the_margin():
    """Half a point, significant on many tasks, does not refute that two are the same."""
    row = {"conclusion": "better", "low": 0.004, "high": 0.03}
    assert supports("equivalent", row, 2.0) is None
    assert supports("equivalent", row | {"low": 0.021}, 2.0) is False


def test_difficulty_measured_on_other_draws_shows_no_rescue_where_there_is_none():
    """On one draw, regression to the mean alone gives the claim 'fusion rescues weak runs'."""
    rng, own, same = np.random.default_rng(5), [], []
    contrast = {"plus": ["p"], "minus": ["s"], "by": "difficulty", "measured_on": "s", "claim": None}  # fmt: skip
    study = STUDY | {"contrasts": {"hard": contrast}}
    for _ in range(40):
        truth = rng.normal(0.5, 0.08, (40, 1, 1))
        scores = np.clip(truth + rng.normal(0, 0.1, (40, 2, 2)), 0, 1)
        rows = [
            {"task": f"t{t}", "task_hash": f"t{t}", "recipe": "ps"[r], "repeat": k, "score": s,
             "domain": "", "failure": None}
            for (t, r, k), s in np.ndenumerate(scores)
        ]  # fmt: skip
        frame = pd.DataFrame(rows)
        own.append(decide(frame, study, flips=99).rows[0]["difference"])
        again = frame[frame["repeat"] == 0].assign(repeat=1)
        cheat = pd.concat([frame[frame["repeat"] == 0], again])
        same.append(decide(cheat, study, flips=99).rows[0]["difference"])
    assert abs(np.mean(own)) < 3 * np.std(own) / np.sqrt(40)
    assert np.mean(same) > 0.05


def test_the_mean_of_influence_values_is_the_difference_of_two_groups():
    """With another variance than Welch's, small domains would be called different too often."""
    rng = np.random.default_rng(6)
    rows = [
        {"task": f"t{t}", "task_hash": f"t{t}", "recipe": r, "repeat": 0, "failure": None,
         "score": float(rng.uniform(0, 1)), "domain": "small" if t < 8 else "large"}
        for t in range(40) for r in "ab"
    ]  # fmt: skip
    contrast = {"plus": ["a"], "minus": ["b"], "by": "domain", "claim": None}
    frame = pd.DataFrame(rows)
    values, _ = values_of(frame, STUDY | {"contrasts": {"by": contrast}})
    wide = frame.pivot(index="task", columns="recipe", values="score")
    gain = wide["a"] - wide["b"]
    small = gain[[f"t{t}" for t in range(8)]]
    large = gain.drop(small.index)
    assert values["by: small"].mean() == pytest.approx(small.mean() - large.mean())
    welch = small.var(ddof=0) / 8 + large.var(ddof=0) / 32
    assert values["by: small"].var(ddof=0) / 40 == pytest.approx(welch)
    assert list(values) == ["by: large", "by: small"]


def test_one_contrast_gives_the_paired_t_interval():
    """A study of one comparison must not be stricter than `compare`."""
    values = np.random.default_rng(7).normal(0.02, 0.1, (25, 1))
    (row,) = conclude(values, 2.0)
    half = 2.0639 * values.std(ddof=1) / 5
    assert row["low"] == pytest.approx(values.mean() - half, abs=1e-5)


@pytest.mark.parametrize(
    ("study", "said"),
    [
        ("contrasts: {c: {plus: [a], minus: [b], claim: better}}", "'question' is missing"),
        ("question: q\n  hypothesis: h\n  null_hypothesis: n\n  contrasts: {c: {plus: [a], minus: [b]}}", "no contrast has a claim"),
        ("question: q\n  hypothesis: h\n  null_hypothesis: n\n  contrasts: {c: {plus: [a], minus: [bb], claim: better}}", "unknown recipe 'bb'; did you mean 'b'?"),
        ("question: q\n  hypothesis: h\n  null_hypothesis: n\n  contrasts: {c: {plus: [a], minus: [b], claim: better, by: difficulty, measured_on: a}}", "difficulty needs a repeat of its own"),
        ("question: q\n  hypothesis: h\n  null_hypothesis: n\n  contrasts: {c: {plus: [a], minus: [b], claim: bettr}}", "'better', 'worse' or 'equivalent'"),
    ],
)  # fmt: skip
def test_a_study_that_cannot_decide_is_refused_with_its_line(write, study, said):
    """Found out after the run, there would be nothing left but to choose a contrast by eye."""
    text = (
        "endpoints: {sim: {simulator: default}}\n"
        "models: {m: {endpoint: sim, id: wader/heron}}\n"
        "recipes:\n  a: {strategy: solo, member: m}\n"
        "  b: {strategy: self_fusion, member: m}\n"
        f"study:\n  {study}\n"
    )
    with pytest.raises(BenchFileError) as caught:
        configure(write("bench.yaml", text))
    assert any(said in problem and "bench.yaml:" in problem for problem in caught.value.problems)


def test_a_recipe_that_did_not_run_is_named():
    """A contrast over fewer recipes would be another claim under the same name."""
    with pytest.raises(StatisticsError, match="'lift' needs b, which did not run"):
        decide(_trials(0.1)[lambda f: f["recipe"] == "a"], STUDY)
