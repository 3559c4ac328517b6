"""What is measured: a cell is one default in one world at one size, and what ought to come out.

Whoever adds a statistic adds cells: a function of a draw and the truth that says whether the
interval held (coverage) or the test rejected (false alarms, power).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np
import pandas as pd
from cover_worlds import HERON, KESTREL, Draw, Floats, Population, draw, population

from fusion_eval import stats
from fusion_eval.stats.best import winner
from fusion_eval.stats.multiple import flip_signs
from fusion_eval.stats.ranks import rank_sets

Kind = Literal["coverage", "false alarms", "power", "control"]
SIZES = (10, 30, 100)
FLIPS = 599
LIFT = 0.05
"""Scores by which the better side leads where power is measured: 5 points."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One rate to measure. `function(draw, truth(population))` is whether it held, or rejected.

    `found` is what the reference simulations found for such a cell; None where they had none.
    """

    name: str
    world: str
    n: int
    function: Callable[[Any, Any], bool]
    truth: Callable[[Population], Any]
    kind: Kind = "coverage"
    repeats: int = 1
    clusters: bool = False
    nominal: float | None = 0.95
    found: float | None = None
    share: float = 1.0
    """Of the repetitions asked for, where the function is slow."""
    alone: bool = False
    """The function gets a generator in the place of a draw: it makes tables of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A cell's rate over `repetitions` experiments."""

    cell: Cell
    rate: float
    repetitions: int

    @property
    def se(self) -> float:
        """Standard error of the rate."""
        return math.sqrt(max(self.rate * (1 - self.rate), 1e-4) / self.repetitions)


def measure(cell: Cell, repetitions: int, tasks: int = 2000, seed: int = 0) -> Measured:
    """The rate of one cell; the same numbers for the same arguments."""
    repetitions = experiments(cell, repetitions)
    rng = np.random.default_rng([seed, cell.n, cell.repeats, *cell.name.encode()])
    if cell.alone:
        hits = sum(bool(cell.function(rng, None)) for _ in range(repetitions))
        return Measured(cell=cell, rate=hits / repetitions, repetitions=repetitions)
    whole = population(cell.world, cell.clusters, tasks)
    truth = cell.truth(whole)
    hits = sum(
        bool(cell.function(draw(whole, cell.n, cell.repeats, cell.clusters, rng), truth))
        for _ in range(repetitions)
    )
    return Measured(cell=cell, rate=hits / repetitions, repetitions=repetitions)


def experiments(cell: Cell, repetitions: int) -> int:
    """How many of the repetitions asked for a cell gets."""
    return max(1, round(cell.share * repetitions))


def _inside(found: Any, truth: float) -> bool:
    return bool(found.low <= truth <= found.high)


def _score(drawn: Draw, truth: float) -> bool:
    return _inside(stats.mean_score(drawn.one), truth)


def _score_over_domains(drawn: Draw, truth: float) -> bool:
    return _inside(stats.score_limits(stats.clustered(drawn.one, drawn.clusters)), truth)


def _difference(drawn: Draw) -> Floats:
    return np.asarray(drawn.score[KESTREL] - drawn.score[HERON])


def _paired(drawn: Draw, truth: float) -> bool:
    return _inside(stats.t_interval(_difference(drawn)), truth)


def _paired_over_domains(drawn: Draw, truth: float) -> bool:
    return _inside(stats.t_limits(stats.clustered(_difference(drawn), drawn.clusters)), truth)


def _p(d: Floats, drawn: Draw) -> float:
    return stats.sign_flip_p(d, rng=drawn.rng, flips=FLIPS, exact_up_to=20)


def _alarm(drawn: Draw, truth: float) -> bool:
    return _p(_difference(drawn) - truth, drawn) <= 0.05


def _alarm_between_equals(drawn: Draw, truth: float) -> bool:
    two = drawn.equals(2)
    return _p(two[:, 0] - two[:, 1], drawn) <= 0.05


def _finds(drawn: Draw, truth: float) -> bool:
    return _p(_difference(drawn) - truth + LIFT, drawn) <= 0.05


def _alarm_over_domains(drawn: Draw, truth: float) -> bool:
    return stats.clustered(_difference(drawn), drawn.clusters).p(truth) <= 0.05


def _pairs(x: Floats) -> Floats:
    return np.column_stack([x[:, i] - x[:, j] for i, j in combinations(range(x.shape[1]), 2)])


def _any_alarm(drawn: Draw, truth: float) -> bool:
    d = _pairs(drawn.equals(8))
    return bool((stats.max_t_adjusted_p(d, flip_signs(len(d), FLIPS, drawn.rng)) <= 0.05).any())


def _all_hold(drawn: Draw, truth: float) -> bool:
    d = _pairs(drawn.equals(8))
    found = stats.simultaneous_intervals(d, flip_signs(len(d), FLIPS, drawn.rng))
    return bool(((found.low <= 0) & (found.high >= 0)).all())


