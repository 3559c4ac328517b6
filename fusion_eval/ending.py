"""How a run ended, in words, and the way on."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fusion_eval.bench.forecast import after_a_stop
from fusion_eval.bench.output import LASTING
from fusion_eval.core import inert
from fusion_eval.report.notes import above_worst_case
from fusion_eval.report.words import plain

_LARGER = "Run again with a larger --budget to go on."
_MENDED = "Correct that and run again to go on."


def overbilled(manifest: Mapping[str, Any]) -> Iterator[str]:
    """Models that billed more than the bench's price allows, and what it did to the budget."""
    money = manifest.get("money") or {}
    lines = above_worst_case(money, plain)
    if lines and (most := money.get("budget_usd")) is not None:
        spent = money["counted_against_budget_usd"]
        how = "is exceeded" if spent > most else "holds so far"
        lines.append(f"The budget of ${most:,.4f} {how}: ${spent:,.4f} count against it.")
    yield from map(inert, lines)


def command(manifest: Mapping[str, Any], arguments: Sequence[str]) -> str:
    """The command line that goes on with a run, given that of the run.

    After a stop by the budget it carries the budget that finishes the run.
    """
    forecast = manifest.get("forecast")
    words = _with_budget(arguments, forecast["finish_usd"]) if forecast else list(arguments)
    return f"fusion-eval {shlex.join(words)}"


def _with_budget(arguments: Sequence[str], most: float) -> list[str]:
    words, skip = [], False
    for word in arguments:
        if not skip and word != "--budget" and not word.startswith("--budget="):
            words.append(word)
        skip = word == "--budget" and not skip
    return [*words, "--budget", f"{most:.10f}".rstrip("0").rstrip(".")]


def unfinished(manifest: Mapping[str, Any]) -> str | None:
    """Why a run is not complete, and the way on, without what a terminal would obey."""
    why = _unfinished(manifest)
    return why and inert(why)


def _unfinished(manifest: Mapping[str, Any]) -> str | None:
    trials = manifest.get("trials")
    if manifest.get("status") in (None, "finished") or not isinstance(trials, dict):
        return None
    count = f"{trials['done']:,} of {trials['wanted']:,} trials are done"
    if manifest["status"] == "stopped_by_budget":
        why = manifest.get("stopped_because")
        paid = f"${manifest.get('paid_usd', 0.0):.4f} are paid or may be, grading included"
        forecast = manifest.get("forecast")
        way = _MENDED if (manifest.get("money") or {}).get("misbilled") else _LARGER
        way = f"{after_a_stop(forecast)} {way}" if forecast else way
        return (
            f"Stopped by the budget, {count}; {paid}, also for trials that are not finished: "
            f"{why}.{_left_out(manifest.get('cut'))} {way}"
        )
    if aside := manifest.get("set_aside"):
        first = aside[0]
        where = f"{first['task']}/{first['recipe']}/{first['repeat']}"
        return (
            f"Incomplete, {count}: {len(aside):,} could not be made of what came back, the first "
            f"is {where}: {first['problem']}. The others are kept; run again to go on."
        )
    if missing := manifest.get("not_replayed"):
        return (
            f"Incomplete, {count}: {missing:,} need calls that are not in the ledger, and a replay "
            "never calls. Run without --replay to make them."
        )
    if why := manifest.get("stopped_because"):
        return f"Incomplete, {count}: {why}. Run again to go on."
    if manifest["status"] == "incomplete":
        details = manifest.get("failure_details", {})
        causes = "; ".join(
            f"{word} {n}× ({details[word].removeprefix(f'{word}: ')})"
            if word in details
            else f"{word} {n}×"
            for word, n in manifest.get("failures", {}).items()
        )
        if not causes:
            return (
                f"Incomplete, {count}: more than the bench's `limits: unusable_share` of what came "
                "back could not be used. Mend what the first lines name and run again; what the "
                "ledger holds is not asked for again under the same --seed."
            )
        way = (
            "Run"
            if LASTING.isdisjoint(manifest.get("failures", {}))
            else "Fix the bench file and run"
        )
        return f"Incomplete, {count}; calls that kept failing: {causes}. {way} again to go on."
    lost = (manifest.get("stop") or {}).get("lost")
    billed = f"; {lost:,} calls in flight were given up and may be billed" if lost else ""
    return f"Interrupted, {count}{billed}. Run again to go on."


def _left_out(cut: Mapping[str, Any] | None, shown: int = 8) -> str:
    if not cut:
        return ""
    names = list(cut["tasks"])
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return f" Left out, {cut['trials']:,} trials of: {', '.join(names[:shown])}{more}."
