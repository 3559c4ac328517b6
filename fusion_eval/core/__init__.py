"""Frozen values and two function types; everything else is built from these."""

from fusion_eval.core.call import (
    Ask,
    Attempt,
    Call,
    Draw,
    Reply,
    Schema,
    Send,
    Tools,
    Usage,
)
from fusion_eval.core.model import Endpoint, Model
from fusion_eval.core.outcome import Estimate, Trial, Use, Verdict
from fusion_eval.core.price import Price, Rate
from fusion_eval.core.recipe import Bench, Grader, Limits, Member, Recipe
from fusion_eval.core.rubric import POLICIES, Score
from fusion_eval.core.task import (
    AnswerFormat,
    Criterion,
    Message,
    Messages,
    Question,
    Task,
    TaskSet,
    canonical,
    digest,
)

__all__ = [
    "POLICIES",
    "AnswerFormat",
    "Ask",
    "Attempt",
    "Bench",
    "Call",
    "Criterion",
    "Draw",
    "Endpoint",
    "Estimate",
    "Grader",
    "Limits",
    "Member",
    "Message",
    "Messages",
    "Model",
    "Price",
    "Question",
    "Rate",
    "Recipe",
    "Reply",
    "Schema",
    "Score",
    "Send",
    "Task",
    "TaskSet",
    "Tools",
    "Trial",
    "Usage",
    "Use",
    "Verdict",
    "canonical",
    "digest",
]
