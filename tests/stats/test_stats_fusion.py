"""What fusion adds: drafts against writer, synthesis and diversity, headroom, who gains where."""

import numpy as np
import pandas as pd
import pytest
from made_ladders import DECISIONS, table
from made_runs import task_hash
from made_worlds import noise, worlds

import fusion_eval as fe
from fusion_eval.errors import StatisticsError
from fusion_eval.stats.best_of import against_best
from fusion_eval.stats.drafts import _split, kitagawa, writer_split
from fusion_eval.stats.headroom import effective, error_correlation
from fusion_eval.stats.jackknife import jackknife
from fusion_eval.stats.seats import drafts_of, members_of

POINTS = {  # criterion -> (weight, made by a, made by b, made by c, in the fused answer)
    "all": (10, 1, 1, 1, 1),
    "two": (10, 1, 1, 0, 1),
    "one-kept": (10, 0, 0, 1, 1),
    "one-lost": (10, 1, 0, 0, 0),
    "none-made": (5, 0, 0, 0, 1),
    "none": (5, 0, 0, 0, 0),
    "error": (-5, 0, 1, 0, 1),
    "no-error": (-5, 0, 0, 0, 0),
}


def _run(tasks=3, panels=("panel",)):
    """Three solo recipes, and panels whose three drafts are their answers; all tasks alike."""
    names = ["a", "b", "c", *panels]
    verdicts, calls, trials = [], [], []
    for t in range(tasks):
        task = f"t{t}"
        for k, name in enumerate(names):
            score = 0.4 + 0.1 * min(k, 3)
            trials.append((task, task_hash(task), name, "panel" if k > 2 else "solo", 0, score))
            for criterion, (weight, *met) in POINTS.items():
                value = float(met[min(k, 3)])
                verdicts.append((task, task_hash(task), name, 0, criterion, weight, value))
            first = [f"{task}{m}" for m in ("abc" if k > 2 else name)]
            calls += [(key, task, name, 0, "member", "m", 0.0) for key in first]
            if k > 2:
                calls.append((f"{task}{name}", task, name, 0, "synthesizer", "w", 3.0))
            calls.append((f"g{task}{name}", task, name, 0, "grader", "g", 9.0))
    rows = pd.DataFrame(
        trials, columns=["task", "task_hash", "recipe", "strategy", "repeat", "score"]
    )
    said = pd.DataFrame(
        verdicts,
        columns=["task", "task_hash", "recipe", "repeat", "criterion", "weight", "value"],
    ).assign(grader="g", grader_pass=0)
    asked = pd.DataFrame(
        calls, columns=["key", "task", "recipe", "repeat", "role", "model", "start_s"]
    )
    asked["purpose"] = ["grading" if role == "grader" else "answer" for role in asked["role"]]
    return rows.assign(failure=None), said, asked


def test_drafts_are_the_answers_to_the_very_same_calls():
    """Matching by name or order would compare a panel with answers it never saw."""
    trials, _, calls = _run()

    drafts = drafts_of(calls, trials)

    assert members_of(drafts) == {"panel": ["a", "b", "c"]}
    assert len(drafts) == 9
    changed = calls.assign(key=calls["key"].where(calls["recipe"] != "b", "other-" + calls["key"]))
    assert members_of(drafts_of(changed, trials)) == {"panel": ["a", "c"]}


def test_shares_of_kept_recovered_created_and_passed_on_are_those_counted_by_hand():
    """These four words are the explanation of why a panel wins or loses."""
    found = fe.drafts(*_run()).set_index("quantity")

    assert found.loc["found", "value"] == pytest.approx(4 / 6)
    assert found.loc["kept", "value"] == pytest.approx(3 / 4)
    assert found.loc["recovered", "value"] == pytest.approx(1 / 2)
    assert found.loc["created", "value"] == pytest.approx(1 / 2)
    assert found.loc["errors passed on", "value"] == 1.0
    assert found.loc["errors created", "value"] == 0.0
    assert found.loc["kept", "cases"] == 12
    assert set(found["n"]) == {3}


