"""External: a product that fuses behind its own endpoint is asked, and taken at nothing but that.

OpenRouter Fusion, fusionHarness, openfusion, OpenFusion, LiteLLM, or any server that answers for
several models. Whether fusion ran, who took part and what it cost is the product's own word, and is
reported as such; `fusion-eval tap` counts what really stands behind an answer.
"""

from __future__ import annotations

from typing import Annotated, Any

from fusion_eval.core import Ask, Member, Question, Reply
from fusion_eval.prompts import answer
from fusion_eval.strategies.schema import Seat


async def external(
    question: Question,
    ask: Ask,
    *,
    product: Annotated[Member, Seat("product")],
    declares: tuple[str, ...] = (),
) -> Reply:
    """Ask the product once. Members that it says have failed are steps down.

    declares : ids of the models that it is to use; others that it names, or that a tap sees, are
        reported
    """
    reply = await ask(product, answer(question), role="product")
    told: dict[str, Any] = reply.extra.get("told") or {}
    for model, reason in told.get("failed", ()):
        ask.degrade(f"product: {model}" + (f": {reason}" if reason else " failed"))
    return reply
