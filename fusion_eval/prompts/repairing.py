"""The one turn in which a judge or a grader may say again what could not be read."""

from __future__ import annotations

from fusion_eval.core import Message, Messages, Reply
from fusion_eval.prompts.templates import fill


def repair(messages: Messages, reply: Reply, problem: str) -> Messages | None:
    """What was asked, the reply that could not be read, and why.

    None where there is nothing to say again: the reply is empty, or a refusal.
    """
    if not reply.text.strip() or reply.finish == "refusal":
        return None
    return (
        *messages,
        Message(role="assistant", content=reply.text),
        Message(role="user", content=fill("repair", problem=problem)),
    )
