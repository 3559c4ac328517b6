"""How providers tell what a reply used: the same tokens in several dialects."""

from __future__ import annotations

from typing import Any, Literal

from fusion_eval.simulator.reply import Completion

Dialect = Literal["cost", "openai", "bare", "reasoning_beside", "none"]


def usage(done: Completion, dialect: Dialect) -> dict[str, Any] | None:
    """The usage object of a completion.

    `cost`: OpenAI's, with the provider's own figure in US dollars. `openai`: without it. `bare`:
    three counts. `reasoning_beside`: hidden tokens are not in `completion_tokens`, only in the
    total. `none`: no usage at all, so that the cost of a call is unknown and not 0.
    """
    full = done.usage()
    counts = {k: full[k] for k in ("prompt_tokens", "completion_tokens", "total_tokens")}
    if dialect == "none":
        return None
    if dialect == "bare":
        return counts
    if dialect == "reasoning_beside":
        details = {"completion_tokens_details": full["completion_tokens_details"]}
        return {**counts, "completion_tokens": done.visible_tokens, **details}
    return full if dialect == "cost" else {k: v for k, v in full.items() if k != "cost"}