def test_answers_with_an_ungraded_draft_are_left_out_and_counted():
    """A missing draft would make its points look as if the writer had created them."""
    trials, verdicts, calls = _run()
    lost = calls[~((calls["recipe"] == "b") & (calls["task"] == "t0"))]

    found = fe.drafts(trials, verdicts, lost)

    assert set(found["n"]) == {2}
    assert found["caveat"].str.contains("1 drafts were not graded").all()
    nothing = fe.drafts(trials, verdicts, calls[calls["recipe"] == "panel"])
    assert not len(nothing)
    with pytest.raises(StatisticsError, match="add the solo recipe"):
        writer_split(trials, verdicts, calls[calls["recipe"] == "panel"], "panel", "panel")


def test_the_split_of_the_golden_case_is_exact_and_adds_up():
    """Kitagawa's identity: nothing may be left over for a third cause."""
    golden = DECISIONS["kitagawa"]
    p0, g0, p1, g1 = (np.array(x) for x in golden["inputs"])

    drafts, writer = kitagawa(p0, g0, p1, g1)

    assert drafts == pytest.approx(golden["drafts"], abs=1e-8)
    assert writer == pytest.approx(golden["synthesiser"], abs=1e-8)
    assert drafts + writer == pytest.approx(p1 @ g1 - p0 @ g0)


def test_two_writers_over_the_same_drafts_differ_in_writing_alone():
    """Else a better writer would be sold as better members."""
    trials, verdicts, calls = _run(panels=("panel", "other"))
    other = (verdicts["recipe"] == "other") & (verdicts["criterion"] == "one-lost")
    verdicts.loc[other, "value"] = 1.0

    found = writer_split(trials, verdicts, calls, "other", "panel").set_index("quantity")

    assert found.loc["drafts", "value"] == pytest.approx(0.0)
    assert found.loc["writer", "value"] == pytest.approx(1 / 6)
    assert found.loc["total", "value"] == pytest.approx(1 / 6)


def test_the_jackknife_error_of_the_patch_data_is_the_textbooks():
    """Efron & Tibshirani (1993), 10.3 and 11: the ratio's jackknife bias is .0080."""
    golden = DECISIONS["patch"]
    y, z = (np.array(golden[k], dtype=float) for k in ("numerator", "denominator"))

    found = jackknife({"y": y, "z": z}, lambda s: s["y"] / s["z"], 0.95)
    left = np.array([np.delete(y, i).sum() / np.delete(z, i).sum() for i in range(8)])

    assert 7 * (left.mean() - found.value) == pytest.approx(0.0080, abs=5e-5)
    half = 2.364624 * np.sqrt(7 / 8 * ((left - left.mean()) ** 2).sum())
    assert (found.low, found.high) == pytest.approx((found.value - half, found.value + half))


def test_synthesis_and_diversity_add_up_to_the_lift():
    """Both are differences on the same tasks, so nothing may go missing between them."""
    rng = np.random.default_rng(0)
    level = rng.uniform(0.3, 0.6, 40)
    trials = table(
        {"one": {"score": level},
         "own": {"score": level + 0.08 + 0.02 * rng.normal(size=40), "strategy": "self_fusion"},
         "panel": {"score": level + 0.12 + 0.02 * rng.normal(size=40), "strategy": "panel"}}, 40
    )  # fmt: skip

    found = fe.decompose(trials, "one", "own", "panel").set_index("quantity")

    value = found["value"]
    assert value["synthesis"] + value["diversity"] == pytest.approx(value["total"])
    assert found.loc["share", "kind"] == "bounded"
    assert found.loc["share", "low"] < 2 / 3 < found.loc["share", "high"]


