"""A run's files as tidy tables, and one number per task and recipe out of them.

What stands here is reading and averaging only; intervals and tests are in `stats`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from fusion_eval.errors import StatisticsError
from fusion_eval.store import Run, read_run, read_table

Missing = Literal["as_deployed", "complete"]
"""`as_deployed`: a failed answer counts 0. `complete`: failed answers are left out."""
_FAILED = {"as_deployed": 0.0, "complete": float("nan")}

DICTIONARY: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "trials": {
        "task": ("", "id of the task in its file"),
        "task_hash": ("", "hash of what is asked and how it is scored; runs pair by it"),
        "rubric_hash": ("", "hash of the criteria alone; empty for a task with a target"),
        "criteria": ("", "number of criteria that are graded"),
        "policy": ("", "named score policy: how verdicts became the score"),
        "domain": ("", "subject of the task, where the file names one"),
        "cluster": ("", "tasks made from one source share it"),
        "recipe": ("", "name of the recipe"),
        "strategy": ("", "strategy of the recipe"),
        "repeat": ("", "which of several answers to the same task, from 0"),
        "score": (
            "0 to 1",
            "score of the answer; empty when there is none or nothing was read; 1 is full marks, "
            "below 0 only under a policy that does not cut each task",
        ),
        "score_raw": ("", "score before it is cut to 0 to 1"),
        "score_min": ("0 to 1", "score if every unread verdict went against the answer"),
        "score_max": ("0 to 1", "score if every unread verdict went for the answer"),
        "coverage": ("0 to 1", "share of criteria that were read"),
        "failure": ("", "a word for why there is no answer; empty when there is one"),
        "degraded": ("", "steps down on the way to the answer, such as an empty seat"),
        "cost_usd": ("US$", "what this answer costs a user who runs this recipe alone"),
        "tool_usd": ("US$", "the part of cost_usd that is for calls of tools"),
        "cost_min_usd": ("US$", "where the cost is unknown: the least it can have been"),
        "cost_max_usd": ("US$", "where the cost is unknown: the most it can have been"),
        "spent_usd": ("US$", "what this run paid for it after sharing"),
        "possibly_paid_usd": ("US$", "attempts without a known bill, those of grading included"),
        "grading_usd": ("US$", "what grading this answer costs alone"),
        "grading_spent_usd": ("US$", "what this run paid for grading it"),
        "latency_s": ("s", "longest path through the calls of the answer"),
        "latency_sum_s": ("s", "sum over the calls of the answer"),
        "latency_source": ("", "measured or simulated"),
        "first_token_s": ("s", "until the answer begins; empty if its last call is not streamed"),
        "fused": ("", "of a product: whether fusion ran; empty where it does not say"),
        "fusion_note": ("", "of a product: why not, and models that it did not declare"),
        "models_served": ("", "of a product: models that took part, as it or the tap says"),
        "told_usd": ("US$", "of a product: what it says that the answer cost"),
        "told_parts_usd": ("US$", "of a product: the sum of what it says of its parts"),
        "tapped_usd": ("US$", "of a product: what a tap counted behind the answer"),
        "tapped_calls": ("", "of a product: calls that a tap counted"),
        "calls": ("", "calls behind the answer, shared ones included"),
        "tokens_in": ("tokens", "input of all calls"),
        "tokens_out": ("tokens", "output of all calls, visible or not"),
        "finish": ("", "how the last call ended: stop, length, refusal"),
        "answer_hash": ("", "hash of the answer's text"),
        "protocol": ("", "name and hash of how it was graded; empty for a check"),
    },
    "verdicts": {
        "task": ("", "id of the task in its file"),
        "task_hash": ("", "hash of what is asked and how it is scored"),
        "recipe": ("", "name of the recipe"),
        "repeat": ("", "which of several answers to the same task, from 0"),
        "criterion": ("", "id of the criterion within the task"),
        "section": ("", "part of the rubric"),
        "weight": ("rubric points", "negative: met means that the error is present"),
        "grader": ("", "who applied the rubric"),
        "grader_pass": ("", "which of several gradings by that grader, from 0"),
        "verdict": ("", "met, unmet, unreadable or not_graded"),
        "value": ("0 to 1", "how far the criterion is met; empty unless it was read"),
        "reference_value": ("0 to 1", "the same for the reference answer, where there is one"),
        "reason": ("", "the grader's words"),
        "call_key": ("", "key of the call that brought the verdict"),
        "protocol": ("", "name and hash of how it was graded; empty for a check"),
        "position": ("", "where the criterion stood in its request, from 0"),
        "strict": ("0 or 1", "final answer right as asked for; empty where there is none"),
        "flexible": (
            "0 or 1",
            "the same, wherever the last line says it; empty where nothing does",
        ),
    },
    "labels": {
        "label": ("", "id of a line of the sheet; one line serves all equal answers"),
        "task": ("", "id of the task in its file"),
        "task_hash": ("", "hash of what is asked and how it is scored"),
        "recipe": ("", "name of the recipe"),
        "repeat": ("", "which of several answers to the same task, from 0"),
        "criterion": ("", "id of the criterion within the task"),
        "weight": ("rubric points", "negative: met means that the error is present"),
        "probability": ("0 to 1", "of having been drawn for labelling"),
        "person": ("", "who labelled it; empty: nobody yet"),
        "value": ("0 to 1", "how far people find the criterion met; empty: not labelled"),
        "note": ("", "what the person remarked"),
    },
    "calls": {
        "key": ("", "hash of the request; equal keys are the same call"),
        "task": ("", "id of the task"),
        "recipe": ("", "name of the recipe that is charged"),
        "repeat": ("", "which of several answers to the same task"),
        "role": ("", "what the call did: member, judge, synthesizer, grader"),
        "purpose": ("", "what it was paid for: answer, tool or grading"),
        "model": ("", "name in the bench file"),
        "model_requested": ("", "id that was asked for"),
        "model_served": ("", "id that the endpoint says it used"),
        "service_tier": ("", "service tier that the endpoint says it used"),
        "attempt": ("", "how many attempts the call took"),
        "draw": ("", "which of several equal calls within one trial"),
        "cached": ("", "true when the reply came from the ledger"),
        "tokens_input": ("tokens", "fresh input"),
        "tokens_cache_read": ("tokens", "input read from the provider's cache"),
        "tokens_cache_write": ("tokens", "input written to the provider's cache"),
        "tokens_cache_write_1h": ("tokens", "input written to it for an hour"),
        "tokens_output": ("tokens", "visible output"),
        "tokens_reasoning": ("tokens", "hidden output"),
        "cost_usd": ("US$", "what the call costs alone"),
        "cost_source": ("", "where the price comes from"),
        "rate_input": ("US$ per million tokens", "rate of fresh input; empty for a reported cost"),
        "rate_output": ("US$ per million tokens", "rate of output; empty for a reported cost"),
        "price_date": ("UTC", "when the request was sent, at whose prices it is charged"),
        "spent_usd": ("US$", "what this run paid for it"),
        "possibly_paid_usd": ("US$", "what may have been billed without our knowing"),
        "start_s": ("s", "start on the trial's own clock"),
        "end_s": ("s", "end on the trial's own clock"),
        "latency_s": ("s", "time to the reply, without waiting for a rate limit"),
        "first_token_s": ("s", "time to the first visible text; empty for a reply in one piece"),
        "finish": ("", "how the call ended"),
        "failure": ("", "a word for why there is no reply"),
        "detail": ("", "what the endpoint said of it"),
        "leaks": ("", "what the guard withheld of a tool's result: hosts and criteria"),
    },
}
"""For each table, column -> (unit, meaning)."""


def trials(run: Run | str | Path) -> pd.DataFrame:
    """One row per task, recipe and repeat; see DICTIONARY for columns and units.

    `attrs["simulated"]` and `attrs["run_id"]` say where the numbers come from.
    Raises TableError where there is no such table.
    """
    opened = run if isinstance(run, Run) else read_run(run)
    frame = _read(opened, "trials")
    if limits := token_limits(opened.manifest):
        frame.attrs["token_limits"] = limits
    return frame


def token_limits(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Recipe -> the token limit of its answers, as text (`4096`, `no limit`, `512 + 4096`): from
    the bench of a run, or what an import was told. Recipes of which nothing is known are not in it.
    """
    told: Mapping[str, Any] = manifest.get("token_limits") or {}
    for finding in manifest.get("audit") or []:
        told = finding["recipes"] if finding["kind"] == "token limits" else told
    return {
        str(name): " + ".join("no limit" if limit is None else str(limit) for limit in limits)
        for name, limits in told.items()
        if limits
    }


