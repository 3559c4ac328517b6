"""A baseline: the scores of a run, frozen by task hash and repeat; a small file, no texts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from fusion_eval import frames
from fusion_eval.core import digest
from fusion_eval.errors import InputError
from fusion_eval.gate.setup import setup
from fusion_eval.stats.sections import section_scores
from fusion_eval.store import Run, read_run

FORMAT = 1
NAME = "baseline.json"
KEPT = (
    "tasks", "bench", "prompts", "grader", "repeats", "limit", "seed", "versions", "git", "started",
)  # fmt: skip
COLUMNS = (
    "task", "task_hash", "domain", "recipe", "strategy", "repeat", "score", "failure",
    "cost_usd", "latency_s", "coverage", "answer_hash",
)  # fmt: skip


CRITERIA = ["recipe", "task_hash", "repeat", "criterion", "value"]


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """Frozen runs: trials as in `frames.trials` (fewer columns), and scores by section.

    sections : DataFrame of `stats.sections.section_scores`
    criteria : one row for each criterion of a trial: recipe, task_hash, repeat, criterion, value,
        and of a run its weight
    setup : what the bench says of recipes and models, see `gate.setup`
    days : repeat -> the day (UTC) on which its run started: several days show how days differ
    made : of a run in memory, the recipes with a call of its own; None where nothing tells
    """

    run_id: str
    simulated: bool
    manifest: Mapping[str, Any]
    trials: pd.DataFrame
    sections: pd.DataFrame
    criteria: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=CRITERIA))
    setup: Mapping[str, str] = field(default_factory=dict)
    days: Mapping[int, str] = field(default_factory=dict)
    made: frozenset[str] | None = None


def taken(run: Run | str | Path) -> Baseline:
    """A run as a baseline, in memory. Raises TableError where there is no run."""
    whole = run if isinstance(run, Run) else read_run(run)
    trials, verdicts = frames.trials(whole), frames.verdicts(whole)
    kept = {name: whole.manifest[name] for name in (*KEPT, "status") if name in whole.manifest}
    return Baseline(
        run_id=whole.id,
        simulated=whole.simulated,
        manifest=kept,
        trials=trials.assign(task_hash=frames.task_key(trials)),
        sections=section_scores(verdicts, trials),
        criteria=_criteria(verdicts),
        setup=setup(whole),
        days=dict.fromkeys(map(int, trials["repeat"].unique()), day_of(whole.manifest)),
        made=_made(frames.calls(whole)),
    )


def day_of(manifest: Mapping[str, Any]) -> str:
    """The day (UTC) on which a run started, or nothing."""
    return str(manifest.get("started") or "")[:10]


def _criteria(verdicts: pd.DataFrame) -> pd.DataFrame:
    """How far each criterion of each trial is met, over graders and passes."""
    at = ["recipe", "task_hash", "repeat", "criterion"]
    read = verdicts[verdicts["value"].notna()]
    each = read.assign(task_hash=frames.task_key(read)).groupby(at, sort=False, observed=True)
    return each.agg({"value": "mean", "weight": "first"}).astype(float).reset_index()


def _made(calls: pd.DataFrame) -> frozenset[str] | None:
    """The recipes with an answering call that this run made, shared with another or its own."""
    if not len(calls):
        return None
    own = set(calls.loc[~calls["cached"].astype(bool), "key"])
    answering = calls[calls["purpose"] == "answer"]
    return frozenset(answering.loc[answering["key"].isin(own), "recipe"].astype(str))


def read_baseline(path: str | Path) -> Baseline:
    """Read a baseline file, or the `baseline.json` of a folder.

    Raises InputError for a missing or damaged file, one that was edited, and one of a newer
    version.
    """
    file = Path(path)
    return opened(loaded(file / NAME if file.is_dir() else file))


def loaded(file: Path) -> dict[str, Any]:
    """The content of a baseline file, without its digest, which must fit."""
    try:
        content: Any = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        raise InputError(
            f"{file}: no such file; make one with `fusion-eval baseline RUN`"
        ) from None
    except (OSError, ValueError, RecursionError) as problem:
        raise InputError(
            f"{file}: not a baseline ({type(problem).__name__}); make it again"
        ) from None
    if not isinstance(content, dict) or content.get("kind") != "fusion-eval baseline":
        raise InputError(f"{file}: not a baseline; make one with `fusion-eval baseline RUN`")
    if content.get("format") != FORMAT:
        raise InputError(
            f"{file}: format {content.get('format')}, this version reads {FORMAT}; "
            "update fusion-eval, or make the baseline again"
        )
    said = content.pop("digest", None)
    if said != digest(content):
        raise InputError(
            f"{file}: its content does not fit its digest; restore it or make it again"
        )
    return dict(content)


def opened(content: Mapping[str, Any]) -> Baseline:
    """A baseline out of the content of its file."""
    table = pd.DataFrame(content["trials"], columns=content["columns"])
    numbers = dict.fromkeys(("score", "cost_usd", "latency_s", "coverage"), float)
    trials = table[list(COLUMNS)].astype(numbers)
    trials.attrs = {"simulated": content["simulated"], "run_id": content["run_id"]}
    return Baseline(
        run_id=content["run_id"],
        simulated=content["simulated"],
        manifest=content["manifest"],
        trials=trials,
        sections=_parts(table, "sections", "section", "score"),
        criteria=_parts(table, "criteria", "criterion", "value"),
        setup=content.get("setup") or {},
        days={int(k): str(day) for k, day in (content.get("days") or {}).items()},
    )


def _parts(table: pd.DataFrame, column: str, name: str, value: str) -> pd.DataFrame:
    """The rows that freezing packed into a column."""
    at = ("recipe", "task_hash", "repeat")
    rows = [
        {**{key: row[key] for key in at}, name: part, value: number}
        for row in table.to_dict("records")
        for part, number in (row.get(column) or {}).items()
    ]
    return pd.DataFrame(rows, columns=[*at, name, value])
