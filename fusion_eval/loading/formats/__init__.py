"""Other people's task formats: each a function from their row to ours, known by its shape.

Adapters keep what they do not know in `metadata`; our own format refuses it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from fusion_eval.errors import TaskFileError
from fusion_eval.loading.formats import (
    deepresearch,
    draco,
    harnesses,
    healthbench,
    paperbench,
    prbench,
    profbench,
    rar,
    researchrubrics,
    wildbench,
)
from fusion_eval.loading.formats.fields import BadRowError

Keys = tuple[set[str], ...]
Adapter = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Format:
    """`fits` says whether a row has the shape, `row` turns it into the keys of our task file.

    `joins` is set where rows of one id belong together: the criteria, and a reference answer.
    """

    fits: Callable[[object], bool]
    row: Adapter
    joins: bool = False


def _having(*shapes: set[str]) -> Callable[[object], bool]:
    """Rows that have all keys of one of the shapes."""
    return lambda row: isinstance(row, dict) and any(shape <= row.keys() for shape in shapes)


FORMATS: Mapping[str, Format] = {
    "draco": Format(_having(*draco.KEYS), draco.row),
    "healthbench": Format(_having(*healthbench.KEYS), healthbench.row),
    "researchrubrics": Format(_having(*researchrubrics.KEYS), researchrubrics.row),
    "prbench": Format(_having(*prbench.KEYS), prbench.row),
    "profbench": Format(_having(*profbench.KEYS), profbench.row),
    "paperbench": Format(_having(*paperbench.KEYS), paperbench.row),
    "rar": Format(_having(*rar.KEYS), rar.row),
    "wildbench": Format(_having(*wildbench.KEYS), wildbench.row),
    "deepresearch-bench": Format(_having(*deepresearch.KEYS), deepresearch.row, joins=True),
    "openfusion": Format(_having(*harnesses.OPENFUSION_KEYS), harnesses.openfusion),
    "fusionharness": Format(harnesses.is_fusionharness, harnesses.fusionharness),
}
"""Named formats; a task file names one in `format`, or a row's shape does."""


@cache
def formats() -> dict[str, Format]:
    """Name -> format, those of users first: modules or values with `fits` and `row`.

    Theirs stand behind the entry point `fusion_eval.formats`. Raises TaskFileError for one that
    cannot be loaded, since its rows would be read as something else.
    """
    theirs: dict[str, Format] = {}
    for point in entry_points(group="fusion_eval.formats"):
        try:
            one = point.load()
            theirs[point.name] = Format(one.fits, one.row, joins=getattr(one, "joins", False))
        except Exception as problem:  # a user's module may raise anything while it is imported
            why = f"{type(problem).__name__}: {problem}"
            raise TaskFileError(
                f"task format {point.name!r} ({point.value}) cannot be loaded: {why}; "
                "it needs `fits(row)` and `row(row)`"
            ) from None
    return {**theirs, **FORMATS}


def format_of(row: object) -> str | None:
    """The first format whose shape a row has; None for our own."""
    return next((name for name, known in formats().items() if known.fits(row)), None)


__all__ = ["FORMATS", "BadRowError", "Format", "format_of", "formats"]
