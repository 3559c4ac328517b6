"""Tidy table in, estimate out; one family of estimators per file, each proven in tests."""

from fusion_eval.stats.acceptable import acceptable
from fusion_eval.stats.best import best
from fusion_eval.stats.clusters import clustered
from fusion_eval.stats.compare import compare, compare_runs
from fusion_eval.stats.components import components
from fusion_eval.stats.cost import mean_cost
from fusion_eval.stats.decision import acceptability, decisions
from fusion_eval.stats.equivalence import equivalence_p, noninferiority_p, win_tie_loss
from fusion_eval.stats.estimates import mean_score, t_interval, wilson
from fusion_eval.stats.failing import clopper_pearson, failures
from fusion_eval.stats.fixed import fixed_difference, fixed_mean
from fusion_eval.stats.frontier import pareto
from fusion_eval.stats.headline import headline
from fusion_eval.stats.means import score_limits, t_limits
from fusion_eval.stats.multiple import holm, max_t_adjusted_p, max_t_p, simultaneous_intervals
from fusion_eval.stats.oracles import best_member, oracle, union_oracle
from fusion_eval.stats.paired import paired_difference, sign_flip_p
from fusion_eval.stats.ranks import ranks
from fusion_eval.stats.scores import scores
from fusion_eval.stats.strata import stratified
from fusion_eval.stats.variance import precision, variance

__all__ = [
    "acceptability",
    "acceptable",
    "best",
    "best_member",
    "clopper_pearson",
    "clustered",
    "compare",
    "compare_runs",
    "components",
    "decisions",
    "equivalence_p",
    "failures",
    "fixed_difference",
    "fixed_mean",
    "headline",
    "holm",
    "max_t_adjusted_p",
    "max_t_p",
    "mean_cost",
    "mean_score",
    "noninferiority_p",
    "oracle",
    "paired_difference",
    "pareto",
    "precision",
    "ranks",
    "score_limits",
    "scores",
    "sign_flip_p",
    "simultaneous_intervals",
    "stratified",
    "t_interval",
    "t_limits",
    "union_oracle",
    "variance",
    "wilson",
    "win_tie_loss",
]
