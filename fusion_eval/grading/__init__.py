"""Applying a rubric, or a check, to an answer. Grading asks through the same `Ask`."""

from fusion_eval.grading.checks import check, takes_a_while
from fusion_eval.grading.committee import grade_answer, requests
from fusion_eval.grading.own import named, own_check
from fusion_eval.grading.pairwise import NO_REFERENCE, grade_preference
from fusion_eval.grading.protocols import PROTOCOLS, label, protocol_hash
from fusion_eval.grading.rubric import most_asked
from fusion_eval.grading.windows import TOO_LONG

__all__ = [
    "NO_REFERENCE",
    "PROTOCOLS",
    "TOO_LONG",
    "check",
    "grade_answer",
    "grade_preference",
    "label",
    "most_asked",
    "named",
    "own_check",
    "protocol_hash",
    "requests",
    "takes_a_while",
]
