"""A world that knows some tasks, as one function from request to completion."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace

from fusion_eval.core import Task
from fusion_eval.simulator import answering, choosing, deciding, grading, judging, writing
from fusion_eval.simulator.catalogue import Catalogue, Known
from fusion_eval.simulator.forms import Content, decides, fill, spoken
from fusion_eval.simulator.latent import Knowledge
from fusion_eval.simulator.reading import Asked, read
from fusion_eval.simulator.reply import Completion, complete
from fusion_eval.simulator.request import Request
from fusion_eval.simulator.world import World


class Simulator:
    """Answers requests. What it keeps are results of pure functions, so no order matters."""

    def __init__(self, world: World, tasks: Sequence[Task]) -> None:
        self.world = world
        self.truth = Knowledge(world)
        self.catalogue = Catalogue(tasks, world.checkable.tempting)

    def complete(self, request: Request) -> Completion:
        """The completion of a request for a model that this world has."""
        asked = read(request.text, request.schema, self.catalogue)
        speaker = answering.Speaker(self.truth, request.model, request.draw)
        return complete(speaker, request, asked, _say(speaker, asked, request))

    def briefly(self, done: Completion) -> Completion:
        """The same reply where all that is written is the call of a tool."""
        bird, written = self.world.models[done.model], min(done.visible_tokens, _OF_A_CALL)
        saved = (done.visible_tokens - written) * bird.price_out / 1e6
        return replace(done, visible_tokens=written, cost=round(done.cost - saved, 12))


_OF_A_CALL = 30  # tokens
_MARK = re.compile(
    r"(?i)\b(?P<first>begin|write) [^\n]{0,300}\ba line that holds nothing but `(?P<line>[^`\n]+)`"
)
_CHOOSING = {
    "choose": choosing.choose,
    "rank": choosing.rank,
    "rate": choosing.rate,
    "review": deciding.review,
}


def _say(speaker: answering.Speaker, asked: Asked, request: Request) -> str:
    if asked.known and asked.kind == "grade":
        return grading.grade(speaker, asked, asked.known, request.schema, request.wants_json)
    if asked.known and asked.kind == "compare":
        return judging.compare(speaker, asked, asked.known, request.schema)
    if asked.known and asked.kind in _CHOOSING:
        schema = request.schema or spoken(request.text)
        return _CHOOSING[asked.kind](speaker, asked, asked.known, schema)
    if request.form == "text":
        return _prose(speaker, asked)
    form = request.schema or spoken(request.text) or {"properties": {"answer": {}}}
    if asked.known and asked.kind == "answer" and decides(form):
        return deciding.decide(speaker, asked.known, form)
    text = _prose(speaker, asked)
    if asked.kind == "write":
        return deciding.merged(speaker, asked, text, form)
    return json.dumps(fill(form, Content(text=text)))


def _with_analysis(
    speaker: answering.Speaker, asked: Asked, known: Known, mark: re.Match[str]
) -> str:
    """An answer and a comparison with a line between them; what comes first informs the other."""
    analysis = judging.compare(speaker, asked, known, None)
    if mark["first"].casefold() == "begin":
        asked = replace(asked, notes=(*asked.notes, json.loads(analysis)))
    parts = [writing.write(speaker, asked, known), mark["line"], analysis]
    return "\n".join(reversed(parts) if mark["first"].casefold() == "begin" else parts)


def _prose(speaker: answering.Speaker, asked: Asked) -> str:
    if asked.known is None or asked.kind == "unknown":
        return answering.POLITE
    if asked.kind == "write" and (mark := _MARK.search(asked.rest)):
        return _with_analysis(speaker, asked, asked.known, mark)
    if asked.kind == "write":
        return writing.write(speaker, asked, asked.known)
    return answering.answer(speaker, asked.known, asked.rest)
