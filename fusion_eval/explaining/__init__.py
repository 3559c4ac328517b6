"""Why a trial has its score, a verdict says what it says, and a call was paid: from files alone.

Makes no call. Everything comes from a run's directory; what the ledger knows of a call is given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fusion_eval.explaining.arithmetic import Row, arithmetic
from fusion_eval.explaining.finding import Trials, Wanted, criterion_of, key_among, wanted
from fusion_eval.explaining.texts import Texts
from fusion_eval.store import Run, read_rows

__all__ = ["Lookup", "explain"]

Lookup = Callable[[str], Mapping[str, Any] | None]
"""Key of a call -> what the ledger holds of it, or None."""
_OUTCOME = ("score", "score_raw", "score_min", "score_max", "coverage", "failure", "degraded",
            "finish", "cost_usd", "spent_usd", "possibly_paid_usd", "grading_usd",
            "grading_spent_usd", "latency_s", "latency_sum_s", "latency_source")  # fmt: skip
_NOTHING: dict[str, None] = {"text": None, "thoughts": None}


def explain(run: Run, what: str, ledger: Lookup) -> dict[str, Any]:
    """Everything that the run's files say about one trial, verdict or call, as JSON values.

    what : `TASK/RECIPE`, with `/REPEAT` (the first by default) or `/CRITERION` or both, or the
        first six or more digits of a call's key

    Raises InputError, with near matches, where there is no such thing; TableError where the run has
    no tables.
    """
    trials, calls = read_rows(run, "trials"), read_rows(run, "calls")
    said = {"run_id": run.id, "simulated": run.simulated, "status": run.manifest.get("status")}
    if key := key_among(what, (str(call["key"]) for call in calls)):
        return said | _call(key, calls, ledger)
    found = wanted(what, _known(run, trials))
    verdicts = [row for row in read_rows(run, "verdicts") if _of(row, found)]
    texts = Texts(run)
    if found.criterion is not None:
        rows = criterion_of(verdicts, found.criterion, what)
        return said | _verdict(found, rows, calls, texts, ledger)
    return said | _trial(run, found, trials, verdicts, calls, texts)


def _known(run: Run, trials: Sequence[Row]) -> Trials:
    repeats: dict[tuple[str, str], list[int]] = {}
    for row in trials:
        repeats.setdefault((str(row["task"]), str(row["recipe"])), []).append(int(row["repeat"]))
    m = run.manifest
    planned = (m.get("tasks") or {}) if isinstance(m.get("tasks"), dict) else {}
    tasks = [*(task for task, _ in repeats), *planned.get("hashes", {})]
    recipes = [*(recipe for _, recipe in repeats), *(m.get("recipes") or {})]
    return Trials(
        repeats=repeats,
        tasks=list(dict.fromkeys(tasks)),
        recipes=list(dict.fromkeys(recipes)),
        status=str(m.get("status", "unknown")),
    )


def _of(row: Row, trial: Wanted) -> bool:
    mine = (str(row["task"]), str(row["recipe"]), int(row["repeat"]))
    return mine == (trial.task, trial.recipe, trial.repeat)


def _trial(
    run: Run, found: Wanted, trials: Sequence[Row], verdicts: Sequence[Row],
    calls: Sequence[Row], texts: Texts,
) -> dict[str, Any]:  # fmt: skip
    row = next(row for row in trials if _of(row, found))
    mine = [call for call in calls if _of(call, found)]
    task = texts.task(row["task_hash"])
    wrote = texts.replies({call["key"] for call in mine})
    alike = [r for r in trials if (r["task"], r["recipe"]) == (found.task, found.recipe)]
    return {
        "what": "trial",
        "task": found.task, "recipe": found.recipe, "repeat": found.repeat,
        "strategy": row["strategy"], "domain": row["domain"], "protocol": row["protocol"],
        "asked": task.get("messages"), "form": task.get("form"), "target": task.get("target"),
        "seats": texts.seats(found.recipe),
        **texts.answer(found.task, found.recipe, found.repeat),
        "outcome": {name: row[name] for name in _OUTCOME},
        "repeats": [{n: r[n] for n in ("repeat", "score", "failure")} for r in alike],
        "arithmetic": _sum(run, row, verdicts),
        "verdicts": [_named(v, task) for v in verdicts],
        "calls": [
            {**c, **wrote.get(c["key"], _NOTHING)} for c in _in_order(mine) if not _grades(c)
        ],
        "grading": [c for c in _in_order(mine) if _grades(c)],
    }  # fmt: skip


def _sum(run: Run, row: Row, verdicts: Sequence[Row]) -> dict[str, Any] | None:
    """How the score comes out of the verdicts; None where it does not come from verdicts."""
    if row["failure"] is not None or not verdicts or not row["policy"]:
        return None
    grader = run.manifest.get("grader")
    return arithmetic(verdicts, row["policy"], grader if isinstance(grader, dict) else {})


def _verdict(
    found: Wanted, rows: Sequence[Mapping[str, Any]], calls: Sequence[Row], texts: Texts,
    ledger: Lookup,
) -> dict[str, Any]:  # fmt: skip
    task = texts.task(rows[0]["task_hash"])
    keys = {row["call_key"] for row in rows if row["call_key"]}
    made = [call for call in calls if call["key"] in keys and _of(call, found)]
    return {
        "what": "verdict",
        "task": found.task, "recipe": found.recipe, "repeat": found.repeat,
        "criterion": found.criterion,
        **{name: rows[0][name] for name in ("section", "weight", "protocol")},
        "requirement": _named(dict(rows[0]), task)["requirement"],
        **texts.answer(found.task, found.recipe, found.repeat),
        "readings": [dict(row) for row in rows],
        "calls": [{**call, **_recorded(call["key"], ledger)} for call in _in_order(made)],
    }  # fmt: skip


def _call(key: str, calls: Sequence[Row], ledger: Lookup) -> dict[str, Any]:
    uses = [call for call in calls if call["key"] == key]
    return {"what": "call", "key": key, "uses": uses, **_recorded(key, ledger)}


def _recorded(key: str, ledger: Lookup) -> dict[str, Any]:
    return {"ledger": ledger(key)}


def _named(row: Row, task: Mapping[str, Any]) -> Row:
    """A verdict with what its criterion asks for."""
    asked = {c["id"]: c.get("requirement") for c in task.get("criteria", ())}
    return {**row, "requirement": asked.get(row["criterion"])}


def _in_order(calls: Sequence[Row]) -> list[Row]:
    return sorted(calls, key=lambda c: (c["start_s"] or 0.0, str(c["role"]), str(c["draw"])))


def _grades(call: Row) -> bool:
    return bool(call["purpose"] == "grading")
