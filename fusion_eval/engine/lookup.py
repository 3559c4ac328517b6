"""One call in the ledger: what was asked and replied, and the earlier call that is most like it."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping
from typing import Any

from fusion_eval.engine import codec, stored
from fusion_eval.engine.place import Place
from fusion_eval.engine.upkeep import opened, when

_LOOKED_AT = 2_000
"""Earlier requests of the same model that are compared; the newest."""
_SAME = (
    "SELECT key, request FROM replies WHERE model=? AND at<=? AND key<>? ORDER BY at DESC LIMIT ?"
)


def lookup(path: Place) -> Callable[[str], dict[str, Any] | None]:
    """Key of a call -> its record; always None where there is no ledger.

    A record has `run` (which paid), `at`, `model`, `request`, `reply`, and `nearest`: of the
    requests that were in the ledger before it, to the same model, the one that differs in the
    fewest fields, with those fields (`theirs`, `ours`); None where there was none.
    """

    def found(key: str) -> dict[str, Any] | None:
        if not path.exists():
            return None
        with opened(path) as ledger:
            sql = f"SELECT {stored.COLUMNS} FROM replies WHERE key=?"
            row = ledger.execute(sql, (key,)).fetchone()
            if row is None:
                return None
            one = stored.read(row, path)
            earlier = ledger.execute(_SAME, (one.model, one.at, key, _LOOKED_AT)).fetchall()
        asked = json.loads(one.request)
        return {
            "run": one.run, "at": when(one.at), "model": one.model, "request": asked,
            "reply": json.loads(codec.unpacked(row[5])), "nearest": _nearest(asked, earlier),
        }  # fmt: skip

    return found


def _nearest(asked: Mapping[str, Any], earlier: list[tuple[str, bytes]]) -> dict[str, Any] | None:
    ours, best = _flat(asked), None
    for key, request in earlier:
        try:
            theirs = _flat(json.loads(codec.unpacked(request)))
        except (ValueError, TypeError, zlib.error):  # damaged: `ledger verify` names it
            continue
        differs = {
            name: {"theirs": theirs.get(name), "ours": ours.get(name)}
            for name in {**ours, **theirs}
            if ours.get(name) != theirs.get(name)
        }
        if best is None or len(differs) < len(best["differs"]):
            best = {"key": key, "differs": differs}
    return best


def _flat(value: Any, path: str = "") -> dict[str, Any]:
    """Every field of a request under its path; a message is one field."""
    if isinstance(value, dict):
        parts = [_flat(item, f"{path}.{name}" if path else name) for name, item in value.items()]
    elif isinstance(value, list) and path.endswith("messages"):
        parts = [{f"{path}[{k}]": item} for k, item in enumerate(value)]
    else:
        return {path: value}
    return {name: item for part in parts for name, item in part.items()}
