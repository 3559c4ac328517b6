"""Tidy table in, estimate out; one family of estimators per file, each proven in tests."""

from fusion_eval.stats.compare import compare, compare_runs
from fusion_eval.stats.cost import mean_cost
from fusion_eval.stats.decision import acceptability, decisions
from fusion_eval.stats.estimates import mean_score, t_interval, wilson
from fusion_eval.stats.frontier import pareto
from fusion_eval.stats.multiple import holm, max_t_adjusted_p, simultaneous_intervals
from fusion_eval.stats.oracles import best_member, oracle, union_oracle
from fusion_eval.stats.paired import paired_difference, sign_flip_p

__all__ = [
    "acceptability",
    "best_member",
    "compare",
    "compare_runs",
    "decisions",
    "holm",
    "max_t_adjusted_p",
    "mean_cost",
    "mean_score",
    "oracle",
    "paired_difference",
    "pareto",
    "sign_flip_p",
    "simultaneous_intervals",
    "t_interval",
    "union_oracle",
    "wilson",
]