def verdicts(run: Run | str | Path) -> pd.DataFrame:
    """One row per trial, criterion, grader and pass; see DICTIONARY.

    `policy`, how the verdicts become a score, comes from the trials of the run.
    """
    opened = run if isinstance(run, Run) else read_run(run)
    frame, known = _read(opened, "verdicts"), _read(opened, "trials")
    if "policy" in known:
        of = dict(zip(task_key(known).tolist(), known["policy"].tolist(), strict=True))
        frame["policy"] = task_key(frame).map(of)
    return frame


def calls(run: Run | str | Path) -> pd.DataFrame:
    """One row per use of a call that a trial is charged for; see DICTIONARY."""
    return _read(run, "calls")


def labels(run: Run | str | Path) -> pd.DataFrame | None:
    """One row per verdict that was drawn for people and per person; None where none were drawn."""
    opened = run if isinstance(run, Run) else read_run(run)
    return _read(opened, "labels") if (opened.path / "labels.parquet").exists() else None


def _read(run: Run | str | Path, table: str) -> pd.DataFrame:
    opened = run if isinstance(run, Run) else read_run(run)
    frame: pd.DataFrame = read_table(opened, table).to_pandas()
    frame.attrs = {"simulated": opened.simulated, "run_id": opened.id}
    return frame