def _finds_the_worst(drawn: Draw, truth: float) -> bool:
    """Whether one of eight, 10 points behind seven equal ones, is told from all of them."""
    x = drawn.equals(8)
    x[:, 7] -= 2 * LIFT
    d = _pairs(x)
    p = stats.max_t_adjusted_p(d, flip_signs(len(d), FLIPS, drawn.rng))
    last = [k for k, pair in enumerate(combinations(range(8), 2)) if 7 in pair]
    return bool((p[last] <= 0.05).all())


def _ranks_hold(drawn: Draw, truth: float) -> bool:
    x = drawn.equals(8) - 0.02 * np.arange(8)
    low, high = rank_sets(x, flip_signs(len(x), FLIPS, drawn.rng))
    return bool(((low <= np.arange(1, 9)) & (np.arange(1, 9) <= high)).all())


def _best_is_kept(drawn: Draw, truth: float) -> bool:
    x = drawn.equals(8)
    return bool(rank_sets(x, flip_signs(len(x), FLIPS, drawn.rng))[0][0] == 1)


def _on_these_tasks(drawn: Draw, truth: Floats) -> bool:
    """Two runs of two repeats each, on the very tasks of the draw."""
    one, two = drawn.again(HERON, 2), drawn.again(KESTREL, 2)
    mine = truth[:, drawn.tasks].mean(axis=1)
    return _inside(stats.t_limits(stats.fixed_difference(two, one)), mine[KESTREL] - mine[HERON])


def _against_a_baseline(drawn: Draw, truth: Floats) -> bool:
    """One new run against four runs of the baseline, of the same recipe."""
    focus = drawn.population.focus
    new, old = drawn.again(focus, 1), drawn.again(focus, 4)
    return _inside(stats.t_limits(stats.fixed_difference(new, old)), 0.0)


def _failure_rate(drawn: Draw, truth: float) -> bool:
    failed = drawn.of(drawn.population.failed)[HERON][:, 0]
    return _inside(stats.clopper_pearson(int(failed.sum()), len(failed)), truth)


def _table(drawn: Draw, truth: float) -> bool:
    """`fe.compare` itself, from rows to words, on four equal recipes."""
    x = drawn.equals(4)
    rows = pd.DataFrame(
        {
            "task": np.repeat(np.arange(len(x)), 4).astype(str),
            "recipe": np.tile(list("abcd"), len(x)),
            "score": x.ravel(),
        }
    )
    words = stats.compare(rows, flips=199)["conclusion"]
    return bool(words.isin(["better", "worse"]).any())


def _winner_is_covered(drawn: Draw, truth: float) -> bool:
    x = drawn.equals(8)
    _, low, high = winner(x, flip_signs(len(x), FLIPS, drawn.rng))
    return bool(low <= truth <= high)


def _welch_finds(drawn: Draw, truth: float) -> bool:
    """The control: the same two recipes, as if they had answered different tasks."""
    one, two = drawn.score[HERON], drawn.score[KESTREL] - truth + LIFT
    n = len(one)
    se = math.sqrt((one.var(ddof=1) + two.var(ddof=1)) / n)
    return bool(abs(two.mean() - one.mean()) / se > 2.0)


def _pooled(drawn: Draw, truth: float) -> bool:
    """The control: 40 criteria of a task counted as 40 observations."""
    x = drawn.one
    return _inside(stats.wilson(float(40 * x.sum()), 40 * len(x)), truth)


