"""A run directory from verdicts or scores that some other harness produced.

The table's shape says what it holds: with a criterion and a verdict per row it is scored here, by
the weights of the criteria file; with a `score` per row it is taken as it is.
"""

from __future__ import annotations

import hashlib
import platform
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pandas as pd

from fusion_eval.core import digest
from fusion_eval.errors import TableError
from fusion_eval.importing.answers import with_answers
from fusion_eval.importing.columns import (
    CRITERIA_COLUMNS,
    TABLE_COLUMNS,
    TRIAL_COLUMNS,
    Columns,
    assign,
)
from fusion_eval.importing.criteria import Criteria, read_criteria
from fusion_eval.importing.problems import Problems
from fusion_eval.importing.reading import existing, read
from fusion_eval.importing.scores import trials_from_scores
from fusion_eval.importing.trials import Rows
from fusion_eval.importing.verdicts import trials_from_verdicts
from fusion_eval.store import Run, write_manifest, write_table

__all__ = ["CRITERIA_COLUMNS", "TABLE_COLUMNS", "import_table", "import_verdicts"]


def import_table(
    path: str | Path,
    criteria: str | Path | None = None,
    columns: Mapping[str, str] | None = None,
    scale: float = 1.0,
    score: str = "draco",
    output_dir: str | Path = "results",
    run_id: str | None = None,
    answers: str | Path | None = None,
) -> Run:
    """Read a table of verdicts or scores and write it as a run.

    Parameters
    ----------
    path : CSV, TSV or JSONL (also .gz) or Parquet with `recipe` (or system, config), `task` (or
        task_id), and `criterion` (or criterion_id) with `verdict` (or met), or `score`;
        optionally repeat, grader, grader_pass, cost_usd, latency_s, failure, domain, strategy,
        finish, tokens_in, tokens_out.
        Verdicts are 1/0, true/false, met/unmet or yes/no; empty means that none could be read.
    criteria : the same formats, with `task, criterion, weight` and optional `section, domain`;
        needed for verdicts
    columns : our name -> the table's name, for other names: `{"recipe": "my_name"}`
    scale : what a full score is in the table; 100 for points
    score : the score policy that verdicts are scored by, of `core.rubric.POLICIES`
    output_dir : where the run directory is made
    run_id : its name; by default time, hash of the inputs and a random part
    answers : the same formats, one row per answer (recipe, task and optional repeat) with what is
        known of it beside its grading: failure, finish, tokens_in, tokens_out, cost_usd, ... An
        answer that stands only here becomes a trial without a score

    Returns
    -------
    Run, with trials and verdicts; calls are empty. `results/latest` is left as it is.

    Raises
    ------
    TableError : with *all* problems, each with its line
    """
    source, rubric_file = existing(path), existing(criteria) if criteria else None
    problems = Problems()
    table, named = _load(source, TABLE_COLUMNS, columns or {}, problems)
    facts = existing(answers) if answers else None
    if facts:
        more, _ = _load(facts, TRIAL_COLUMNS, {}, problems)
        table = with_answers(table, more, source.name, facts.name, problems)
    rubric = read_criteria(rubric_file, problems, score) if rubric_file else Criteria.none()
    rows = _rows(table, named, source, rubric, rubric_file, scale, problems)
    problems.raise_if_any()
    manifest = _manifest(source, rubric_file, named, rows, scale, columns or {}, score)
    manifest["answers"] = _file(facts) if facts else None
    folder = _folder(Path(output_dir), run_id or _run_id(manifest))
    return _write(folder, manifest, rows)


import_verdicts = import_table
"""The same door, under the name that says what most people bring."""


def _load(
    source: Path, known: Mapping[str, tuple[str, ...]], chosen: Mapping[str, str], found: Problems
) -> tuple[pd.DataFrame, Columns]:
    raw = read(source)
    named = assign(raw.columns, known, chosen, source.name, found)
    found.raise_if_any()
    return raw[list(named.used.values())].set_axis(list(named.used), axis=1), named


def _rows(
    table: pd.DataFrame, named: Columns, source: Path, rubric: Criteria,
    rubric_file: Path | None, scale: float, problems: Problems,
) -> Rows:  # fmt: skip
    """Trials and verdicts, or the problems that stand in the way of them."""
    where = source.name
    if absent := [name for name in ("recipe", "task") if name not in named.used]:
        problems.add(where, *named.missing(absent))
    elif {"criterion", "verdict"} <= named.used.keys():
        if rubric_file is None:
            problems.add(where, "verdicts need weights", "give the criteria: --criteria FILE")
        else:
            return trials_from_verdicts(table, rubric, where, problems)
    elif "score" in named.used:
        return trials_from_scores(table, rubric, where, scale, problems)
    else:
        lacking = [n for n in ("criterion", "verdict") if n not in named.used]
        what, way_out = named.missing(lacking)
        problems.add(where, f"{what} (and no 'score' instead)", way_out)
    return Rows()


def _manifest(
    source: Path, rubric_file: Path | None, named: Columns, rows: Rows, scale: float,
    chosen: Mapping[str, str], score: str,
) -> dict[str, Any]:  # fmt: skip
    tasks = {row["task_hash"] for row in rows.trials}
    return {
        "simulated": False,
        "status": "finished",
        "kind": "import",
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "source": _file(source),
        "criteria": _file(rubric_file) if rubric_file else None,
        "columns": named.used,
        "chosen_columns": dict(chosen),
        "ignored_columns": named.ignored,
        "scale": scale,
        "score": score,
        "tasks": {"count": len(tasks), "hash": digest(sorted(tasks))[:16]},
        "recipes": list(dict.fromkeys(row["recipe"] for row in rows.trials)),
        "notes": rows.notes,
        "versions": _versions(),
    }


def _file(path: Path) -> dict[str, str]:
    """`path` as it was given, so that a person can give it again."""
    return {
        "file": path.name,
        "path": str(path),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }


def _content(file: Mapping[str, str] | None) -> dict[str, str] | None:
    return None if file is None else {name: file[name] for name in ("file", "sha256")}


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in ("fusion-eval", "pandas", "numpy", "scipy"):
        try:
            found[name.replace("-", "_")] = version(name)
        except PackageNotFoundError:  # run from a checkout that was never installed
            found[name.replace("-", "_")] = "unknown"
    return found


def _run_id(manifest: Mapping[str, Any]) -> str:
    """`20261120-114500-3fa9c1-x7`: when, from what, and something that makes it unique."""
    inputs = digest(
        [*(_content(manifest[name]) for name in ("source", "criteria")), manifest["columns"]]
        + ([_content(manifest["answers"])] if manifest["answers"] else [])
    )
    alphabet = "abcdefghijkmnpqrstuvwxyz23456789"
    random = "".join(secrets.choice(alphabet) for _ in range(2))
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{inputs[:6]}-{random}"


def _folder(output_dir: Path, run_id: str) -> Path:
    folder = output_dir / run_id
    try:
        folder.mkdir(parents=True, exist_ok=False)
    except FileExistsError:
        raise TableError(f"{folder}: exists already; give another run id") from None
    except OSError as problem:
        raise TableError(f"{folder}: cannot be made ({problem.strerror})") from problem
    return folder.resolve()


def _write(folder: Path, manifest: dict[str, Any], rows: Rows) -> Run:
    write_table(folder, "trials", rows.trials)
    write_table(folder, "verdicts", rows.verdicts)
    write_table(folder, "calls", [])
    return write_manifest(folder, {"run_id": folder.name, **manifest})
