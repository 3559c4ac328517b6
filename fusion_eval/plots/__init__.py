"""One figure per file; a table in, axes out. No plot estimates anything or calls `show`."""

from fusion_eval.plots.acceptability import acceptability
from fusion_eval.plots.costs import costs
from fusion_eval.plots.forest import forest
from fusion_eval.plots.pareto import pareto
from fusion_eval.plots.scores import scores
from fusion_eval.plots.style import save

__all__ = ["acceptability", "costs", "forest", "pareto", "save", "scores"]