def test_without_a_lift_beyond_chance_there_is_no_share():
    """ "Three quarters of the gain is synthesis" of a gain that may be 0 is noise over noise."""
    rng = np.random.default_rng(1)
    level = rng.uniform(0.3, 0.6, 30)
    same = {name: {"score": level + 0.1 * rng.normal(size=30)} for name in ("one", "own", "panel")}

    found = fe.decompose(table(same, 30), "one", "own", "panel").set_index("quantity")

    assert np.isnan(found.loc["share", "value"])
    assert "no share" in found.loc["share", "caveat"]
    with pytest.raises(StatisticsError, match="name all three"):
        fe.decompose(table(same, 30), "one", "own")
    with pytest.raises(StatisticsError, match="no recipe 'nobody'"):
        fe.decompose(table(same, 30), "one", "own", "nobody")
    one_task = table(same, 30).query("task == 't0'")
    assert len(fe.decompose(one_task, "one", "own", "panel")) == 1


def test_headroom_lies_between_the_mean_member_and_the_oracle():
    """By hand: members .2 and .6, swapped on half of the tasks; the oracle is always .6."""
    swap = np.arange(20) % 2 == 0
    trials = table(
        {"a": {"score": np.where(swap, 0.2, 0.6)}, "b": {"score": np.where(swap, 0.6, 0.2)},
         "f": {"score": np.where(np.arange(20) < 10, 0.5, 0.51)}}, 20
    )  # fmt: skip

    found = fe.headroom(trials, "f", ["a", "b"]).set_index("quantity")

    assert found.loc["mean member", "value"] == pytest.approx(0.4)
    assert found.loc["oracle", "value"] == pytest.approx(0.6)
    assert found.loc["fused - mean member", "value"] == pytest.approx(0.105)
    assert found.loc["gained share", "value"] == pytest.approx(0.525)
    assert "upper bound" in found.loc["oracle", "caveat"]
    with pytest.raises(StatisticsError, match="two members"):
        fe.headroom(trials, "f", ["a"])
    with pytest.raises(StatisticsError, match="no recipe 'x'"):
        fe.headroom(trials, "f", ["a", "x"])


@pytest.mark.parametrize(("members", "correlation", "worth"), [(3, 0.6, 1.364), (9, 0.4, 2.143)])
def test_correlated_members_are_worth_what_kishs_formula_says(members, correlation, worth):
    """Nine judges that err together are two."""
    assert effective(correlation, members) == pytest.approx(worth, abs=5e-4)
    assert effective(-0.2, members) == members


def test_the_correlation_of_errors_is_pearsons_over_the_points():
    """With one pair it is numpy's own number."""
    rng = np.random.default_rng(2)
    met = (rng.random((200, 2)) < 0.6).astype(float)
    met[:80, 1] = met[:80, 0]
    rows = [
        (task_hash(f"t{i // 10}"), f"t{i // 10}", name, 0, f"c{i}", 1.0, met[i, k])
        for i in range(200)
        for k, name in enumerate("ab")
    ]
    names = ["task_hash", "task", "recipe", "repeat", "criterion", "weight", "value"]

    found = error_correlation(pd.DataFrame(rows, columns=names), ["a", "b"])

    assert found.value == pytest.approx(np.corrcoef(1 - met.T)[0, 1])
    assert found.n == 20
    assert found.low < found.value < found.high


def _repeated(rng, n, repeats, slope=0.0, noise_=0.1):
    """(gain of a over b, b): shape (n, repeats); the true gain is .05 + slope * (true b - .5)."""
    true = rng.uniform(0.2, 0.8, n)[:, None]
    b = true + noise_ * rng.normal(size=(n, repeats))
    a = true + 0.05 + slope * (true - 0.5) + noise_ * rng.normal(size=(n, repeats))
    return np.clip(a, 0, 1), np.clip(b, 0, 1)


def test_one_repeat_cannot_say_who_gains_where():
    """Nor may a table by domain invent intervals from one task."""
    a, b = _repeated(np.random.default_rng(0), 30, 1)
    trials = table({"a": {"score": a, "domain": np.array(["x", "y"] * 15)},
                    "b": {"score": b, "domain": np.array(["x", "y"] * 15)}}, 30)  # fmt: skip

    found = fe.gains(trials, "a", "b")

    assert list(found["part"]) == ["x", "y", ""]
    assert "--repeats 2" in found["caveat"].iloc[-1]
    apart = trials["task"] + trials["recipe"]
    with pytest.raises(StatisticsError, match="no task in common"):
        fe.gains(trials.assign(task=apart, task_hash=apart), "a", "b")


