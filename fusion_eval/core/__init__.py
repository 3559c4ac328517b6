"""Frozen values and two function types; everything else is built from these."""

from fusion_eval.core.call import (
    Ask,
    Attempt,
    Call,
    Draw,
    Listener,
    Purpose,
    Reply,
    Schema,
    Send,
    Tools,
    Usage,
)
from fusion_eval.core.clean import clean, clean_json, inert
from fusion_eval.core.criterion import Criterion, Kind
from fusion_eval.core.model import Endpoint, Model
from fusion_eval.core.outcome import Estimate, Score, Trial, Use, Verdict
from fusion_eval.core.price import Price, Rate
from fusion_eval.core.protocol import Protocol
from fusion_eval.core.purse import dollars_of_trial, total
from fusion_eval.core.recipe import Answers, Bench, Controls, Grader, Limits, Member, Recipe, Size
from fusion_eval.core.rubric import POLICIES, Policy
from fusion_eval.core.scoring import mean_score, score_of, section_scores
from fusion_eval.core.task import (
    AnswerFormat,
    Check,
    Message,
    Messages,
    Question,
    Task,
    TaskSet,
    ToolMessage,
)
from fusion_eval.core.toolbox import Tool, Toolbox, ToolSource
from fusion_eval.core.value import Value, canonical, digest

__all__ = [
    "POLICIES",
    "AnswerFormat",
    "Answers",
    "Ask",
    "Attempt",
    "Bench",
    "Call",
    "Check",
    "Controls",
    "Criterion",
    "Draw",
    "Endpoint",
    "Estimate",
    "Grader",
    "Kind",
    "Limits",
    "Listener",
    "Member",
    "Message",
    "Messages",
    "Model",
    "Policy",
    "Price",
    "Protocol",
    "Purpose",
    "Question",
    "Rate",
    "Recipe",
    "Reply",
    "Schema",
    "Score",
    "Send",
    "Size",
    "Task",
    "TaskSet",
    "Tool",
    "ToolMessage",
    "ToolSource",
    "Toolbox",
    "Tools",
    "Trial",
    "Usage",
    "Use",
    "Value",
    "Verdict",
    "canonical",
    "clean",
    "clean_json",
    "digest",
    "dollars_of_trial",
    "inert",
    "mean_score",
    "score_of",
    "section_scores",
    "total",
]
