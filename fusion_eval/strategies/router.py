"""Router: one look at the question decides who answers it.

By signs of a hard question (openfusion's gate: a code fence, one of some words, or 280 characters
and more), by keywords of each route (OpenFusion: two points a hit), or by a classifier, a model
that names the route in one short call (openfusion's other mode; RouteLLM, Ong et al. 2024,
arXiv:2406.18665, learns one). A router is compared with always going either way, with a random
one at an equal rate, and with an oracle.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field

from fusion_eval.core import Ask, Member, Question, Reply
from fusion_eval.prompts import answer
from fusion_eval.prompts.routing import classify, route
from fusion_eval.strategies.judges import ask_judge, number
from fusion_eval.strategies.schema import Answering, LengthOf, Members, Needs, Seat

SIGNS = (
    "analyze", "analyse", "architecture", "compare", "debug", "derive", "design", "evaluate",
    "explain why", "pros and cons", "prove", "refactor", "step by step", "trade-off",
)  # fmt: skip
"""Words that make a question look as if it were worth more than one model."""


async def router(
    question: Question,
    ask: Ask,
    *,
    routes: Members,
    fallback: Answering,
    by: Annotated[
        Literal["heuristic", "keywords", "classifier"],
        Needs(("keywords",), when="keywords"),
        Needs(("classifier", "labels"), when="classifier"),
    ] = "heuristic",
    keywords: Annotated[tuple[tuple[str, ...], ...], LengthOf("routes")] = (),
    classifier: Annotated[Member | None, Seat("router")] = None,
    labels: Annotated[tuple[str, ...], LengthOf("routes")] = (),
    min_characters: Annotated[int, Field(ge=1)] = 280,
) -> Reply:
    """Have one of the routes answer, or the fallback where none is called for.

    heuristic : the more signs of a hard question (code, a word of SIGNS, `min_characters`), the
        further down the routes; without any, the fallback
    keywords : the route with the most hits of its keywords, the first of equals
    classifier : the route whose label (what it is for) the classifier names; what cannot be read
        is recorded and goes to the fallback
    """
    if by == "classifier" and classifier is not None:
        place = await _named(question, ask, classifier, labels)
    elif by == "keywords":
        place = by_keywords(question.prompt, keywords)
    else:
        place = by_signs(question.prompt, len(routes), min_characters)
    member = fallback if place is None else routes[place]
    return await ask(member, answer(question), role="member")


def by_signs(prompt: str, routes: int, min_characters: int) -> int | None:
    """The place of the route for a question that looks so hard."""
    plain = prompt.casefold()
    signs = ("```" in prompt, any(sign in plain for sign in SIGNS), len(prompt) >= min_characters)
    return min(sum(signs), routes) - 1 if any(signs) else None


def by_keywords(prompt: str, keywords: tuple[tuple[str, ...], ...]) -> int | None:
    """The place of the route with the most keywords in the question."""
    plain = prompt.casefold()
    hits = [
        sum(len(re.findall(rf"\b{re.escape(word.casefold())}\b", plain)) for word in words)
        for words in keywords
    ]
    return hits.index(max(hits)) if any(hits) else None


async def _named(
    question: Question, ask: Ask, classifier: Member, labels: tuple[str, ...]
) -> int | None:
    """The place of the route that the classifier names; route 0 is the fallback."""
    place = await ask_judge(
        ask,
        classifier,
        classify(question, labels),
        role="classifier",
        output=route(len(labels)),
        read=number(len(labels), "route", lowest=0),
        what="route",
    )
    return None if not place else place - 1
