"""Answers out of model text, for strategies of your own; each returns None rather than guess."""

from fusion_eval.answers.choices import choice
from fusion_eval.answers.final import Readings, final_answer, read, readings
from fusion_eval.answers.numbers import number
from fusion_eval.answers.objects import json_object
from fusion_eval.answers.thoughts import split_thoughts
from fusion_eval.answers.words import words

__all__ = [
    "Readings",
    "choice",
    "final_answer",
    "json_object",
    "number",
    "read",
    "readings",
    "split_thoughts",
    "words",
]
