"""Every rule of the gate at its promised error, in worlds where the usual formulas are wrong.

`make gatepromises` runs 2,000 experiments a world and writes the table of docs/gate.md; as part of
the suite there are fewer. A world whose rate is above 5 % stands in RATES with what was measured.
"""

from __future__ import annotations

import os

import numpy as np
import pytest
from made_gates import said, side
from made_worlds import noise, worlds

from fusion_eval.gate.difference import difference
from fusion_eval.gate.factors import ratio_to
from fusion_eval.gate.values import Failures, Policy
from fusion_eval.stats.equivalence import noninferiority_p

pytestmark = pytest.mark.simulation
MARGIN = 0.03
SD = 0.06


def _runs(most: int = 2_000) -> int:
    return min(most, worlds() // 4 if worlds() <= 400 else worlds())


def _most(rate: float, count: int) -> float:
    """The largest share that a rate allows: for 5 %, 122 of 2,000."""
    return 122 / 2_000 if count >= 2_000 and rate == 0.05 else rate + noise(rate, count)


def _steady(n, k, rng, drop=0.0, mean=None, sd=SD):
    return mean - drop + rng.normal(0, sd, (n, k))


def _tenth(n, k, rng, drop=0.0, mean=None, sd=0.2):
    noisy = np.arange(n)[:, None] < n // 10
    return mean - drop + np.where(noisy, rng.normal(0, sd, (n, k)), 0.0)


def _checks(accuracy):
    def draw(n, k, rng, drop=0.0, mean=None):
        return (rng.random((n, k)) < accuracy - drop).astype(float)

    return draw


def _tied(n, k, rng, drop=0.0, mean=None):
    """Three criteria a task, most tasks always at full marks, the loss in all alike."""
    p = np.where(mean > 0.45, 1.0, mean + 0.3)
    return rng.binomial(3, np.clip(p - drop, 0, 1), (n, k)) / 3


def _collapsing(n, k, rng, drop=0.0, mean=None):
    """The loss is in a few answers that are worth nothing; the others are as good as before."""
    lost = rng.random((n, k)) < drop / mean
    return np.where(lost, 0.0, _steady(n, k, rng, mean=mean))


def _noisier(n, k, rng, drop=0.0, mean=None):
    return _steady(n, k, rng, drop, mean, sd=1.5 * SD)


QUALITY = {
    f"{name}, {n} tasks, {old}+{new} repeats": (draw, draw_new, n, old, new)
    for n in (30, 100)
    for name, draw, draw_new, shapes in (
        ("alike in all tasks", _steady, _steady, [(4, 1)]),
        ("new answers 1.5 times as noisy", _steady, _noisier, [(4, 1)]),
        ("noise in a tenth of the tasks", _tenth, _tenth, [(4, 1), (2, 2)]),
        ("checks at .98", _checks(0.98), _checks(0.98), [(4, 1), (2, 1), (4, 4)]),
        ("checks at .95", _checks(0.95), _checks(0.95), [(4, 1)]),
        ("three criteria, mostly full marks", _tied, _tied, [(4, 1)]),
        ("rare collapse", _steady, _collapsing, [(4, 1), (4, 4)]),
    )
    for old, new in shapes
}
RATES: dict[str, float] = {
    "rare collapse, 30 tasks, 4+1 repeats": 0.167,
    "rare collapse, 30 tasks, 4+4 repeats": 0.088,
    "rare collapse, 100 tasks, 4+1 repeats": 0.075,
    "rare collapse, 100 tasks, 4+4 repeats": 0.065,
}
"""Worlds in which a loss of the margin passes in more than 5 %: measured in 600, in docs/gate.md.
The gate says so itself, of these and of days."""


@pytest.fixture
def record_rate():
    """Adds a line to the table of docs/gate.md, in the file that FUSION_EVAL_RATES names."""

    def record(world, lost, worse, kept):
        if path := os.environ.get("FUSION_EVAL_RATES"):
            cells = ["–" if np.isnan(x) else f"{x:.3f}".lstrip("0") for x in (lost, worse, kept)]
            with open(path, "a", encoding="utf-8") as file:
                file.write(f"| {world} | {' | '.join(cells)} |\n")

    return record


def _samples(x):
    return {f"t{i}": row for i, row in enumerate(x)}


def _decided(draw, draw_new, n, old, new, count, seed=1):
    """Shares: passes with the margin lost, clearly worse though equal, passes when equal."""
    rng = np.random.default_rng(seed)
    tasks = [f"t{i}" for i in range(n)]
    lost = worse = kept = 0
    for _ in range(count):
        mean = rng.uniform(0.3, 0.8, (n, 1))
        before = _samples(draw(n, old, rng, mean=mean))
        for drop in (MARGIN, 0.0):
            now = _samples(draw_new(n, new, rng, drop=drop, mean=mean))
            held = difference(now, before, tasks, "these tasks", margin=MARGIN)
            passes = noninferiority_p(held, MARGIN) < 0.05
            if drop:
                lost += passes
                continue
            kept += passes
            seen = difference(now, before, tasks, "these tasks")
            worse += not passes and noninferiority_p(seen, 0.0) > 0.95
    return lost / count, worse / count, kept / count


@pytest.mark.parametrize("world", QUALITY)
def test_a_loss_of_the_margin_passes_and_an_equal_run_fails_in_one_of_twenty(world, record_rate):
    """A gate that lets through twice as much as it says is no gate; one that cries wolf is off."""
    count = _runs()
    lost, worse, kept = _decided(*QUALITY[world], count)
    record_rate(f"quality: {world}", lost, worse, kept)

    assert lost <= _most(RATES.get(world, 0.05), count)
    assert worse <= _most(0.05, count)


DAYS = {
    f"days differ by {100 * tau:g} points, {n} tasks, {days} days": (tau, n, days)
    for n in (30, 100) for tau in (0.0, 0.01, 0.02) for days in (1, 2, 4)
}  # fmt: skip
ONE_DAY = {(0.01, 30): 0.18, (0.01, 100): 0.29, (0.02, 30): 0.29, (0.02, 100): 0.38}
"""What the gate says of itself where all of its baseline is of one day (docs/gate.md)."""


@pytest.mark.parametrize("world", DAYS)
def test_days_cost_no_more_errors_than_promised_once_the_baseline_has_several(world, record_rate):
    """A hosted model's bad day passed or failed at will."""
    tau, n, days = DAYS[world]
    rng, count = np.random.default_rng(5), _runs()
    tasks = [f"t{i}" for i in range(n)]
    repeats = 4 if days == 1 else 2
    lost = worse = kept = 0
    for _ in range(count):
        mean = rng.uniform(0.3, 0.8, (n, 1))
        each = [rng.normal(0, tau) + _steady(n, repeats, rng, mean=mean) for _ in range(days)]
        before, apart = _samples(np.concatenate(each, axis=1)), [_samples(x) for x in each]
        now = rng.normal(0, tau) + _steady(n, 2, rng, mean=mean)
        for drop in (MARGIN, 0.0):
            mean_ = difference(
                _samples(now - drop), before, tasks, "these tasks", margin=MARGIN, days=apart
            )
            passes = noninferiority_p(mean_, MARGIN) < 0.05
            lost += passes and drop > 0
            kept += passes and not drop
            worse += not drop and not passes and noninferiority_p(mean_, 0.0) > 0.95
    record_rate(f"quality: {world}", lost / count, worse / count, kept / count)

    promised = ONE_DAY.get((tau, n), 0.05) if days == 1 else 0.05
    assert lost / count <= _most(promised, count)
    assert worse / count <= _most(promised, count)


@pytest.mark.parametrize("n", [15, 30, 100])
@pytest.mark.parametrize("sd", [0.6, 1.2, 2.0])
def test_a_factor_of_the_limit_passes_in_one_of_twenty_however_heavy_the_tail(n, sd, record_rate):
    """One answer in a hundred that costs a hundred times as much hid a price that had doubled."""
    rng, count = np.random.default_rng(7), _runs()
    lost = worse = kept = 0
    for _ in range(count):
        task = rng.lognormal(0, 0.7 * sd, (n, 1))
        before, now = (_samples(task * rng.lognormal(0, 0.7 * sd, (n, k))) for k in (4, 1))
        for times in (1.2, 1.0):
            new = {name: times * x for name, x in now.items()}
            ratio = ratio_to(new, before, list(before), draws=499)
            passes = ratio.p_above(1.2) < 0.05
            lost += passes and times > 1
            kept += passes and times == 1
            worse += times == 1 and not passes and ratio.p_below(1.0) < 0.05
    record_rate(f"cost: log-SD {sd}, {n} tasks", lost / count, worse / count, kept / count)

    assert lost / count <= _most(0.05, count)
    assert worse / count <= _most(0.05, count)


@pytest.mark.parametrize("together", [True, False], ids=["together", "each for itself"])
@pytest.mark.parametrize(("n", "limit"), [(60, 0.05), (100, 0.02)])
def test_failures_at_their_limit_pass_and_fail_in_one_of_twenty(together, n, limit, record_rate):
    """Where a task fails in all its repeats, four repeats are one observation and not four."""
    rng, count = np.random.default_rng(9), _runs()
    policy = Policy(rules=(Failures(at_most=limit),))
    good = side(np.ones((n, 3)))
    words = []
    for _ in range(count):
        lost = rng.random((n, 1 if together else 3)) < limit
        run = side(np.ones((n, 3)), failed=np.broadcast_to(lost, (n, 3)).copy())
        words += [o.word for o in said(run, good, policy) if o.kind == "failures"]
    how = "together" if together else "each for itself"
    rates = [np.mean([word == said_ for word in words]) for said_ in ("pass", "fail")]
    record_rate(f"failures: {how}, {n} tasks, limit {limit:g}", *rates, float("nan"))

    assert max(rates) <= _most(0.05, count)


def test_the_guard_on_failures_is_silent_in_an_unchanged_system(record_rate):
    """An alarm that goes off by itself is switched off."""
    rng, count = np.random.default_rng(2), _runs()
    alarms = 0
    for _ in range(count):
        often = rng.beta(0.3, 3, (40, 1))
        drawn = [np.broadcast_to(rng.random((40, 1)) < often, (40, k)).copy() for k in (2, 4)]
        new, old = (side(np.ones(x.shape), failed=x) for x in drawn)
        alarms += any(o.rule.startswith("failures as") for o in said(new, old, Policy()))
    record_rate("guard: failures that come together, 40 tasks", float("nan"), alarms / count,
                float("nan"))  # fmt: skip

    assert alarms / count <= _most(0.05, count)


@pytest.mark.parametrize("estimand", ["these tasks", "new tasks"])
def test_no_difference_at_all_is_not_taken_for_no_noise_at_all(estimand):
    """Twelve of twelve equal answers allow that one in five differs: no gate holds 0.0 points."""
    x = {f"t{i}": np.ones(2) for i in range(6)}
    mean = difference(x, x, list(x), estimand, margin=0.02)

    assert mean.value == 0.0
    assert mean.se > 0.05
    assert noninferiority_p(mean, 0.02) > 0.05
