"""No drafts: the panel's writer is asked as in the panel, with nothing to write from.

Separates the wording of the request to write, and a second draw of the writer, from what members
contribute. There is nothing to compare, so there is no judge.
"""

from __future__ import annotations

from fusion_eval import prompts
from fusion_eval.core import Ask, Question, Reply
from fusion_eval.strategies.schema import Writer, control


@control
async def no_drafts(question: Question, ask: Ask, *, synthesizer: Writer) -> Reply:
    """Ask the synthesizer to write from zero answers."""
    return await ask(synthesizer, prompts.synthesize(question, []), role="synthesizer")
