"""Statements into text, and out of it again: the only thing that answers are made of here.

A statement is a neutral frame and the requirement that it meets: *This account names the Moon's
gravity as the main cause.* Whoever reads (judge, writer, grader) finds statements by searching the
text for them, so pasting one into any text changes what is read, and cutting it off removes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fusion_eval.core import Task
from fusion_eval.simulator import lengths

FRAMES = (
    "This account ",
    "This discussion ",
    "This reading ",
    "This explanation ",
    "This passage ",
    "This reasoning ",
    "This paragraph ",
    "This section ",
)
OPENINGS = (
    "Here is an overview of the whole matter.",
    "The question can be taken step by step.",
    "What follows goes through the main points briefly.",
    "A short answer comes first, then the details.",
    "Let us look at all this in order.",
    "This can be answered along the following lines.",
)
FILLERS = (
    "The context matters for how much weight this point carries.",
    "Seen from a distance, the pieces fit together fairly well.",
    "Opinions differ in detail, and the outline is what counts.",
    "It helps to keep the purpose of this in mind.",
    "Much depends on the exact circumstances of the case described.",
    "There is more to say within a somewhat longer text.",
    "In practice, people often meet this in a different form.",
    "The next point follows from what was just said here.",
    "A careful reader may want to look into this further.",
    "None of this is very surprising once it is explained.",
    "The same idea comes up again in several related questions.",
    "Some background makes all of this much easier to place.",
)
CLOSINGS = (
    "Taken together, this covers the matter as far as asked.",
    "That is the picture as a whole, as it stands.",
    "These are the points that seem to matter most here.",
    "Further detail can be added wherever it is needed most.",
    "So much for the matter, within the space given here.",
    "This should be enough to go on with for now.",
    "With this, the question has been answered in its parts.",
    "What remains open has been left aside on purpose here.",
)
ANSWER_LINE = "Answer: "
RESULT = "So the result is "
_ENOUGH = 200
_LONGEST_FRAME = max(map(len, FRAMES))


@dataclass(frozen=True, slots=True)
class Phrase:
    """A criterion as it appears in text: `bare` in a rubric, `body` inside a statement.

    `longer` are bodies of other criteria that begin with this one: those are not this statement.
    """

    bare: str
    body: str
    negative: bool
    longer: tuple[str, ...] = ()

    def places(self, text: str) -> list[int]:
        """Where the statement occurs; empty in a text that does not make it."""
        found: list[int] = []
        needle = self.body + "."
        at = text.find(needle) if self.body else -1
        while at >= 0:
            if framed(text, at) and not (self.longer and text.startswith(self.longer, at)):
                found.append(at)
            at = text.find(needle, at + len(needle))
        return found

    def asked(self, text: str) -> int:
        """Where the requirement stands bare, as a rubric has it; -1 where it does not."""
        needle = self.bare[:_ENOUGH]  # other harnesses cut long criteria
        at = text.find(needle) if needle else -1
        while at >= 0 and framed(text, at):
            at = text.find(needle, at + len(needle))
        return at


def framed(text: str, at: int) -> bool:
    """Whether the words at `at` stand inside a statement."""
    return text.endswith(FRAMES, max(0, at - _LONGEST_FRAME), at)


def phrases(task: Task) -> tuple[Phrase, ...]:
    """The phrases of a task's criteria, in their order."""
    bodies = [_body(c.requirement) for c in task.leaves]
    return tuple(
        Phrase(
            bare=c.requirement.strip(),
            body=body,
            negative=c.weight < 0,
            longer=tuple(b for b in bodies if b != body and b.startswith(body + ".")),
        )
        for c, body in zip(task.leaves, bodies, strict=True)
    )


def statement(body: str, u: float) -> str:
    """A sentence that makes the statement, in one of the frames."""
    return f"{FRAMES[int(u * len(FRAMES))]}{body}."


def compose(
    sentences: Sequence[str], verbosity: float, maker: int, chances: Sequence[float]
) -> str:
    """An answer: an opening, paragraphs or bullets with fillers between, the maker's closing.

    `chances` are 3 uniforms. All openings have the same number of words, and so have fillers and
    closings, so that `lengths` can tell an answer's length without writing it.
    """
    layout, opening, turn = chances
    bullets, step, done = layout < lengths.BULLETED, int(turn * len(FILLERS)), 0
    parts = [OPENINGS[int(opening * len(OPENINGS))]]
    for first in range(0, max(1, len(sentences)), lengths.PARAGRAPH):
        group = list(sentences[first : first + lengths.PARAGRAPH])
        owed = int(lengths.fillers(max(1, first + len(group)), verbosity))
        extra = [FILLERS[(step + i) % len(FILLERS)] for i in range(done, owed)]
        done = max(done, owed)
        lines = [f"- {line}" for line in group] if bullets else [" ".join(group)]
        parts.append(("\n" if bullets else " ").join([*lines, " ".join(extra)]).strip())
    parts.append(CLOSINGS[maker % len(CLOSINGS)])
    return "\n\n".join(part for part in parts if part)


def final_line(value: str, asked: bool) -> str:
    """The last line of a checkable answer: in the form asked for, or else as a sentence."""
    return f"{ANSWER_LINE}{value}" if asked else f"{RESULT}{value}."


def _body(requirement: str) -> str:
    """One line, first letter lowered unless the word is an acronym, no full stop at the end."""
    text = " ".join(requirement.split()).rstrip(" .")
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]
