"""Which calls that a tap saw stand behind which answer of a product: by content and by time.

By content: the question stands in the request, or an answer to it does (of a judge that is not
shown the question). By time: it came while the product was asked. A run asks one answer at a time
behind a tap; where others use it too, calls that fit several answers are shared out evenly.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fusion_eval.errors import InputError
from fusion_eval.tapping.rows import Log, Row, plain

_SLACK_S, _LOOKED_FOR, _SHORTEST = 0.002, 300, 12  # times are kept in milliseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One call to a product: its key, and when it was asked and had answered (Unix seconds)."""

    key: str
    start: float
    end: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Tapped:
    """What stood behind one answer; `usd` is None where the cost of a call is unknown.

    `calls` is a fraction where calls are shared out. `models` are the ids that were asked for.
    `others` are calls that came meanwhile and hold neither question nor answers: a product that
    rewrites questions makes such calls too, so with any of them the cost is unknown.
    """

    calls: float
    usd: float | None
    models: tuple[str, ...]
    failed: tuple[str, ...]
    others: int = 0


class Taps:
    """The logs of taps by their paths, read as far as they are written."""

    def __init__(self, paths: Sequence[str]) -> None:
        missing = [path for path in paths if not Path(path).exists()]
        if missing:
            raise InputError(
                f"{missing[0]}: no such tap; start `fusion-eval tap --upstream URL --log "
                f"{missing[0]}` and give its address to the product as upstream"
            )
        self._logs = {path: Log(Path(path)) for path in paths}

    def behind(self, path: str, prompt: str, calls: Sequence[Asked]) -> dict[str, Tapped]:
        """What a tap saw behind each of several calls with one question, by their keys."""
        return joined(prompt, calls, self._logs[path].read())


def joined(prompt: str, calls: Sequence[Asked], rows: Sequence[Row]) -> dict[str, Tapped]:
    """What stands behind each call, by its key; nothing where nothing was seen."""
    first = min((call.start for call in calls), default=0.0) - _SLACK_S
    last = max((call.end for call in calls), default=0.0) + _SLACK_S
    meanwhile = [row for row in rows if first <= row.at <= last]
    own = _about(prompt, meanwhile)
    shares: dict[str, list[tuple[Row, float]]] = defaultdict(list)
    others: Counter[str] = Counter()
    for row in meanwhile:
        inside = [c for c in calls if c.start - _SLACK_S <= row.at <= c.end + _SLACK_S]
        for call in inside:
            if row in own:
                shares[call.key].append((row, 1 / len(inside)))
            else:
                others[call.key] += 1
    return {key: _sum(shares[key], others[key]) for key in dict.fromkeys([*shares, *others])}


def _about(prompt: str, rows: Sequence[Row]) -> list[Row]:
    """The rows that belong to a question."""
    looked_for = {plain(prompt)[:_LOOKED_FOR]}
    own = []
    for row in sorted(rows, key=lambda row: row.at):
        asked = plain(row.asked)
        if any(text in asked for text in looked_for):
            own.append(row)
            if len(answered := plain(row.answered)[:_LOOKED_FOR]) >= _SHORTEST:
                looked_for.add(answered)
    return own


def _sum(parts: Sequence[tuple[Row, float]], others: int) -> Tapped:
    unknown = others > 0 or any(row.usd is None and row.failure is None for row, _ in parts)
    models = dict.fromkeys(row.model for row, _ in parts if row.failure is None)
    return Tapped(
        calls=sum(share for _, share in parts),
        usd=None if unknown else sum((row.usd or 0.0) * share for row, share in parts),
        models=tuple(models),
        failed=tuple(f"{row.model}: {row.failure}" for row, _ in parts if row.failure),
        others=others,
    )
