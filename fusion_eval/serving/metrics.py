"""Counts for Prometheus: requests, calls, tokens and dollars by recipe; never a text or a key."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from fusion_eval.serving.outcome import Outcome

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


class Metrics:
    """Of one server. `inside` counts requests that are being answered, `spent` dollars of today."""

    def __init__(self, inside: Callable[[], float], spent: Callable[[], float]) -> None:
        self._registry = CollectorRegistry()
        counted = partial(Counter, registry=self._registry, namespace="fusion")
        timed = partial(
            Histogram,
            registry=self._registry,
            namespace="fusion",
            buckets=_SECONDS,
            labelnames=("recipe",),
        )
        shown = partial(Gauge, registry=self._registry, namespace="fusion")
        self._requests = counted("requests", "Requests", ("recipe", "status"))
        self._calls = counted("calls", "Calls of models", ("recipe", "model", "source"))
        self._tokens = counted("tokens", "Tokens", ("recipe", "direction"))
        self._dollars = counted("cost_usd", "What answers cost, where known", ("recipe",))
        unknown = "Answers of which the cost is not known"
        self._unknown = counted("cost_unknown", unknown, ("recipe",))
        degraded = "Answers that were made with a step down"
        self._degraded = counted("degraded", degraded, ("recipe",))
        self._seconds = timed("latency_seconds", "From request to answer")
        self._first = timed("first_token_seconds", "From request to the first token of a stream")
        shown("in_flight", "Requests that are being answered").set_function(inside)
        shown("spent_usd_today", "Dollars spent this UTC day").set_function(spent)

    def ended(self, recipe: str, status: int) -> None:
        """A request is over; `recipe` is the name of one, or empty."""
        self._requests.labels(recipe, str(status)).inc()

    def first_token(self, recipe: str, seconds: float) -> None:
        """The first text of a stream was sent."""
        self._first.labels(recipe).observe(seconds)

    def answered(self, outcome: Outcome) -> None:
        """What an answer took."""
        name, row = outcome.recipe.name, outcome.row
        for call in outcome.calls:
            source = "ledger" if call["cached"] else "failed" if call["failure"] else "sent"
            self._calls.labels(name, call["model"], source).inc()
        for direction in ("in", "out"):
            self._tokens.labels(name, direction).inc(row[f"tokens_{direction}"] or 0)
        if row["cost_usd"] is None:
            self._unknown.labels(name).inc()
        else:
            self._dollars.labels(name).inc(row["cost_usd"])
        self._degraded.labels(name).inc(bool(outcome.degraded))
        self._seconds.labels(name).observe(outcome.wall_s)

    def text(self) -> bytes:
        """In the text format of Prometheus."""
        return generate_latest(self._registry)