def _percentile(drawn: Draw, truth: float) -> bool:
    """The control: quantiles of resampled means."""
    d = _difference(drawn)
    means = d[drawn.rng.integers(len(d), size=(999, len(d)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return bool(low <= truth <= high)


def _repeats_as_tasks(drawn: Draw, truth: float) -> bool:
    """The control: two repeats of a task counted as two tasks."""
    d = drawn.of(drawn.population.score)
    return not _inside(stats.t_interval((d[KESTREL] - d[HERON]).ravel()), truth)


def _mean(whole: Population) -> float:
    return float(whole.mean[whole.focus])


def _gap(whole: Population) -> float:
    return float(whole.mean[KESTREL] - whole.mean[HERON])


def _nothing(whole: Population) -> float:
    return 0.0


def _by_task(whole: Population) -> Floats:
    return np.asarray(whole.score.mean(axis=2))


def _share_failed(whole: Population) -> float:
    return float(whole.failed[HERON].mean())


FIVE = ("DRACO-like", "floor", "ceiling", "rare collapse", "needle")
FOUR = FIVE[:4]
_SCORE_FOUND = {
    "DRACO-like": (0.965, 0.962, 0.959), "floor": (0.957, 0.958, 0.951),
    "ceiling": (0.940, 0.947, 0.953), "needle": (0.910, 0.950, 0.947),
    "failures": (0.936, 0.942, 0.941),
}  # fmt: skip
_PAIRED_FOUND = {
    "DRACO-like": (0.952, 0.954, 0.944), "floor": (0.958, 0.952, 0.942),
    "rare collapse": (0.914, 0.909, 0.931),
}  # fmt: skip
_ALARMS_FOUND = {
    "DRACO-like": (0.049, 0.049, 0.057), "floor": (0.039, 0.050, 0.060),
    "rare collapse": (0.093, 0.094, 0.070),
}  # fmt: skip


def _cells(
    name: str, worlds: tuple[str, ...], function: Callable[[Draw, Any], bool],
    truth: Callable[[Population], Any], *, found: dict[str, tuple[float, ...]] | None = None,
    sizes: tuple[int, ...] = SIZES, repeats: tuple[int, ...] = (1,), **more: Any,
) -> list[Cell]:  # fmt: skip
    """The same rate in several worlds, sizes and numbers of repeats."""
    return [
        Cell(
            name=name, world=world, n=n, function=function, truth=truth, repeats=k,
            found=found[world][SIZES.index(n)] if found and world in found and k == 1 else None,
            **more,
        )
        for world in worlds for k in repeats for n in sizes
    ]  # fmt: skip


ALARM: dict[str, Any] = {"kind": "false alarms", "nominal": 0.05}
POWER: dict[str, Any] = {"kind": "power", "nominal": None}
CONTROL: dict[str, Any] = {"kind": "control"}

CELLS: tuple[Cell, ...] = (
    *_cells("one mean, logit-t", (*FIVE, "failures"), _score, _mean,
            found=_SCORE_FOUND, repeats=(1, 3)),
    *_cells("one mean, ten domains as a sample, CR2 logit-t", FOUR, _score_over_domains,
            _mean, clusters=True, repeats=(1, 3),
            found=dict.fromkeys(FOUR, (0.945, 0.949, 0.947))),
    *_cells("paired difference, t", FIVE, _paired, _gap, found=_PAIRED_FOUND, repeats=(1, 3)),
    *_cells("paired, ten domains as a sample, CR2 t", FOUR, _paired_over_domains, _gap,
            clusters=True, repeats=(1, 3), found=dict.fromkeys(FOUR, (math.nan, 0.957, 0.956))),
    *_cells("sign flips, true difference shifted to 0", FIVE, _alarm, _gap,
            found=_ALARMS_FOUND, repeats=(1, 3), **ALARM),
    *_cells("sign flips, a recipe against itself", FOUR, _alarm_between_equals, _nothing,
            repeats=(1, 3), **ALARM),
    *_cells("CR2 t test, ten domains as a sample", FOUR, _alarm_over_domains, _gap,
            clusters=True, repeats=(1, 3), found=dict.fromkeys(FOUR, (math.nan, 0.043, 0.044)),
            **ALARM),
    *_cells("sign flips, 5 points ahead", FIVE, _finds, _gap, repeats=(1, 3), **POWER),
    *_cells("28 pairs of 8 equal recipes, max-T: any false claim", FOUR, _any_alarm, _nothing,
            found={"DRACO-like": (0.044, 0.057, 0.048)}, repeats=(1, 3), **ALARM),
    *_cells("28 simultaneous differences, max-T", FOUR, _all_hold, _nothing,
            found={"DRACO-like": (0.953, 0.942, 0.953)}, repeats=(1, 3)),
    *_cells("difference on these very tasks, two repeats each", FOUR, _on_these_tasks, _by_task,
            found=dict.fromkeys(FOUR, (0.949, 0.948, 0.946))),
    *_cells("on these very tasks, one run against 4 of the baseline", FOUR, _against_a_baseline,
            _by_task, found=dict.fromkeys(FOUR, (0.944, 0.945, 0.947))),
    *_cells("one mean, logit-t", ("ceiling, 1 in 200 fails",), _score, _mean),
    *_cells("failure rate, Clopper-Pearson", ("failures",), _failure_rate, _share_failed),
    *_cells("control: criteria counted as tasks", FOUR, _pooled, _mean, **CONTROL),
    *_cells("control: percentile bootstrap of a difference", FOUR, _percentile, _gap,
            sizes=(10,), **CONTROL),
    *_cells("control: repeats counted as tasks, false alarms", FOUR, _repeats_as_tasks, _gap,
            repeats=(3,), kind="control", nominal=0.05),
    *_cells("control: unpaired Welch test, 5 points ahead", FOUR, _welch_finds, _gap,
            kind="control", nominal=None),
    *_cells("one of 8 is 10 points behind: told from all 7, max-T", FOUR, _finds_the_worst,
            _nothing, **POWER),
    *_cells("all rank sets of 8 recipes at once", FOUR, _ranks_hold, _nothing),
    *_cells("the winner of 8 equal recipes, simultaneous interval", FOUR, _winner_is_covered,
            _mean),
    *_cells("a best of 8 equal recipes is not excluded", FOUR, _best_is_kept, _nothing,
            found={"DRACO-like": (0.952, 0.944, 0.950)}),
    *_cells("fe.compare on 4 equal recipes: a false word", FOUR[:1],
            _table, _nothing, **ALARM),
)  # fmt: skip
