"""What a ledger says of calls that were made: their bills, their texts, and what was lost."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any

from fusion_eval.core import Attempt, Model, Reply
from fusion_eval.engine import prices, rows, stored
from fusion_eval.engine.place import Place, Shared
from fusion_eval.engine.writer import DAMAGE, connect
from fusion_eval.errors import DamagedReplyError, TableError


class Reading:
    """The reading half of a ledger. What is damaged is named where a trial needs it."""

    path: Place
    _reader: sqlite3.Connection | None

    def _rows(self, sql: str, *values: object) -> Iterator[tuple[Any, ...]]:
        """Rows of a query, none while there is no file; TableError where it cannot be read."""
        if self._reader is None and not self.path.exists():
            return
        try:
            if self._reader is None:
                self._reader = connect(self.path)
            yield from self._reader.execute(sql, values)
        except DAMAGE as problem:
            raise self._unusable(problem) from None

    def _unusable(self, problem: Exception) -> TableError:
        way_out = (
            "see that it can be reached, and start the same command again"
            if isinstance(self.path, Shared)
            else "move it away, make room, or give another --output-dir"
        )
        return TableError(f"{self.path}: this ledger cannot be used ({problem}); {way_out}")

    def spent(self, run: str, models: Iterable[Model]) -> float:
        """US dollars that one run has paid, with the most that calls of unknown bill have cost."""
        paid = (most if usd is None else usd for usd, most in self.bills(run, models))
        failed = self.failed_attempts(run).values()
        return sum(paid) + sum(prices.possibly(attempts) or 0.0 for attempts in failed)

    def runs_with(self, inputs: str) -> list[str]:
        """Ids of the runs that sent something with these inputs, by the digits of their hash that
        an id holds; also those whose directories are gone."""
        sql = "SELECT DISTINCT run FROM intents UNION SELECT DISTINCT run FROM replies"
        return [run for (run,) in self._rows(sql) if f"-{inputs[:6]}-" in str(run)]

    def history(self, model_id: str, most: int = 2_000) -> Iterator[tuple[str, Reply]]:
        """What was asked of a model (see `rows`) and what it replied, the latest first."""
        columns = stored.COLUMNS
        sql = f"SELECT {columns} FROM replies WHERE model=? ORDER BY at DESC LIMIT ?"
        for row in self._rows(sql, model_id, most):
            with contextlib.suppress(DamagedReplyError):  # named where somebody needs it
                found = stored.read(row, self.path)
                yield found.request, found.reply

    def bills(self, run: str, models: Iterable[Model]) -> Iterator[tuple[float | None, float]]:
        """(US$, None where unknown; the most that it can be) of every call that one run made.

        Each at the price of the model under whose name it was sent; in ledgers that do not keep
        the name, of any such model.
        """
        chosen = list(models)
        named = {model.name: model for model in chosen}
        placed = {(model.endpoint.base_url, model.id): model for model in chosen}
        for row in self._rows(f"SELECT {stored.COLUMNS} FROM replies WHERE run=?", run):
            try:
                found = stored.read(row, self.path)
            except DamagedReplyError:  # nobody can say what was paid
                reserved = self._rows("SELECT worst FROM intents WHERE key=?", row[0])
                yield None, max((w for (w,) in reserved if isinstance(w, float)), default=0.0)
                continue
            asked, reply = rows.read(found.request), found.reply
            model = named.get(asked.sent_as) or placed.get((asked.base_url, asked.id))
            usd = prices.bill_of(model, reply).usd if model else reply.extra.get("tool_usd")
            last = reply.attempts[-1].cost_worst if reply.attempts else None
            yield usd, last or 0.0

    def sent_as(self, key: str) -> str:
        """The name of its model under which a call was sent; empty where it is not here."""
        for row in self._rows(f"SELECT {stored.COLUMNS} FROM replies WHERE key=?", key):
            with contextlib.suppress(DamagedReplyError):
                return rows.read(stored.read(row, self.path).request).sent_as
        return ""

    def failed_attempts(self, run: str) -> dict[str, tuple[Attempt, ...]]:
        """Attempts of one run that brought no reply, by key: they may have cost.

        Among them those that were in flight when the process died.
        """
        sql = (
            "SELECT key, attempts, worst FROM intents WHERE run=? AND (attempts NOTNULL OR "
            "outcome IS NULL OR outcome='interrupted') ORDER BY at"
        )
        found: dict[str, tuple[Attempt, ...]] = {}
        for key, made, worst in self._rows(sql, run):
            found[key] = (*found.get(key, ()), *rows.lost(made, worst))
        return found
