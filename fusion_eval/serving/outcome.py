"""What came of a served request: its answer or failure, its bill by role, and how both are told."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fusion_eval.bench.facts import Facts
from fusion_eval.bench.tables import TOKENS_IN, TOKENS_OUT, Row, tables, tokens
from fusion_eval.core import Attempt, Recipe, Reply, Task, Trial, total
from fusion_eval.openai_api.response import Output
from fusion_eval.serving.stops import until_stop

_FINISH = {"refusal": "content_filter"}
NO_TEXT = frozenset({"empty", "refused"})
"""Failures that are a reply all the same: a model wrote nothing, or refused."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A trial that was served, with the rows of its tables. `wall_s`: from request to answer."""

    recipe: Recipe
    trial: Trial
    row: Row
    calls: Sequence[Row]
    simulated: bool
    wall_s: float
    tool_calls: tuple[Mapping[str, Any], ...] = ()
    notes: Mapping[str, Any]

    @property
    def failure(self) -> str | None:
        """The word for why there is no reply at all; None where there is one."""
        failure = self.trial.failure
        return None if failure in NO_TEXT or self.tool_calls else failure

    @property
    def degraded(self) -> tuple[str, ...]:
        """Every step down, and a reply without text."""
        failure = self.trial.failure
        silent = (f"answer: {failure}",) if failure and not self.tool_calls else ()
        return (*self.trial.degraded, *silent)

    def output(self, stops: Sequence[str] = ()) -> Output:
        """The answer as OpenAI's APIs carry it, cut at the first of some stop sequences."""
        answer, finish = self.trial.answer or "", self.trial.finish or "stop"
        text = until_stop(answer, stops)
        finish = "stop" if len(text) < len(answer) else _FINISH.get(finish, finish)
        return Output(
            text=text,
            finish="tool_calls" if self.tool_calls else finish,
            usage=self.usage,
            tool_calls=self.tool_calls,
            extra=self.extra,
        )

    @property
    def usage(self) -> dict[str, Any] | None:
        """Tokens of all calls behind the answer, and its price; None where some are not known."""
        into, out = self.row["tokens_in"], self.row["tokens_out"]
        if into is None or out is None:
            return None
        cost = self.row["cost_usd"]
        return {
            "prompt_tokens": into,
            "completion_tokens": out,
            "total_tokens": into + out,
            "prompt_tokens_details": {"cached_tokens": self._tokens("tokens_cache_read")},
            "completion_tokens_details": {"reasoning_tokens": self._tokens("tokens_reasoning")},
            **({} if cost is None else {"cost": cost}),
        }

    def _tokens(self, name: str) -> int:
        return sum(row[name] or 0 for row in self.calls)

    @property
    def extra(self) -> dict[str, Any]:
        """The `fusion` field, and `simulated` where any call behind it was."""
        fusion = {
            "recipe": self.recipe.name,
            "strategy": self.recipe.strategy,
            "cost_usd": self.row["cost_usd"],
            "spent_usd": self.row["spent_usd"],
            "possibly_paid_usd": self.row["possibly_paid_usd"],
            "latency_s": round(self.wall_s, 4),
            "path_s": round(self.trial.latency_s, 4),
            "degraded": list(self.degraded),
            "failure": self.trial.failure,
            "calls": len(self.calls),
            "calls_from_ledger": sum(row["cached"] for row in self.calls),
            "roles": by_role(self.calls),
            "simulated": self.simulated,
            **self.notes,
        }
        mark = {"simulated": {"latency_s": round(self.trial.latency_s, 4)}}
        return {"fusion": fusion, **(mark if self.simulated else {})}

    @property
    def headers(self) -> dict[str, str]:
        """What a client can read without looking into the body. A cost that is not known is
        absent from the number's header, and never 0."""
        cost = self.row["cost_usd"]
        priced = cost is not None and math.isfinite(cost)
        told = {
            "x-fusion-recipe": header(self.recipe.name),
            "x-fusion-latency-s": f"{self.wall_s:.4f}",
            "x-fusion-cost-usd": f"{cost:.9f}" if priced else "unknown",
            "x-fusion-degraded": str(len(self.degraded)),
        }
        if priced:
            told["x-litellm-response-cost"] = f"{cost:.9f}"
        return {**told, **({"x-fusion-simulated": "true"} if self.simulated else {})}


def header(text: str) -> str:
    """A text as a header can hold it."""
    return text.encode("ascii", "backslashreplace").decode().replace("\n", " ")


def outcome_of(
    task: Task,
    recipe: Recipe,
    trial: Trial,
    facts: Facts,
    lost: Mapping[str, Sequence[Attempt]],
    *,
    wall_s: float,
    notes: Mapping[str, Any],
) -> Outcome:
    """The outcome of a trial, priced as the tables of a run are."""
    made = tables((trial,), {task.id: task}, {recipe.name: recipe}, facts, lost, set())
    replies = [fact.reply for fact in facts.values() if fact.reply is not None]
    return Outcome(
        recipe=recipe,
        trial=trial,
        row=made.trials[0],
        calls=made.calls,
        simulated=any(reply.simulated for reply in replies),
        wall_s=wall_s,
        tool_calls=tool_calls(replies[-1]) if replies else (),
        notes=notes,
    )


def tool_calls(reply: Reply) -> tuple[Mapping[str, Any], ...]:
    """The calls of functions that a reply holds, as far as they can be read."""
    given = reply.extra.get("tool_calls")
    return tuple(
        {"id": str(call.get("id")), "type": "function", "function": call["function"]}
        for call in (given if isinstance(given, list) else ())
        if isinstance(call, dict) and isinstance(call.get("function"), dict)
    )


def by_role(calls: Sequence[Row]) -> list[dict[str, Any]]:
    """Calls, tokens and dollars of each role and model, in the order of their first call."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in calls:
        groups.setdefault((row["role"], row["model"]), []).append(row)
    return [
        {
            "role": role,
            "model": model,
            "calls": len(rows),
            "failed": sum(row["failure"] is not None for row in rows),
            "tokens_in": tokens(rows, TOKENS_IN),
            "tokens_out": tokens(rows, TOKENS_OUT),
            "cost_usd": total(row["cost_usd"] for row in rows),
        }
        for (role, model), rows in groups.items()
    ]
