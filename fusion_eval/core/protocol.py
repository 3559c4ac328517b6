"""How answers are graded: everything beside the grader that can move a verdict."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal

from fusion_eval.core.votes import Combine

Order = Literal["criteria_first", "answer_first"]
TooLong = Literal["refuse", "split"]
Reading = Literal["strict", "flexible"]
"""How a final answer is read: as it was asked for, or wherever the last line says it."""

HEAVY_SHARE = 0.25
"""A criterion is heavy when its weight is more than this share of its task's positive weight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """How an answer is graded. Scores under different protocols are different quantities.

    `criteria_per_call` is None for all in one request. `shuffled` puts them in an order that
    follows from seed and answer. `weights_shown` and `explained` (before the verdict) say what a
    request holds and asks for. Each grader reads `passes` times, a heavy criterion `heavy_passes`
    times; `adaptive` stops when the combination can no longer change. `combine` says how several
    verdicts on a criterion score (`runs`: each grader and pass is scored alone and the scores are
    averaged, as DRACO does); fewer than `minimum_valid` that can be read leave it open. An answer
    longer than a grader's window is refused or split, never cut. Of kind `pairwise`, answers are
    compared with those of the recipe `against`, without a rubric. `final_answers` names the reading
    by which tasks with a target are scored; None is strict for answers that were asked to end in
    `Answer:`, and flexible for those of a file.
    """

    name: str = "draco"
    kind: Literal["rubric", "pairwise"] = "rubric"
    criteria_per_call: int | None = 1
    order: Order = "criteria_first"
    shuffled: bool = False
    weights_shown: bool = False
    explained: bool = True
    passes: int = 1
    heavy_passes: int | None = None
    adaptive: bool = False
    combine: Combine = "runs"
    minimum_valid: int = 1
    too_long: TooLong = "refuse"
    against: str | None = None
    final_answers: Reading | None = None

    def __post_init__(self) -> None:
        if problems := self.problems():
            raise ValueError("; ".join(problems))

    def problems(self) -> list[str]:
        """What does not fit together, each with the way out."""
        found = []
        if self.combine == "runs" and self.adaptive:
            found.append("adaptive passes need `combine: majority` or `unanimous`")
        if self.combine == "mean" and self.adaptive:
            found.append("a mean can always change: give `combine: majority`, or `adaptive: false`")
        if self.combine == "runs" and self.heavy_passes is not None:
            found.append(
                "heavy_passes gives some criteria more verdicts than others: "
                "give `combine: mean` or `majority`"
            )
        if self.heavy_passes is not None and self.heavy_passes < self.passes:
            found.append(f"heavy_passes is {self.heavy_passes}, below passes ({self.passes})")
        if self.combine == "runs" and self.minimum_valid > 1:
            found.append(
                "minimum_valid counts verdicts that are combined: give `combine: majority`"
            )
        return found

    def content(self) -> dict[str, Any]:
        """All that can move a verdict; two names for the same protocol have the same content."""
        content = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "name"}
        if self.final_answers is None:
            del content["final_answers"]
        return content
