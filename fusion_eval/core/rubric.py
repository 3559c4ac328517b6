"""Score policies as values: the parts that published formulas are made of, and those formulas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from fusion_eval.core.outcome import Score, Verdict
from fusion_eval.core.scoring import score


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How verdicts become the score of a task, and scores of tasks a headline.

    A verdict has a weight w and a value v (0 to 1; for w < 0, 1 means that the error is present).

    numerator: `weighted` sum of w v; `share` T / (T + R), where T and R are the weighted means of
        the answer's and of the reference answer's values (0 where both are 0)
    denominator: `positive` sum of w > 0; `all` sum of w; `range` from the worst total to the best,
        (total - sum of w < 0) / (sum of |w|)
    tree: groups of criteria are allowed, and each level is a weighted mean (`criterion.leaves`)
    errors: criteria may have weights below 0; never in a tree
    floor: what the fraction 0 is worth; the fraction x is worth floor + (1 - floor) x
    all_negative, for a rubric without positive weight: `inverted` 1 + total / sum of |w|; `zero`;
        `unscored`
    clip: `task` each score to 0 to 1; `mean` only the mean over tasks; `section` the total of each
        section to 0 to its positive weight, then as `task`; `none`
    over: the headline is the mean over `tasks`, or over `domains` of the means within them

    Passes and graders are scored one by one and averaged (`scoring.score_of`); verdicts that a
    committee has already joined come as one grader.
    """

    name: str
    numerator: Literal["weighted", "share"] = "weighted"
    denominator: Literal["positive", "all", "range"] = "positive"
    tree: bool = False
    errors: bool = True
    floor: float = 0.0
    all_negative: Literal["inverted", "zero", "unscored"] = "unscored"
    clip: Literal["none", "task", "mean", "section"] = "none"
    over: Literal["tasks", "domains"] = "tasks"
    source: str = ""

    @property
    def clips_tasks(self) -> bool:
        """Whether the score of every task is 0 to 1 by rule."""
        return self.clip in {"task", "section"}

    def __call__(self, verdicts: Sequence[Verdict]) -> Score:
        """Score of one grading: one verdict per criterion."""
        return score(self, verdicts)


_ALL = (
    Policy(
        name="draco",
        all_negative="inverted",
        clip="task",
        source="DRACO, arXiv:2602.11685; all-negative rule of The-LLM-Data-Company/rubric",
    ),
    Policy(
        name="draco-sections",
        all_negative="inverted",
        clip="section",
        source="DRACO's formula, with errors that cost nothing outside of their own section",
    ),
    Policy(
        name="healthbench",
        clip="mean",
        source="HealthBench, arXiv:2505.08775; openai/simple-evals healthbench_eval.py",
    ),
    Policy(
        name="researchrubrics",
        all_negative="zero",
        source="scaleapi/researchrubrics calculate_compliance_score.py; verdicts 0, 0.5 and 1",
    ),
    Policy(
        name="prbench",
        denominator="range",
        source="scaleapi/PRBench util.py, get_normalized_points",
    ),
    Policy(
        name="prbench-points",
        source="scaleapi/PRBench util.py, get_clipped_points (which does not clip)",
    ),
    Policy(
        name="paperbench",
        denominator="all",
        tree=True,
        errors=False,
        source="PaperBench, arXiv:2504.01848; openai/frontier-evals",
    ),
    Policy(
        name="rar",
        denominator="all",
        clip="task",
        source="Rubrics as Rewards, arXiv:2507.17746, explicit aggregation",
    ),
    Policy(
        name="profbench",
        denominator="all",
        errors=False,
        over="domains",
        source="NVlabs/ProfBench score_report_generation.py",
    ),
    Policy(
        name="wildbench",
        denominator="all",
        errors=False,
        floor=-0.8,
        source="WildBench, arXiv:2406.04770: 2 (Y - 5) of 10 for a grade Y from 1 to 10",
    ),
    Policy(
        name="deepresearch-bench",
        numerator="share",
        tree=True,
        errors=False,
        source="Ayanami0730/deep_research_bench deepresearch_bench_race.py (RACE)",
    ),
)

POLICIES = {policy.name: policy for policy in _ALL}
"""Named score policies; a task names one in `score`, a task file in `defaults`."""

draco = POLICIES["draco"]
