"""The default world beside public runs of fusion on DRACO, figure by figure.

Real figures are computed from the public verdicts; where these are not public (members' own
scores), the figure is quoted. Simulated ones come from the direct sampler on DRACO's rubrics.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations

import numpy as np
from made_experiments import seat
from made_public import (
    ONE_PANEL,
    OTHER_PANELS,
    SELF,
    public_flips,
    public_paired,
    public_scores,
    public_transfer,
)
from made_rubrics import draco_like
from numpy.typing import NDArray

from fusion_eval.core import Member, Recipe
from fusion_eval.simulator import World, load_world, sample

Values = NDArray[np.float64]
RUNS = 6
BIRDS = ("sparrow", "heron", "kestrel", "lark", "osprey", "condor")
IDS = {
    "sparrow": "aviary/sparrow",
    "osprey": "aviary/osprey",
    "heron": "wader/heron",
    "kestrel": "raptor/kestrel",
    "condor": "raptor/condor",
    "lark": "meadow/lark",
}
PANEL = BIRDS[:5]
CAP = 900
WORLDS = 4


@dataclass(frozen=True)
class Row:
    """One figure: what is real, what is simulated, and where the simulated one has to be."""

    name: str
    real: str
    simulated: float
    low: float
    high: float
    digits: int = 1

    @property
    def inside(self) -> bool:
        """Whether the simulated figure is in its band."""
        return self.low <= self.simulated <= self.high


def _member(name: str, cap: int | None = None) -> Member:
    return seat(IDS[name], **({"max_tokens": cap} if cap else {}))


def _panel(name: str, members: tuple[str, ...], writer: str, cap: int | None = None) -> Recipe:
    params = {
        "members": tuple(_member(m) for m in members),
        "judge": _member("lark"),
        "synthesizer": _member(writer, cap),
    }
    return Recipe(name=name, strategy="panel", params=params)


def recipes() -> list[Recipe]:
    """Members alone; one panel with six writers, also under a cap; other panels; self-fusion."""
    made = [Recipe(name=b, strategy="solo", params={"member": _member(b)}) for b in BIRDS]
    made += [_panel(f"by {b}", PANEL, b) for b in BIRDS]
    made += [_panel(f"by {b}, capped", PANEL, b, CAP) for b in BIRDS]
    made += [_panel(f"self {n}", ("lark",) * n, "lark") for n in range(2, 11)]
    made.append(_panel("small", PANEL[:3], "lark"))
    made.append(_panel("large", ("kestrel", "osprey", "condor"), "lark"))
    return made


class Simulated:
    """One sample of all recipes on DRACO's 100 rubrics, with verdicts."""

    def __init__(self, world: World, runs: int = RUNS) -> None:
        self.tasks, self.runs = draco_like(), runs
        rng = np.random.default_rng(world.seed)
        drawn = sample(world, self.tasks, recipes(), runs, rng, keep_verdicts=True)
        self.index = {name: i for i, name in enumerate(drawn.recipes)}
        self.score = np.where(drawn.failed, np.nan, 100 * drawn.score)  # the public runs have none
        self.verdicts = drawn.verdicts
        self.right = [np.array([c.weight > 0 for c in t.criteria]) for t in self.tasks]

    def of(self, name: str) -> Values:
        """Scores of a recipe in points, shape (tasks, runs)."""
        return np.asarray(self.score[self.index[name]])

    def mean(self, name: str) -> float:
        """Mean score in points."""
        return float(np.nanmean(self.of(name)))

    def spread(self, values: Values) -> float:
        """SD over tasks within one run, averaged over runs."""
        return float(np.nanstd(values, axis=0, ddof=1).mean())

    def paired(self, a: str, b: str) -> float:
        """SD over tasks of a difference in one run."""
        return self.spread(self.of(a) - self.of(b))

    def transfer(self, name: str, members: tuple[str, ...], right: bool) -> tuple[Values, Values]:
        """(P(met in the fused answer | k members met it), cells), by k."""
        seats = [self.index[m] for m in members]
        hits, cells = np.zeros(len(seats) + 1), np.zeros(len(seats) + 1)
        for verdicts, mask in zip(self.verdicts, self.right, strict=True):
            rows = mask if right else ~mask
            held, fused = verdicts[seats][:, :, rows], verdicts[self.index[name]][:, rows]
            read = ~np.isnan(held).any(axis=0) & ~np.isnan(fused)
            k = held.sum(axis=0)[read].astype(int)
            hits += np.bincount(k, weights=fused[read], minlength=len(seats) + 1)
            cells += np.bincount(k, minlength=len(seats) + 1)
        return hits / np.maximum(1, cells), cells

    def flips(self, name: str) -> float:
        """Share of verdicts that differ between two runs of a recipe."""
        found = []
        for verdicts in self.verdicts:
            values = verdicts[self.index[name]]
            one, two = values[0::2], values[1::2]
            read = ~np.isnan(one) & ~np.isnan(two)
            found.append((one != two)[read])
        return float(np.concatenate(found).mean())

    def correlations(self) -> list[float]:
        """Correlations over tasks of the scores of each pair of members, averaged over runs."""
        return [self._correlation(self.of(a), self.of(b)) for a, b in combinations(PANEL, 2)]

    def _correlation(self, one: Values, two: Values) -> float:
        both = ~np.isnan(one) & ~np.isnan(two)
        columns = [(one[both[:, r], r], two[both[:, r], r]) for r in range(self.runs)]
        return float(np.mean([np.corrcoef(a, b)[0, 1] for a, b in columns]))


def rows(found: Simulated) -> list[Row]:
    """The calibration table."""
    return [*_survival(found), *_spreads(found), *_agreement(found), *_levels(found)]


