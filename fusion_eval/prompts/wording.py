"""A recipe's own words in place of ours: what whoever reads the answers is told, and how.

So a system can be measured as it ships, labels and order included, and a prompt can be tried
without a strategy of one's own. Answers then stand in the order of the seats.
"""

from __future__ import annotations

from collections.abc import Sequence
from string import Template

from fusion_eval.core import Member, Message, Messages, Question
from fusion_eval.core.value import Value
from fusion_eval.prompts import _asked, _format


class Wording(Value):
    """Templates with `$` places; see `PLACES`. Without `system` there is no system message."""

    system: str = ""
    request: str = "$question\n\n$answers"
    answer: str = "$text"


PLACES = {
    "system": frozenset({"count"}),
    "request": frozenset({"question", "answers", "count", "notes", "own"}),
    "answer": frozenset({"number", "place", "name", "model", "text"}),
}
"""What may stand in each template. `question` is the conversation without its system prompt, `own`
the reader's last answer, `notes` a judge's; an answer has a `number` from 1 and a `place` from 0,
the `name` of its seat and the `model` id that wrote it."""


def worded(
    wording: Wording,
    question: Question,
    answers: Sequence[str],
    authors: Sequence[Member],
    *,
    notes: str = "",
    own: str = "",
) -> Messages:
    """The messages that a wording makes of a question and its answers."""
    shown = Template(wording.answer)
    blocks = [
        shown.substitute(
            number=i + 1, place=i, name=author.name, text=text,
            model=author.model.id if author.model else author.name,
        )
        for i, (author, text) in enumerate(zip(authors, answers, strict=True))
    ]  # fmt: skip
    request = Template(wording.request).substitute(
        question=requested(question), answers="\n\n".join(blocks), count=len(answers),
        notes=notes, own=own,
    )  # fmt: skip
    user = Message(role="user", content=request)
    if not wording.system:
        return (user,)
    told = Template(wording.system).substitute(count=len(answers))
    return (Message(role="system", content=told), user)


def requested(question: Question) -> str:
    """What the user asked for, without the system prompt, as one text."""
    asked = _asked(question.model_copy(update={"system": None}))
    return "\n\n".join(part for part in (asked, _format(question)) if part)


def flattened(question: Question) -> Question:
    """The conversation as the one message of a user: `### system`, `### user` and what was said."""
    if not question.system and not question.turns:
        prompt = f"### user\n{question.prompt}"
    else:
        prompt = "\n\n".join(f"### {m.role}\n{m.content}" for m in question.messages)
    return question.model_copy(update={"prompt": prompt, "system": None, "turns": ()})


def cut(answers: Sequence[str], most_tokens: int) -> list[str]:
    """Answers with the longest halved until all fit, at four characters a token; 200 are left."""
    kept = list(answers)
    while kept and sum(max(1, len(text) // 4) for text in kept) > most_tokens:
        longest = max(range(len(kept)), key=lambda i: len(kept[i]))
        if len(kept[longest]) <= 200:
            break
        kept[longest] = kept[longest][: max(200, len(kept[longest]) // 2)]
    return kept
