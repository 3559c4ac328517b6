"""One figure per file; a table in, axes out. No plot estimates anything or calls `show`.

Each has the signature `plot(frame, ax=None) -> Axes` and takes the table of the `fe` function that
it shows: `plots.pareto(fe.pareto(trials))`, `plots.forest(fe.compare(trials))`,
`plots.acceptability(fe.acceptability(trials))`, `plots.heat(fe.breakdown(trials))`,
`plots.shares(fe.agreement(verdicts))`, `plots.costs(fe.costs(run))`. `pareto`, `scores`
and `acceptability` take trials too.
"""

from fusion_eval.plots.acceptability import acceptability
from fusion_eval.plots.costs import costs
from fusion_eval.plots.forest import forest
from fusion_eval.plots.heat import heat
from fusion_eval.plots.items import items
from fusion_eval.plots.pareto import pareto
from fusion_eval.plots.ranks import ranks
from fusion_eval.plots.readings import readings
from fusion_eval.plots.scaling import scaling
from fusion_eval.plots.scores import scores
from fusion_eval.plots.shares import shares
from fusion_eval.plots.style import save

__all__ = [
    "acceptability",
    "costs",
    "forest",
    "heat",
    "items",
    "pareto",
    "ranks",
    "readings",
    "save",
    "scaling",
    "scores",
    "shares",
]