def _survival(found: Simulated) -> list[Row]:
    """What of the members' points and errors is in the fused answer."""
    kept, _ = found.transfer("by lark", PANEL, right=True)
    errors, _ = found.transfer("by lark", PANEL, right=False)
    wanted = (0.10, 0.49, 0.87, 0.88, 0.95, 0.98)
    name = "P(point in fused answer, {} of 5 members made it)"
    return [
        *(
            Row(name.format(k), f"{real:.2f}", kept[k], w - 0.06, min(1.0, w + 0.06), 2)
            for k, (real, w) in enumerate(zip(public_transfer(), wanted, strict=True))
        ),
        Row("P(error in fused answer, 1 member made it)", "0.14", errors[1], 0.08, 0.20, 2),
        Row("P(error in fused answer, no member made it)", "0.025", errors[0], 0.0, 0.05, 3),
    ]


def _range(values: list[float], digits: int = 1) -> str:
    middle = np.median(values)
    return f"{middle:.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def _spreads(found: Simulated) -> list[Row]:
    scores = public_scores()
    real = [float(np.std(list(scores[s].values()), ddof=1)) for s in scores]
    spreads = [found.spread(found.of(n)) for n in found.index if "capped" not in n]
    real_same = [public_paired(a, b) for a, b in combinations(ONE_PANEL, 2)]
    same = [found.paired(f"by {a}", f"by {b}") for a, b in combinations(BIRDS, 2)]
    real_other = [public_paired(a, b) for a, b in combinations(OTHER_PANELS, 2)]
    panels = ("by lark", "small", "large", "self 3", "self 10")
    other = [found.paired(a, b) for a, b in combinations(panels, 2)]
    return [
        Row("SD over tasks, median recipe", _range(real), np.median(spreads), 14, 19),
        Row("paired SD, same panel, median pair", _range(real_same), np.median(same), 6.5, 11),
        Row("paired SD, other panel, median pair", _range(real_other), np.median(other), 9, 13),
    ]


def _agreement(found: Simulated) -> list[Row]:
    r = found.correlations()
    twice = ("by lark", "by condor", "large", "self 2", "self 3", "self 7")
    flips, real = float(np.mean([found.flips(n) for n in twice])), _range(public_flips(), 3)
    return [
        Row("members' scores, mean correlation", "0.56", np.mean(r), 0.51, 0.61, 2),
        Row("members' scores, lowest correlation", "0.47", min(r), 0.47, 0.71, 2),
        Row("members' scores, highest correlation", "0.71", max(r), 0.47, 0.71, 2),
        Row("verdicts that flip between two runs", real, flips, 0.10, 0.14, 3),
    ]


def _levels(found: Simulated) -> list[Row]:
    mean = {s: float(np.mean(list(v.values()))) for s, v in public_scores().items()}
    written, ours = [mean[s] for s in ONE_PANEL], [found.mean(f"by {b}") for b in BIRDS]
    real, spread = f"{max(written) - min(written):.1f}", max(ours) - min(ours)
    early, late = mean[SELF[7]] - mean[SELF[2]], mean[SELF[10]] - mean[SELF[7]]
    two, seven, ten = (found.mean(f"self {n}") for n in (2, 7, 10))
    alone, fused = [found.mean(b) for b in PANEL], found.mean("by lark")
    best = np.nanmax([found.of(b) for b in PANEL], axis=0)
    wins, cap = (found.of("by lark") > best).mean(), "+2.0 becomes -0.2"
    return [
        Row("writers over one panel, best less worst", real, spread, 15, 20),
        Row("self-fusion, 7 runs less 2", f"{early:.1f}", seven - two, 2, 4),
        Row("self-fusion, 10 runs less 7", f"{late:.1f}", ten - seven, -1, 1),
        Row("writers that overtake the best under a cap", cap, _overtaken(found), 1, 5, 1),
        Row("panel less mean member", "16.2", fused - np.mean(alone), -np.inf, np.inf),
        Row("panel less best single member", "4.7", fused - max(alone), -np.inf, np.inf),
        Row("tasks where the panel beats its best member", "0.36", wins, -np.inf, np.inf, 2),
    ]


def _overtaken(found: Simulated) -> int:
    """How many writers overtake the best one when all are cut at CAP tokens."""
    best = max(BIRDS, key=lambda b: found.mean(f"by {b}"))
    return sum(found.mean(f"by {b}, capped") > found.mean(f"by {best}, capped") for b in BIRDS)


@cache
def simulations() -> tuple[Simulated, ...]:
    """The default world with several seeds: one seed is only 100 tasks."""
    world = load_world("default").model_dump()
    seeds = range(world["seed"], world["seed"] + WORLDS)
    return tuple(Simulated(World.model_validate(world | {"seed": seed})) for seed in seeds)


@cache
def calibration() -> tuple[Row, ...]:
    """The calibration table of the default world, averaged over its seeds."""
    return tuple(
        replace(same[0], simulated=float(np.mean([row.simulated for row in same])))
        for same in zip(*map(rows, simulations()), strict=True)
    )


def table() -> str:
    """The calibration as a Markdown table."""
    lines = ["| figure | public runs | simulated | band |", "| --- | ---: | ---: | ---: |"]
    for row in calibration():
        d = row.digits
        band = f"{row.low:.{d}f} to {row.high:.{d}f}" if row.high < np.inf else "none"
        lines.append(f"| {row.name} | {row.real} | {row.simulated:.{d}f} | {band} |")
    return "\n".join(lines)


def self_fusion() -> tuple[list[float], list[float]]:
    """Mean scores of self-fusion of 2 to 10 runs: public, simulated."""
    real = [float(np.mean(list(public_scores()[SELF[n]].values()))) for n in SELF]
    return real, [float(np.mean([f.mean(f"self {n}") for f in simulations()])) for n in SELF]
