"""A draft that somebody else reviews, and its author rewrites: reading reviews, and the loop."""

from __future__ import annotations

from dataclasses import dataclass

from fusion_eval.core import Ask, Member, Question, Reply, canonical
from fusion_eval.prompts import answer
from fusion_eval.prompts.reviewing import REVIEW, review, rework
from fusion_eval.strategies.judges import ask_judge, fields
from fusion_eval.strategies.seats import no_text
from fusion_eval.strategies.writing import attempt


@dataclass(frozen=True, slots=True)
class Review:
    """What a reviewer found, as text for the author, and whether it accepts the answer."""

    text: str
    accepts: bool


def review_of(reply: Reply) -> Review | None:
    """Reads a review; one that does not say yes or no is none."""
    found = fields(reply)
    errors, missing, accepts = found.get("errors"), found.get("missing"), found.get("accept")
    if not (isinstance(errors, list) and isinstance(missing, list) and isinstance(accepts, bool)):
        return None
    return Review(canonical({"errors": errors, "missing": missing}), accepts)


async def reviewed(
    question: Question,
    ask: Ask,
    author: Member,
    reviewer: Member,
    *,
    role: str,
    rounds: int,
    stops: bool,
) -> Reply:
    """The author's answer after so many reviews; with `stops`, until one accepts it.

    The author sees its own answers and all reviews, the reviewer only the newest answer. A review
    that cannot be read, or a rewriting that fails, leaves the last answer.
    """
    history = answer(question)
    draft = await ask(author, history, role="member")
    for _ in range(0 if no_text(draft) else rounds):
        asked = review(question, draft.text)
        said = await ask_judge(
            ask, reviewer, asked, role=role, output=REVIEW, read=review_of, what="review"
        )
        if said is None or (stops and said.accepts):
            break
        history = rework(history, draft.text, said.text, question)
        better = await attempt(ask, author, history, role="refiner")
        if better is None:
            break
        draft = better
    return draft