def per_task(
    trials: pd.DataFrame, value: str = "score", missing: Missing = "as_deployed"
) -> pd.DataFrame:
    """One row per task (index `task_hash`, sorted), one column per recipe.

    Repeats are averaged within a task first: answers to one task share its difficulty, so the
    task is the sampling unit.

    Parameters
    ----------
    trials : DataFrame, one row per (task, recipe, repeat)
    value : str, a column of numbers
    missing : for `score` only. `as_deployed`: a trial with a failure counts 0; `complete`: it is
        left out. A trial *without* failure and without score (nothing could be read) is left out
        in both: it is no statement about the answer. For other columns, a task with an unknown
        value is unknown.

    Returns
    -------
    DataFrame of float. NaN: this recipe has nothing for this task. `attrs["tasks"]` maps hash to
    task id, `attrs["missing"]` each recipe to the ids of its missing tasks.
    """
    values = scored(trials, missing) if value == "score" else trials[value].astype(float)
    key = task_key(trials)
    grouped = values.groupby([key, trials["recipe"].astype(str)])
    means = grouped.mean()
    if value != "score":
        means = means.where(grouped.count() == grouped.size())
    wide = means.unstack()
    wide = wide.sort_index().reindex(columns=recipes(trials))
    names = task_names(trials)
    empty, tasks = wide.isna().to_numpy(), wide.index.tolist()
    wide.attrs = {
        **trials.attrs,
        "simulated": is_simulated(trials),
        "tasks": Shared(names),
        "missing": Shared(
            (str(name), [names[tasks[t]] for t in empty[:, k].nonzero()[0]])
            for k, name in enumerate(wide.columns)
        ),
    }
    return wide


class Shared(dict[str, Any]):
    """Facts of a table that are not copied with every column that is taken out of it."""

    def __deepcopy__(self, _: object) -> Shared:
        """Itself, as pandas copies `attrs` deeply at every step."""
        return self


def task_names(trials: pd.DataFrame) -> dict[str, str]:
    """The id of each task by what trials pair by."""
    names = trials["task"].astype(str).tolist()  # a list: taking strings one by one is slow
    return dict(zip(task_key(trials).tolist(), names, strict=True))


def scored(trials: pd.DataFrame, missing: Missing = "as_deployed") -> pd.Series:
    """The score of each trial, with what a failed answer counts as; NaN where there is none."""
    if missing not in _FAILED:
        raise StatisticsError(f"missing={missing!r}; use 'as_deployed' or 'complete'")
    return trials["score"].astype(float).mask(trials["failure"].notna(), _FAILED[missing])


def is_simulated(trials: pd.DataFrame) -> bool:
    """Whether numbers come from a simulator: `attrs` say so, or where they were lost the rows.

    `pd.concat` and `pd.read_parquet` lose or never had the `attrs` that `frames.trials` sets.
    """
    if "simulated" in trials.attrs:
        return bool(trials.attrs["simulated"])
    if "latency_source" not in trials:
        return False
    source = trials["latency_source"].astype("string").fillna("")
    return bool(source.str.contains("simulated").any())


def final_answers(verdicts: pd.DataFrame) -> pd.DataFrame:
    """The verdicts on final answers that a target was compared with, which have two readings."""
    if not {"strict", "flexible"} <= set(verdicts):
        return verdicts.iloc[:0]
    kinds = verdicts["grader"].astype("string").fillna("").str.extract(r"^check:(\w+)")[0]
    return verdicts[kinds.isin(["numeric", "choice", "exact"])]


def is_checked(verdicts: pd.DataFrame) -> pd.Series:
    """Which verdicts were computed from a target, and not given by a grader."""
    return verdicts["grader"].astype("string").fillna("").str.startswith("check:")


def task_key(trials: pd.DataFrame) -> pd.Series:
    """What trials pair by: the hash of the task, or its id where there is none."""
    return trials["task_hash"].fillna(trials["task"]).astype(str).rename("task_hash")


def never_answered(trials: pd.DataFrame) -> list[str]:
    """Names of the recipes whose every trial failed: nothing is known about their answers."""
    failed = trials["failure"].notna().groupby(trials["recipe"].astype(str), sort=False).all()
    return [str(name) for name in failed.index[failed]]


def recipes(trials: pd.DataFrame) -> list[str]:
    """Names of the recipes, in the order in which they first appear."""
    return [str(name) for name in trials["recipe"].drop_duplicates()]
