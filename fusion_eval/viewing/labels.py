"""Labelling as pages: an item, what a person marks, and agreement once they have ended.

The rooms behind it load data frames, so they are loaded with the first request, in its thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response

from fusion_eval.errors import InputError
from fusion_eval.store import Run
from fusion_eval.viewing.journal import Labeller, checked_name
from fusion_eval.viewing.pages import page


def item(run: Run, person: str, at: int | None, token: str) -> Response:
    """The page of one item; without a name the page that asks for one."""
    if not (run.path / "labels" / "sheet.csv").exists():
        return page("undrawn.html.j2", simulated=run.simulated, run=run)
    from fusion_eval.report.html.safe import rendered, verbatim
    from fusion_eval.viewing import draws

    draw = draws.Draw(run)
    draw.catch_up()
    if not person.strip():
        counts = {name: len(one.marks) for name, one in draw.people().items()}
        ended = {name for name, one in draw.people().items() if one.ended}
        return page(
            "labellers.html.j2",
            simulated=run.simulated,
            run=run,
            counts=counts,
            ended=ended,
            of=len(draw.labels),
        )
    name = checked_name(person)
    one = draw.people().get(name, Labeller())
    if one.ended:
        return RedirectResponse(
            f"/label/{quote(run.path.name)}/agreement?{urlencode({'person': name})}", 303
        )
    place = draws.first_open(draw.labels, one) if at is None else at - 1
    if not 0 <= place < len(draw.labels):
        raise HTTPException(404, f"This draw has {len(draw.labels)} labels.")
    shown = draw.item(place)
    return page(
        "item_to_label.html.j2",
        simulated=run.simulated,
        run=run,
        person=name,
        at=place + 1,
        of=len(draw.labels),
        marked=len(one.marks),
        mark=one.marks.get(shown.label),
        can_undo=bool(one.history),
        item=shown,
        question=verbatim(shown.question),
        requirement=verbatim(shown.requirement),
        answer=None if shown.answer is None else rendered(shown.answer),
        token=token,
    )


def write(run: Run, what: str, value: Mapping[str, Any]) -> Response:
    """Keep a `mark`, an `undo` or the `end` of a person; the answer comes when it is on disk."""
    from fusion_eval.viewing import draws

    draw = draws.Draw(run)
    person = checked_name(_text(value, "person"))
    at: int | None = None
    try:
        if what == "mark":
            label = _text(value, "label")
            draw.mark(person, label, _text(value, "mark"))
            at = draws.first_open(draw.labels, draw.people()[person], draw.labels.index(label))
        elif what == "undo":
            undone = draw.journal.undo(person)
            at = draw.labels.index(undone) if undone in draw.labels else None
        elif what == "end":
            draw.journal.end(person)
            draw.take()
        else:
            raise HTTPException(404)
    except InputError as problem:
        raise HTTPException(409, str(problem)) from None
    draw.catch_up()
    one = draw.people().get(person, Labeller())
    return JSONResponse(
        {"marked": len(one.marks), "of": len(draw.labels), "at": None if at is None else at + 1}
    )


def agreement(run: Run, person: str) -> Response:
    """What was taken says of people and grader; only for a person who has ended."""
    from fusion_eval.viewing import draws

    draw = draws.Draw(run)
    people = draw.people()
    if not person or not people.get(checked_name(person), Labeller()).ended:
        raise HTTPException(403, "Agreement is shown to those who have ended their labelling.")
    return page(
        "agreement.html.j2",
        simulated=run.simulated,
        run=run,
        found=draws.agreement(draw),
    )


def _text(value: Mapping[str, Any], name: str) -> str:
    text = value.get(name)
    if not isinstance(text, str):
        raise HTTPException(400, f"`{name}` is missing, or no text.")
    return text
