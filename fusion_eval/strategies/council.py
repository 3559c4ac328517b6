"""Council: members answer, rank each other's answers unseen, and a chairman writes from both.

llm-council (karpathy; only its idea): every member ranks all answers, its own included, without
names and in one order for all; positions are averaged; the chairman reads answers and ranking.
With more rounds each member revises its answer by what the others said of it, and all are ranked
again, as refinery and other cross-reviewing councils do.
"""

from __future__ import annotations

from asyncio import gather
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Annotated

from pydantic import Field

from fusion_eval import prompts
from fusion_eval.core import Ask, Member, Question, Reply
from fusion_eval.prompts.council import RANKING, chair, rank, reconsider
from fusion_eval.strategies.judges import ask_judge, fields
from fusion_eval.strategies.layers import proposals
from fusion_eval.strategies.schema import FailsWith, Members, Writer
from fusion_eval.strategies.seats import Draft, Terms, ask_seats, left_alone
from fusion_eval.strategies.writing import attempt


@dataclass(frozen=True, slots=True)
class Ballot:
    """Places of some answers, the best first, and what is said about each; counted from 0."""

    places: tuple[int, ...]
    remarks: dict[int, str]


async def council(
    question: Question,
    ask: Ask,
    *,
    members: Members,
    chairman: Writer,
    rounds: Annotated[int, Field(ge=1, le=8)] = 1,
    own: bool = True,
    fails_with: FailsWith = (),
) -> Reply:
    """Answer and rank `rounds` times, then have the chairman write.

    Who has no answer ranks none. A ranking that cannot be read is left out; one that names only
    some answers leaves the others behind those. Without `own`, nobody ranks its own answer. A
    chairman that fails leaves the answer with the best mean position. An answer that is left
    alone is returned.

    fails_with : as in `panel`; who ranks reads the answers too
    """
    must = "readers" in fails_with
    terms = Terms(needs_all="members" in fails_with)
    drafts = await proposals(ask, question, members, terms=terms)
    if only := left_alone(ask, [reply for _, reply in drafts], len(members)):
        return only
    ballots = await _ballots(question, ask, drafts, own, must)
    for _ in range(rounds - 1):
        drafts = await _reconsidered(question, ask, drafts, ballots)
        ballots = await _ballots(question, ask, drafts, own, must)
    best_first = positions(len(drafts), ballots)
    answers = [drafts[i][1] for i in best_first]
    request = chair(question, [reply.text for reply in answers], ranked=bool(ballots))
    written = await attempt(ask, chairman, request, role="chairman", must=must)
    return written or answers[0]


def positions(count: int, ballots: Sequence[Ballot]) -> list[int]:
    """Answers by mean position, the best first.

    Answers that a ballot leaves out share its last places; of equals the earlier seat comes first.
    """

    def position(answer: int, ballot: Ballot) -> float:
        if answer in ballot.places:
            return float(ballot.places.index(answer))
        return (len(ballot.places) + count - 1) / 2

    means = [fmean([position(i, b) for b in ballots] or [0.0]) for i in range(count)]
    return sorted(range(count), key=lambda i: means[i])


async def _ballots(
    question: Question, ask: Ask, drafts: Sequence[Draft], own: bool, must: bool
) -> list[Ballot]:
    """What every author makes of the answers; each is asked on a seat of its own.

    Nobody ranks an only answer.
    """
    if len(drafts) < 2:
        return []
    members = [member for member, _ in drafts]
    everything = range(len(drafts))
    seen = [[i for i in everything if own or i != me] for me in everything]
    asks = zip(ask.seats(members), members, seen, strict=True)
    ballots = await gather(*(_ballot(question, *one, drafts, must) for one in asks))
    return [ballot for ballot in ballots if ballot is not None]


async def _ballot(
    question: Question,
    ask: Ask,
    member: Member,
    seen: Sequence[int],
    drafts: Sequence[Draft],
    must: bool,
) -> Ballot | None:
    """What one member makes of the answers that it sees."""
    if not seen:
        return None
    answers = [drafts[i][1].text for i in seen]
    order = [seen[i] for i in prompts.shown(answers)]
    asked = rank(question, answers)
    read = _reader(order)
    return await ask_judge(
        ask, member, asked, role="reviewer", output=RANKING, read=read, what="ranking", must=must
    )


def _reader(order: Sequence[int]) -> Callable[[Reply], Ballot | None]:
    """Reads a ballot on answers that were shown in this order."""

    def read(reply: Reply) -> Ballot | None:
        found = fields(reply)
        places = found.get("ranking")
        known = range(1, len(order) + 1)
        if not isinstance(places, list) or not places or len(set(map(str, places))) < len(places):
            return None
        if not all(type(place) is int and place in known for place in places):
            return None
        return Ballot(
            tuple(order[place - 1] for place in places),
            {order[place - 1]: said for place, said in _remarks(found.get("remarks"), known)},
        )

    return read


def _remarks(value: object, known: range) -> list[tuple[int, str]]:
    """What stands in a list of remarks that has the form that was asked for."""
    given = [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
    pairs = [(one.get("answer"), one.get("remark")) for one in given]
    return [(n, s) for n, s in pairs if type(n) is int and n in known and isinstance(s, str)]


async def _reconsidered(
    question: Question, ask: Ask, drafts: Sequence[Draft], ballots: Sequence[Ballot]
) -> list[Draft]:
    """The answers after every author has read the others' and what was said of its own."""
    requests = []
    for i, (_, own) in enumerate(drafts):
        others = [reply.text for j, (_, reply) in enumerate(drafts) if j != i]
        said = [ballot.remarks[i] for ballot in ballots if i in ballot.remarks]
        requests.append(reconsider(question, own.text, others, said))
    members = [member for member, _ in drafts]
    found = await ask_seats(ask, members, requests)
    return [
        (member, reply if isinstance(reply, Reply) else own)
        for (member, own), reply in zip(drafts, found, strict=True)
    ]
