"""How many words our own requests have around the texts that they carry.

The simulator may not import `prompts`; a test counts the templates and holds these numbers to
them. Only cost hangs on them.
"""

from __future__ import annotations

from dataclasses import dataclass

from fusion_eval.core import Question

PER_MESSAGE_TOKENS = 4
REFUSAL = 9
COMPARE = 198
PICK = 118
SCORE = 113
CHOICE = 2
SYNTHESIZE = 114
WITH_ANALYSIS = 7
PER_ANSWER = 5
REVISE = 97
FORMAT = {"text": 0, "numeric": 18, "choice": 18, "exact": 19, "code": 22}


@dataclass(frozen=True, slots=True)
class Size:
    """Words of a question: as a conversation, as one quoted text, and of its answer format."""

    conversation: int
    quoted: int
    format: int

    @staticmethod
    def of(question: Question) -> Size:
        """The words of one question."""
        conversation = sum(len(m.content.split()) for m in question.messages)
        several = len(question.messages) if question.turns or question.system else 0
        return Size(
            conversation=conversation,
            quoted=conversation + several,
            format=FORMAT[question.answer_format],
        )

    @property
    def asked(self) -> int:
        """The question as members get it."""
        return self.conversation + self.format
