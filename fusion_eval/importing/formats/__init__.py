"""Logs of other harnesses: each a module that knows its files by their shape and reads them.

`fits(file)` says whether a file is theirs, `read(file)` gives its rows. A user's own stands behind
the entry point `fusion_eval.importers` and is asked first.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points

from fusion_eval.importing.formats import eee, inspect, lm_eval, promptfoo
from fusion_eval.importing.formats.file import OTHER_SHAPE, File, Found, Importer

OURS: Mapping[str, Importer] = {
    "Inspect log": inspect,
    "lm-evaluation-harness": lm_eval,
    "promptfoo": promptfoo,
    "Every Eval Ever": eee,
}


@cache
def importers() -> dict[str, Importer]:
    """Name -> importer, those of the user first."""
    theirs = {point.name: point.load() for point in entry_points(group="fusion_eval.importers")}
    return {**theirs, **OURS}


def recognized(file: File) -> tuple[str, Importer] | None:
    """The importer whose shape a file has; None for plain tables."""
    return next(((name, one) for name, one in importers().items() if _fits(one, file)), None)


def _fits(importer: Importer, file: File) -> bool:
    """A file of any shape is looked at, so a look must not end in an error."""
    try:
        return importer.fits(file)
    except OTHER_SHAPE:
        return False


__all__ = ["File", "Found", "Importer", "importers", "recognized"]
