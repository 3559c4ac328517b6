"""Other question: the panel's writer gets drafts that answer another task of the same files.

Whatever a writer still gains here comes from being asked a second time, at length, and not from
what the drafts say. The bench hands over the questions alone: no rubric can come along.
"""

from __future__ import annotations

from collections.abc import Sequence

from fusion_eval import prompts
from fusion_eval.core import Ask, Question, Reply, canonical, digest
from fusion_eval.errors import NoAnswerError
from fusion_eval.strategies.given import Questions, Seed
from fusion_eval.strategies.panel import write_from
from fusion_eval.strategies.schema import Judge, Members, Writer, control
from fusion_eval.strategies.seats import ask_each


@control
async def other_question(
    question: Question,
    ask: Ask,
    *,
    members: Members,
    synthesizer: Writer,
    judge: Judge | None = None,
    questions: Questions = (),
    seed: Seed = 0,
) -> Reply:
    """Ask every member the other question, and write an answer to this one from theirs.

    Raises NoAnswerError where there is no other question.
    """
    other = another(question, questions, seed)
    if other is None:
        raise NoAnswerError("no_other_question")
    drafts = await ask_each(ask, members, prompts.answer(other))
    return await write_from(question, ask, [d.text for d in drafts], synthesizer, judge)


def another(question: Question, questions: Sequence[Question], seed: int) -> Question | None:
    """The partner of a question: of another prompt, where possible with answers of the same form.

    The one whose hash with this question is lowest, so a task more in the file changes few pairs.
    """
    others = [q for q in questions if q.messages != question.messages]
    alike = [q for q in others if q.answer_format == question.answer_format]
    this = canonical(question.model_dump())
    return min(
        alike or others,
        key=lambda q: digest([seed, this, canonical(q.model_dump())]),
        default=None,
    )
