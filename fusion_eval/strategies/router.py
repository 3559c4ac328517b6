"""Router: one look at the question decides who answers it.

By signs of a hard question (openfusion's gate: a code fence, one of thirteen words, or 280
characters and more), by keywords of each route, by a classifier, a model that names the route in
one short call (openfusion's other mode; RouteLLM, Ong et al. 2024, arXiv:2406.18665, learns one),
or at random: the placebo, at the rate of whatever router it is compared with.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from fusion_eval.core import Ask, Member, Question, Reply, canonical
from fusion_eval.prompts import answer
from fusion_eval.prompts.routing import classify, route
from fusion_eval.strategies.given import Seed
from fusion_eval.strategies.given import place as hashed
from fusion_eval.strategies.judges import ask_judge, number
from fusion_eval.strategies.schema import Answering, LengthOf, Members, Needs, Seat

SIGNS = (
    "compare", "trade-off", "tradeoff", "analyze", "analyse", "evaluate", "design", "research",
    "pros and cons", "why", "explain", "critique", "recommend",
)  # fmt: skip
"""What makes a question look as if it were worth more than one model, anywhere in it: the thirteen
words of openfusion."""


async def router(
    question: Question,
    ask: Ask,
    *,
    routes: Members,
    fallback: Answering,
    by: Annotated[
        Literal["heuristic", "keywords", "classifier", "random"],
        Needs(("keywords",), when="keywords"),
        Needs(("rate",), when="random"),
        Needs(("classifier", "labels"), when="classifier"),
    ] = "heuristic",
    keywords: Annotated[tuple[tuple[str, ...], ...], LengthOf("routes")] = (),
    classifier: Annotated[Member | None, Seat("router")] = None,
    labels: Annotated[tuple[str, ...], LengthOf("routes")] = (),
    unreadable: Literal["fallback", "heuristic"] = "fallback",
    signs: tuple[str, ...] = SIGNS,
    min_characters: Annotated[int, Field(ge=1)] = 280,
    rate: Annotated[float, Field(ge=0, le=1)] | None = None,
    seed: Seed = 0,
) -> Reply:
    """Have one of the routes answer, or the fallback where none is called for.

    heuristic : the more kinds of signs of a hard question (a code fence, one of the words `signs`,
        `min_characters`), the further down the routes; without any, the fallback
    keywords : the route with the most hits of its keywords, the first of equals
    classifier : the route whose label (what it is for) the classifier names; what cannot be read
        is recorded and goes to the fallback, or by the heuristic, as in openfusion (`unreadable`)
    random : one of the routes for this share of questions (`rate`), by a hash of the question
    """
    place: int | None
    heuristic = by_signs(question.prompt, len(routes), min_characters, signs)
    if by == "classifier" and classifier is not None:
        named = await _named(question, ask, classifier, labels)
        missed = heuristic if unreadable == "heuristic" else None
        place = missed if named is None else named - 1
    elif by == "keywords":
        place = by_keywords(question.prompt, keywords)
    elif by == "random":
        place = by_chance(question, len(routes), rate or 0.0, seed)
    else:
        place = heuristic
    member = fallback if place is None or place < 0 else routes[place]
    return await ask(member, answer(question), role="member")


def by_signs(
    prompt: str, routes: int, min_characters: int, words: Sequence[str] = SIGNS
) -> int | None:
    """The place of the route for a question that looks so hard."""
    plain = prompt.lower()
    signs = (
        "```" in prompt,
        any(word.lower() in plain for word in words),
        len(prompt) >= min_characters,
    )
    return min(sum(signs), routes) - 1 if any(signs) else None


def by_chance(question: Question, routes: int, rate: float, seed: int) -> int | None:
    """The place of a route for a share of the questions, by a hash of each; else none."""
    asked = canonical(question.model_dump())
    if hashed(10_000, seed, "router", asked) >= rate * 10_000:
        return None
    return hashed(routes, seed, "route", asked)


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
    """The number of the route that the classifier names; 0 is the fallback, None is unreadable."""
    return await ask_judge(
        ask,
        classifier,
        classify(question, labels),
        role="classifier",
        output=route(len(labels)),
        read=number(len(labels), "route", lowest=0),
        what="route",
    )