@pytest.mark.simulation
@pytest.mark.parametrize("slope", [0.0, -0.4])
def test_the_slope_of_the_gain_covers_the_truth_where_the_naive_one_sees_a_mirage(slope):
    """Plain regression of the gain on the same scores says that hard tasks gain, always."""
    rng, count = np.random.default_rng(3), max(100, worlds() // 8)
    covered = naive = 0
    for _ in range(count):
        a, b = _repeated(rng, 60, 3, slope)
        rows = fe.gains(table({"a": {"score": a}, "b": {"score": b}}, 60, 3), "a", "b")
        row = rows.set_index("part").loc["slope"]
        covered += row["low"] <= slope <= row["high"]
        gain, base = (a - b).mean(axis=1), b.mean(axis=1)
        naive += np.polyfit(base, gain, 1)[0] < slope - 0.03

    assert abs(covered / count - 0.95) <= 0.02 + noise(0.95, count)
    assert naive / count > 0.6


@pytest.mark.simulation
@pytest.mark.parametrize("gaps", [(0.0, 0.0, 0.0, 0.0, 0.0), (0.0, -0.02, -0.04, -0.06, -0.08)])
@pytest.mark.parametrize("n", [10, 30, 100])
def test_the_interval_against_the_best_member_covers_and_the_naive_one_does_not(gaps, n):
    """The best of five looks better than it is, so the panel looks worse against it."""
    rng, count = np.random.default_rng(4), worlds()
    covered, naive, values = 0, 0, []
    for _ in range(count):
        member = np.array(gaps) + 0.07 * rng.normal(size=(n, 5))
        d = 0.03 + 0.05 * rng.normal(size=(n, 1)) - member
        found = against_best(d, rng=rng)
        covered += found.estimate.low <= 0.03 <= found.estimate.high
        values.append(found.estimate.value)
        naive += found.naive - 0.03

    assert covered / count >= 0.95 - noise(0.95, count)
    if gaps[1] == 0:
        assert abs(np.mean(values) - 0.03) < 3 * np.std(values) / np.sqrt(count)
        assert naive / count < -0.005


@pytest.mark.simulation
@pytest.mark.parametrize("n", [10, 30, 100])
def test_the_split_of_drafts_and_writer_covers_the_truth(n):
    """Two arms whose drafts and writers both differ; 20 points a task, tasks differ in hardness."""
    rng, count = np.random.default_rng(5), max(200, worlds() // 2)
    rates = np.array([[0.05, 0.5, 0.8, 0.95], [0.10, 0.6, 0.85, 0.97]])
    skill = (0.5, 0.6)

    def world(tasks):
        hard = rng.normal(0, 0.8, tasks)
        sums = {}
        for arm in (0, 1):
            p = 1 / (1 + np.exp(-(np.log(skill[arm] / (1 - skill[arm])) + hard)))
            made = rng.binomial(3, p[:, None], (tasks, 20))
            met = rng.random((tasks, 20)) < rates[arm][made]
            counts = [[((made == h) * w).sum(axis=1) for h in range(4)] for w in (1, met)]
            sums[f"size{arm}"], sums[f"sum{arm}"] = (np.array(c, float).T for c in counts)
        return sums

    big = {k: v.sum(axis=0, keepdims=True) for k, v in world(60_000).items()}
    truth = {k: float(v[0]) for k, v in _split(big).items()}
    hits = dict.fromkeys(truth, 0)
    for _ in range(count):
        sums = world(n)
        for name in truth:
            found = jackknife(sums, lambda s, q=name: _split(s)[q], 0.95)
            hits[name] += found.low <= truth[name] <= found.high

    for name, hit in hits.items():
        assert abs(hit / count - 0.95) <= 0.02 + noise(0.95, count), name
