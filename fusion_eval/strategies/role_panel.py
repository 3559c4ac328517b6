"""Role panel: which specialists answer follows from the prompt; a judge compares, a writer writes.

OpenFusion (Lling0000): five roles with a model and a persona each, of which a prompt calls two to
four. Its `auto` mode goes by complexity and risk: one quick answer, one specialist, a specialist
who is judged and rewritten, or the whole panel without the roles of judge and writer.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from fusion_eval.core import Ask, Member, Question, Reply
from fusion_eval.prompts import answer
from fusion_eval.prompts.wording import flattened
from fusion_eval.strategies.panel import panel
from fusion_eval.strategies.roles import Role, looks_of, panel_of, way_of
from fusion_eval.strategies.schema import (
    Answering,
    AtLeast,
    FailsWith,
    Judge,
    Needs,
    Worded,
    Writer,
)


async def role_panel(
    question: Question,
    ask: Ask,
    *,
    fast: Answering,
    reasoner: Answering,
    coder: Answering,
    verifier: Answering,
    writer: Answering,
    judge: Judge,
    synthesizer: Writer,
    mode: Literal["panel", "auto"] = "panel",
    least: Annotated[int, Field(ge=1, le=5)] = 2,
    most: Annotated[int, Field(ge=1, le=5), AtLeast("least")] = 4,
    judge_writes: Annotated[
        Literal["fields", "text"], Needs(("judge_wording",), when="text")
    ] = "fields",
    named: bool = False,
    wording: Worded = None,
    judge_wording: Worded = None,
    flat: bool = False,
    fails_with: FailsWith = (),
) -> Reply:
    """Answer with the specialists that the prompt calls for (see `roles`), as in `panel`.

    mode : `auto` goes by complexity and risk, see `roles.way_of`
    least, most : specialists on the panel
    the others : as in `panel`
    """
    pool: dict[Role, Member] = {
        "fast": fast, "reasoner": reasoner, "coder": coder, "verifier": verifier, "writer": writer,
    }  # fmt: skip
    question = flattened(question) if flat else question
    prompt = question.prompt
    roles = panel_of(prompt, least, most)
    way = way_of(prompt) if mode == "auto" else "fusion-panel"
    leads = looks_of(prompt).leads
    if way in ("fast-single", "smart-single"):
        role: Role = "fast" if way == "fast-single" else leads
        return await ask(pool[role], answer(question), role="member")
    if way == "single-verify":
        roles = ["reasoner" if leads == "verifier" else leads]
    elif mode == "auto":
        roles = [role for role in roles if role not in ("verifier", "writer")]
    return await panel(
        question, ask, members=tuple(pool[role] for role in roles), judge=judge,
        synthesizer=synthesizer, judge_writes=judge_writes, named=named, wording=wording,
        judge_wording=judge_wording, fails_with=fails_with,
    )  # fmt: skip
