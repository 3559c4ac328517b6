"""Applying a rubric, or a check, to an answer. Grading asks through the same `Ask`."""

from fusion_eval.grading.checks import STARTS_A_PROCESS, check
from fusion_eval.grading.rubric import grade

PROTOCOLS = {"draco": grade}
"""Named grading protocols; a bench file names one in `grader.protocol`."""

__all__ = ["PROTOCOLS", "STARTS_A_PROCESS", "check", "grade"]
