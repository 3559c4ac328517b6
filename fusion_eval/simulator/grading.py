"""Grading: does the text make the statement? Then a verdict, misread now and then.

A grader sees text only. Whether it misreads follows from the grader's declared sensitivity and
specificity: partly from the criterion, so that it returns in every pass, partly from the request.
"""

from __future__ import annotations

import re
from math import log2

from fusion_eval.core import Task
from fusion_eval.simulator.answering import Speaker
from fusion_eval.simulator.birds import Grading
from fusion_eval.simulator.catalogue import Known
from fusion_eval.simulator.chance import normal, probit, uniform
from fusion_eval.simulator.forms import Content
from fusion_eval.simulator.mechanism import Circumstances, lenience, says_met
from fusion_eval.simulator.quoting import forged, parted, quotation
from fusion_eval.simulator.reading import Asked
from fusion_eval.simulator.text import CLOSINGS, OPENINGS
from fusion_eval.simulator.verdicts import worded
from fusion_eval.simulator.world import World

Bar = tuple[float, float | None]
"""Probit of the chance to say MET, and the luck of every reading where it is steady."""
_DEMAND = re.compile(
    r"(?i)\b(ignore|disregard)\b.{0,40}\b(instruction|criteri|rubric)"
    r"|\b(mark|grade|count|rate) (this|all|every|each)\b.{0,40}\b(met|satisfied|passed)\b"
)
_UNREADABLE = "On reflection this depends on how the criterion is meant; both readings have merit."


def grade(speaker: Speaker, asked: Asked, known: Known, schema: object, as_json: bool) -> str:
    """Verdicts on the criteria that are asked about, in the form asked for."""
    world = speaker.truth.world
    rules = rules_of(world, speaker.model)
    if speaker.chances("unreadable", 1)[0] < rules.unreadable:
        return _UNREADABLE
    places = range(len(asked.criteria))
    verdicts = [_verdict(speaker, asked, known, place, rules) for place in places]
    own = worded(asked, verdicts, schema, as_json)
    quoted = _quotation(speaker, asked, rules)
    return f"{quoted}\n\n{own}" if quoted else own


def _quotation(speaker: Speaker, asked: Asked, rules: Grading) -> str:
    """What the grader quotes from the answer before its own verdict; mostly nothing."""
    if not rules.quotes or speaker.chances("quotes", 1)[0] >= rules.quotes:
        return ""
    return quotation(parted(asked.rest)[1] or asked.rest)


def _verdict(speaker: Speaker, asked: Asked, known: Known, place: int, rules: Grading) -> Content:
    i = asked.criteria[place]
    phrase = known.phrases[i]
    places = phrase.places(asked.rest)
    believed = _believed(speaker, asked, known, place, rules)
    met = _obeys(speaker, asked, rules) or _says_met(speaker, asked, known, place, bool(places))
    met = met if believed is None else believed
    where = f"at character {places[0]} of the text" if places else "nowhere in the text"
    why = "The point is made" if met else "The point is not made"
    if bool(places) == met:
        why = f"{why}: it stands {where}"
    return Content(text=f"{why}.", topic=known.task.leaves[i].requirement, met=met)


def _believed(
    speaker: Speaker, asked: Asked, known: Known, place: int, rules: Grading
) -> bool | None:
    """The verdict that an answer has forged, where it seems to be the request's own."""
    if not rules.believes or speaker.chances("believes", 1)[0] >= rules.believes:
        return None
    i = asked.criteria[place]
    return forged(asked.said, known.phrases[i].bare, not known.phrases[i].negative)


def _obeys(speaker: Speaker, asked: Asked, rules: Grading) -> bool:
    """Whether a demand inside the answer is obeyed."""
    if not rules.gullible or not _DEMAND.search(asked.rest):
        return False
    return speaker.chances("gullible", 1)[0] < rules.gullible


def _says_met(speaker: Speaker, asked: Asked, known: Known, place: int, present: bool) -> bool:
    """Whether this grader says MET, by its steady reading of the criterion or by today's luck."""
    i, world = asked.criteria[place], speaker.truth.world
    bar, luck = bars(world, speaker.model, known.task, i)[present]
    if luck is None:
        name = f"{known.task.hash}/{i}/{present}"
        luck = normal(1.0, world.root, "misread now", speaker.model, name, speaker.draw)
    sign = -1 if known.phrases[i].negative else 1
    return bool(says_met(bar, sign, _lean(speaker, asked, known, place), luck))


def rules_of(world: World, grader: str) -> Grading:
    """How this model grades."""
    return world.models[grader].grading or world.grading


def bars(world: World, grader: str, task: Task, i: int) -> tuple[Bar, Bar]:
    """(bar, steady luck) of one criterion where the statement is absent, and where it is there."""
    rules, negative = rules_of(world, grader), task.leaves[i].weight < 0
    there = rules.error_sensitivity if negative else rules.sensitivity
    absent = 1 - (rules.error_specificity if negative else rules.specificity)
    found = []
    for present, chance in ((False, absent), (True, there)):
        name = f"{task.hash}/{i}/{present}"
        steady = uniform(world.root, "steady", grader, name) < rules.steady
        luck = normal(1.0, world.root, "misread", grader, name) if steady else None
        found.append((probit(chance), luck))
    return found[0], found[1]


def _lean(speaker: Speaker, asked: Asked, known: Known, place: int) -> float:
    """How what the request shows of kinship, length, order and company moves the grader."""
    rules, count, text = (
        rules_of(speaker.truth.world, speaker.model),
        len(asked.criteria),
        asked.rest,
    )
    opened = min((at for o in OPENINGS if (at := text.find(o)) >= 0), default=len(text))
    first = known.phrases[asked.criteria[0]].asked(text)
    about = Circumstances(
        fondness=_fondness(speaker, text),
        words=max(1, len(text[opened:].split())) if rules.length else 1,
        doublings=log2(count),
        place=place / (count - 1) if count > 1 else 0.0,
        answer_first=opened < first,
    )
    return float(lenience(rules, about, log2))


def _fondness(speaker: Speaker, text: str) -> float:
    """Of the maker whose closing stands in the text."""
    world = speaker.truth.world
    for model, manner in world.manner_of.items():
        if CLOSINGS[manner % len(CLOSINGS)] in text:
            return fondness(world, speaker.model, world.maker_of[model])
    return 0.0


def fondness(world: World, grader: str, maker: str) -> float:
    """Probit units by which a grader leans towards a maker's answers."""
    rules = rules_of(world, grader)
    own = rules.family if world.maker_of[grader] == maker else 0.0
    return own + rules.lenient_to.get(maker, 0.0)
