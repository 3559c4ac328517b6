"""Cells of the coverage report on dollars, fusion and early looks; see `cover_cells`."""

from __future__ import annotations

import math

import numpy as np
from cover_cells import ALARM, CONTROL, FOUR, Cell, _cells, _gap, _inside, _nothing
from cover_worlds import HERON, KESTREL, PANEL, Draw, Floats, Population
from scipy import stats as scipy_stats

from fusion_eval import stats
from fusion_eval.stats.best_of import against_best
from fusion_eval.stats.dominance import dominators, on_frontier
from fusion_eval.stats.matched import best_mixture, matched_difference
from fusion_eval.stats.points import Points
from fusion_eval.stats.ratio import positive_ratio, ratio_of_means
from fusion_eval.stats.sequential import design, look

MARGIN = 0.03
PLAN = design(100)
_PEEKS = range(10, 101, 5)


def _mean_cost(drawn: Draw, truth: float) -> bool:
    found = stats.mean_cost(drawn.cost_usd[PANEL], rng=drawn.rng, resamples=999)
    return _inside(found, truth)


def _cost_ratio(drawn: Draw, truth: float) -> bool:
    return _inside(positive_ratio(drawn.cost_usd[PANEL], drawn.cost_usd[HERON]), truth)


def _dollars_per_point(drawn: Draw, truth: float) -> bool:
    found = ratio_of_means(
        drawn.cost_usd[PANEL] - drawn.cost_usd[HERON],
        drawn.score[PANEL] - drawn.score[HERON],
        rng=drawn.rng,
    )
    inside = found.low <= truth <= found.high
    return bool(inside if found.kind == "bounded" else found.kind == "all" or not inside)


def _benefit(drawn: Draw) -> Floats:
    value = 0.02  # dollars that a whole score of 1 is worth
    gain = drawn.score[PANEL] - drawn.score[HERON]
    return np.asarray(value * gain - (drawn.cost_usd[PANEL] - drawn.cost_usd[HERON]))


def _net_benefit(drawn: Draw, truth: float) -> bool:
    return _inside(stats.t_interval(_benefit(drawn)), truth)


def _matched(drawn: Draw, truth: float) -> bool:
    """Kestrel against the best mixture of heron and the panel."""
    score, cost = drawn.score[[KESTREL, HERON, PANEL]].T, drawn.cost_usd[[KESTREL, HERON, PANEL]].T
    _, low, high = matched_difference(
        score[:, [0]] - score[:, 1:], cost[:, [0]] - cost[:, 1:], rng=drawn.rng
    )
    return low <= truth <= high


def _against_members(drawn: Draw, truth: float) -> bool:
    d = drawn.score[PANEL][:, None] - drawn.score[[HERON, KESTREL]].T
    return _inside(against_best(d, rng=drawn.rng).estimate, truth)


def _against_equal_members(drawn: Draw, truth: float) -> bool:
    """Six copies of one recipe: the first against the best of the other five."""
    x = drawn.equals(6)
    return _inside(against_best(x[:, :1] - x[:, 1:], rng=drawn.rng).estimate, truth)


def _tied(drawn: Draw) -> tuple[Floats, Floats]:
    """Four recipes with equal expected scores and costs, shape (n, 4) each."""
    x = drawn.equals(4)
    return x, drawn.rng.lognormal(0.0, 0.8, x.shape)


def _falsely_dominated(drawn: Draw, truth: float) -> bool:
    score, cost = _tied(drawn)
    return any(dominators(Points(list("abcd"), score, cost, np.ones(4, bool)), 0.05))


def _thrown_off(drawn: Draw, truth: float) -> bool:
    """The control: by the means alone, some of four tied recipes is not on the frontier."""
    score, cost = _tied(drawn)
    return not on_frontier(score.mean(axis=0), cost.mean(axis=0)).all()


def _worse_by_the_margin(drawn: Draw, truth: float) -> Floats:
    return np.asarray(drawn.score[KESTREL] - drawn.score[HERON] - truth - MARGIN)


def _four_looks(drawn: Draw, truth: float) -> bool:
    d = _worse_by_the_margin(drawn, truth)
    return any(look(PLAN, d[:n], margin=MARGIN).word == "yes" for n in PLAN.tasks)


def _peeking(drawn: Draw, truth: float) -> bool:
    """The control: a one-sided t test after every five tasks, until it is significant."""
    d = _worse_by_the_margin(drawn, truth) + MARGIN
    return any(
        d[:n].mean() > scipy_stats.t.isf(0.05, n - 1) * d[:n].std(ddof=1) / math.sqrt(n)
        for n in _PEEKS
    )


def _true_cost(whole: Population) -> float:
    return float(whole.mean_cost[PANEL])


def _true_cost_ratio(whole: Population) -> float:
    return float(whole.mean_cost[PANEL] / whole.mean_cost[HERON])


def _true_price(whole: Population) -> float:
    dearer = whole.mean_cost[PANEL] - whole.mean_cost[HERON]
    return float(dearer / (whole.mean[PANEL] - whole.mean[HERON]))


def _true_benefit(whole: Population) -> float:
    dearer = whole.mean_cost[PANEL] - whole.mean_cost[HERON]
    return float(0.02 * (whole.mean[PANEL] - whole.mean[HERON]) - dearer)


def _true_matched(whole: Population) -> float:
    score, cost = whole.mean[[HERON, PANEL]], whole.mean_cost[[HERON, PANEL]]
    i, j, share = best_mixture(score, cost, float(whole.mean_cost[KESTREL]))
    return float(whole.mean[KESTREL] - (1 - share) * score[i] - share * score[j])


def _true_lead(whole: Population) -> float:
    return float(whole.mean[PANEL] - whole.mean[[HERON, KESTREL]].max())


DOLLARS: tuple[Cell, ...] = (
    *_cells("mean cost, bootstrap-t", FOUR, _mean_cost, _true_cost),
    *_cells("ratio of mean costs, log-delta", FOUR, _cost_ratio, _true_cost_ratio),
    *_cells("dollars per point, Fieller's set", FOUR, _dollars_per_point, _true_price,
            found=dict.fromkeys(FOUR, (0.948, 0.947, 0.949))),
    *_cells("net benefit, t", FOUR, _net_benefit, _true_benefit,
            found=dict.fromkeys(FOUR, (0.951, 0.945, 0.950))),
    *_cells("at equal dollars, against the best mixture", FOUR, _matched, _true_matched,
            found=dict.fromkeys(FOUR, (0.965, 0.955, 0.953))),
    *_cells("panel less its best member", FOUR, _against_members, _true_lead),
    *_cells("a recipe less the best of five equal ones", FOUR, _against_equal_members, _nothing,
            found=dict.fromkeys(FOUR, (0.979, 0.972, 0.973))),
    *_cells("four tied recipes: any called dominated", FOUR, _falsely_dominated, _nothing, **ALARM),
    *_cells("four looks, worse by the margin: passed", FOUR, _four_looks, _gap, sizes=(100,),
            found=dict.fromkeys(("DRACO-like",), (math.nan, math.nan, 0.048)), **ALARM),
    *_cells("control: frontier of the means drops one of four tied", FOUR, _thrown_off, _nothing,
            **{**CONTROL, "nominal": 0.05}),
    *_cells("control: peeking every five tasks, worse by the margin: passed", FOUR, _peeking, _gap,
            sizes=(100,), **{**CONTROL, "nominal": 0.05}),
)  # fmt: skip
