"""A run directory from what some other harness wrote: its log, or any table of verdicts or scores.

A log is recognised by looking at it (`formats`); every other table comes in through the doors
(`doors`). The table's shape says what it holds: with a criterion and a verdict per row it is scored
here, by the weights of the criteria file or its own; with a score per row it is taken as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from fusion_eval.core import digest
from fusion_eval.errors import TableError
from fusion_eval.importing import audit, writing
from fusion_eval.importing.answers import with_answers
from fusion_eval.importing.audit import Costs, Finding
from fusion_eval.importing.columns import (
    CRITERIA_COLUMNS,
    TABLE_COLUMNS,
    TRIAL_COLUMNS,
    assign,
    taken,
)
from fusion_eval.importing.criteria import Criteria, criteria_of, read_criteria
from fusion_eval.importing.doors import Doors, Read
from fusion_eval.importing.gathering import gathered, origin, together
from fusion_eval.importing.multiples import multiples
from fusion_eval.importing.own import Own, own
from fusion_eval.importing.preferences import as_duels, readings
from fusion_eval.importing.problems import Problems
from fusion_eval.importing.reading import existing, read
from fusion_eval.importing.scores import trials_from_scores
from fusion_eval.importing.trials import Rows
from fusion_eval.importing.values import scale_of
from fusion_eval.importing.verdicts import trials_from_verdicts
from fusion_eval.store import Run, point_latest

__all__ = [
    "CRITERIA_COLUMNS", "TABLE_COLUMNS", "Doors", "import_results", "import_table",
    "import_verdicts", "read_trials",
]  # fmt: skip
Paths = str | Path | Sequence[str | Path]


@dataclass(kw_only=True)
class Assembled:
    """All that goes into a run directory."""

    tables: dict[str, pd.DataFrame]
    lines: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    audit: list[Finding] = field(default_factory=list)
    simulated: bool = False
    run_ids: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)


def import_results(
    path: Paths,
    criteria: str | Path | None = None,
    columns: Mapping[str, str] | None = None,
    scale: float | str = 1.0,
    score: str = "draco",
    output_dir: str | Path = "results",
    run_id: str | None = None,
    answers: str | Path | None = None,
    *,
    at: str | None = None,
    constants: Mapping[str, str] | None = None,
    where: Mapping[str, str] | None = None,
    missing: Sequence[str] = (),
    costs: Costs = "checked",
    unknown_cost: float | None = None,
) -> Run:
    """Read logs or tables of results and write them as one run.

    Parameters
    ----------
    path : one or several files or folders. Logs of Inspect, lm-evaluation-harness, promptfoo and
        Every Eval Ever are recognised; so are our own tables and run directories, which stay what
        they are. Anything else is a table (CSV, TSV, JSONL, JSON, also .gz, or Parquet) with
        recipe, task, and criterion with verdict, or score, or against with preference; optionally
        `TABLE_COLUMNS`.
    criteria : the same formats, with `task, criterion, weight` and optional `section, domain`;
        needed for verdicts without a column `weight`
    columns : our name -> the table's name or dotted path, `a+b` joins: `{"recipe": "agent+model"}`
    scale : what a full score is (100 for points), or both ends (`1..10`)
    score : the score policy that verdicts are scored by, of `core.rubric.POLICIES`
    output_dir : where the run directory is made
    run_id : its name; by default that of the run that our own tables are of, else time, hash of
        the inputs and a random part
    answers : the same formats, one row per answer with what is known of it beside its grading
    at, constants, where, missing : see `Doors`
    costs : `checked` takes costs of exactly 0 as unknown; `free` takes them as they are
    unknown_cost : US$ that an unknown cost is at most; by default the largest seen for the recipe

    Returns
    -------
    Run, which `results/latest` then points at. `manifest["audit"]` names what is odd.

    Raises
    ------
    TableError : with *all* problems, each with its line
    """
    doors = Doors(
        at=at, columns=dict(columns or {}), constants=dict(constants or {}),
        where=dict(where or {}), missing=tuple(missing),
    )  # fmt: skip
    paths = _paths(path)
    made = _assembled(
        paths, doors, criteria=criteria, scale=scale, score=score, answers=answers, costs=costs,
        unknown_cost=unknown_cost,
    )  # fmt: skip
    manifest = _manifest(paths, made, criteria, answers, scale, columns or {}, score)
    results = Path(output_dir)
    name = run_id or _kept_id(results, made) or writing.new_id(_inputs(manifest))
    run = writing.write(writing.made_folder(results, name), manifest, made.tables, made.lines)
    point_latest(results, run.path.name)
    return run


import_verdicts = import_table = import_results
"""The same door, under the names that say what many people bring."""


def read_trials(path: Paths, **options: Any) -> pd.DataFrame:
    """What `import_results` with the same options would write as trials, without writing it.

    `attrs` has `simulated` and, as `run_id`, the names of the files.
    """
    said = {f.name: options.pop(f.name, None) for f in fields(Doors)}
    doors = Doors(**{name: value for name, value in said.items() if value is not None})
    paths = _paths(path)
    made = _assembled(paths, doors, **options)
    trials = made.tables["trials"]
    names = made.run_ids or [one.name for one in paths]
    trials.attrs = {"simulated": made.simulated, "run_id": "+".join(names), "audit": made.audit}
    return trials


def _paths(path: Paths) -> list[Path]:
    given = [path] if isinstance(path, str | Path) else list(path)
    if not given:
        raise TableError("no file given; give a table, a log or a folder of them")
    return [Path(one).expanduser() for one in given]


def _assembled(
    paths: Sequence[Path], doors: Doors, *, criteria: str | Path | None = None,
    scale: float | str = 1.0, score: str = "draco", answers: str | Path | None = None,
    costs: Costs = "checked", unknown_cost: float | None = None,
) -> Assembled:  # fmt: skip
    ours = [own(path) for path in paths] if not (doors.at or doors.columns) else []
    if ours and all(ours):
        return _ours([one for one in ours if one is not None])
    problems = Problems()
    reads = gathered(paths, doors, problems)
    table = together(reads)
    rubric_file = existing(criteria) if criteria else None
    if answers:
        table = _with_facts(table, existing(answers), paths[0].name, problems)
    rows, rubric_notes = _rows(table, reads, rubric_file, scale_of(scale), score, problems)
    problems.raise_if_any()
    trials, findings = audit.settled_costs(rows.trials, costs, unknown_cost)
    return _with_texts(reads, table, rows, trials, rubric_notes, findings)


def _with_facts(table: pd.DataFrame, file: Path, first: str, problems: Problems) -> pd.DataFrame:
    sheet = read(file)
    named = assign(sheet, TRIAL_COLUMNS, {}, problems)
    problems.raise_if_any()
    return with_answers(table, taken(sheet, named), first, file.name, problems)


def _rows(
    table: pd.DataFrame, reads: Sequence[Read], rubric_file: Path | None,
    scale: tuple[float, float], score: str, problems: Problems,
) -> tuple[Rows, list[str]]:  # fmt: skip
    """Trials and verdicts, or the problems that stand in the way of them."""
    where, named = reads[0].path.name, reads[0].columns
    if not {"recipe", "score", "verdict"} & set(table) and _QUESTIONS & set(named.names):
        problems.add(where, "questions without results", "ask them: `fusion-eval run FILE`")
    elif absent := [name for name in ("recipe", "task") if name not in table]:
        problems.add(where, *named.missing(absent))
    elif {"criterion", "verdict"} <= set(table):
        return _graded(table, rubric_file, score, where, problems)
    elif {"against", "preference"} <= set(table):
        duels, notes = as_duels(table, scale, problems)
        rows = trials_from_scores(duels, Criteria.none(), (0.0, 1.0), problems)
        return replace(rows, verdicts=readings(duels, rows.trials)), notes
    elif "score" in table:
        rubric = read_criteria(rubric_file, problems, score) if rubric_file else Criteria.none()
        problems.raise_if_any()
        return trials_from_scores(table, rubric, scale, problems), []
    else:
        problems.add(where, *_unscored(table, named))
    problems.raise_if_any()
    return Rows(), []


_QUESTIONS = frozenset({"question", "prompt", "turns", "instruction", "input"})


def _unscored(table: pd.DataFrame, named: Any) -> tuple[str, str]:
    if "answer" in table:
        return ("answers and no score", "grade them: `fusion-eval grade FILE --tasks TASKS`, or "
                "name the column of scores: --columns score=NAME")  # fmt: skip
    what, way_out = named.missing([n for n in ("criterion", "verdict") if n not in table])
    return f"{what} (and no 'score' instead)", way_out


def _graded(
    table: pd.DataFrame, rubric_file: Path | None, score: str, where: str, problems: Problems
) -> tuple[Rows, list[str]]:
    notes = []
    if rubric_file is not None:
        rubric = read_criteria(rubric_file, problems, score)
    elif "weight" in table:
        rubric = criteria_of(table, problems, score)
        notes = ["weights are taken from the table itself"]
    else:
        problems.add(where, "verdicts need weights", "give the criteria: --criteria FILE")
        return Rows(), notes
    problems.raise_if_any()
    return trials_from_verdicts(table, rubric, problems), notes


def _with_texts(
    reads: Sequence[Read], table: pd.DataFrame, rows: Rows, trials: pd.DataFrame,
    notes: Sequence[str], findings: Sequence[Finding],
) -> Assembled:  # fmt: skip
    """Everything beside the scores: verdicts, calls, texts, notes and the audit."""
    keyed = table.assign(recipe=table["recipe"].str.strip(), task=table["task"].str.strip())
    repeat = keyed.get("repeat", pd.Series("0", index=keyed.index))
    number = pd.to_numeric(repeat, errors="coerce").fillna(0).astype(int)
    keyed["repeat"] = number if "against" not in keyed else 0
    lines = writing.texts(keyed, trials)
    if "answers" in lines:
        hashes = {(a["recipe"], a["task"], a["repeat"]): a["answer"] for a in lines["answers"]}
        keys = zip(trials["recipe"], trials["task"], trials["repeat"], strict=True)
        trials["answer_hash"] = [_hash(hashes.get(key)) for key in keys]
    tables = {"trials": trials, "verdicts": pd.DataFrame(rows.verdicts)}
    calls = [call for one in reads for call in one.calls]
    names = dict(zip(pd.concat([one.table["task"] for one in reads]).astype(str),
                     table["task"], strict=False)) if calls and len(reads) == 1 else {}  # fmt: skip
    if calls:
        tables["calls"] = writing.calls_of(calls, names)
    simulated = any(_says_simulated(one) for one in reads)
    found = [
        *findings, *audit.duplicates(reads), *multiples(trials),
        *(one for read_ in reads for one in read_.facts.get("multiples") or []),
        *audit.origins(reads, keyed), *audit.figures(reads, trials), *audit.empties(trials),
    ]  # fmt: skip
    files = [note for one in reads for note in one.notes]
    return Assembled(
        tables=tables, lines=lines, notes=[*files, *notes, *rows.notes], audit=found,
        simulated=simulated, facts={"files": origin(reads)},
    )  # fmt: skip


def _hash(answer: str | None) -> str | None:
    return writing.answer_hash(answer) if answer is not None else None


def _says_simulated(one: Read) -> bool:
    return bool(one.facts.get("simulated"))


def _ours(found: Sequence[Own]) -> Assembled:
    """Our own tables, whole; several runs one below the other."""
    tables: dict[str, pd.DataFrame] = {}
    for name in dict.fromkeys(name for one in found for name in one.tables):
        parts = [one.tables[name] for one in found if name in one.tables]
        tables[name] = parts[0] if len(parts) == 1 else pd.concat(parts, ignore_index=True)
    trials = tables["trials"]
    double = trials.duplicated(["task", "recipe", "repeat"])
    if double.any():
        row = trials[double].iloc[0]
        raise TableError(
            f"recipe {row['recipe']!r}, task {row['task']!r}, repeat {row['repeat']} is in two of "
            "the files; compare two runs with `fusion-eval compare A B`"
        )
    lines: dict[str, Any] = dict(found[0].lines) if len(found) == 1 else {}
    ids = list(dict.fromkeys(str(o.facts["run_id"]) for o in found if o.facts.get("run_id")))
    kept = found[0].manifest if len(found) == 1 else {}
    said = [note for one in found for note in one.manifest.get("audit") or []]
    return Assembled(
        tables=tables, lines=lines, audit=said, facts={"manifest": kept}, run_ids=ids,
        simulated=any(bool(one.facts.get("simulated")) for one in found),
    )  # fmt: skip


def _kept_id(results: Path, made: Assembled) -> str | None:
    """The id of the run that our own tables are of, where no other run has it."""
    if len(made.run_ids) != 1 or "/" in made.run_ids[0] or made.run_ids[0].startswith("."):
        return None
    return None if (results / made.run_ids[0]).exists() else made.run_ids[0]


def _manifest(
    paths: Sequence[Path], made: Assembled, criteria: str | Path | None,
    answers: str | Path | None, scale: float | str, chosen: Mapping[str, str], score: str,
) -> dict[str, Any]:  # fmt: skip
    trials = made.tables["trials"]
    tasks = sorted(set(trials["task_hash"].dropna()))
    files = made.facts.get("files") or []
    kept = dict(made.facts.get("manifest") or {})
    kept.pop("run_id", None)
    return {
        "status": "finished",
        **kept,
        "simulated": made.simulated,
        "kind": "import",
        "imported": datetime.now(UTC).isoformat(timespec="seconds"),
        "created": kept.get("created") or datetime.now(UTC).isoformat(timespec="seconds"),
        "source": writing.file_facts(paths[0]),
        "sources": [writing.file_facts(path) for path in paths],
        "origin": {"run_ids": made.run_ids, "files": files},
        "criteria": writing.file_facts(Path(criteria)) if criteria else None,
        "answers": writing.file_facts(Path(answers)) if answers else None,
        "columns": files[0]["columns"] if files else {},
        "chosen_columns": dict(chosen),
        "ignored_columns": list(dict.fromkeys(c for f in files for c in f["ignored_columns"])),
        "scale": scale,
        "score": score,
        "tasks": kept.get("tasks") or {"count": len(tasks), "hash": digest(tasks)[:16]},
        "recipes": list(dict.fromkeys(map(str, trials["recipe"]))),
        "notes": made.notes,
        "audit": made.audit,
        "versions": kept.get("versions") or writing.versions(),
    }


def _inputs(manifest: Mapping[str, Any]) -> list[Any]:
    """What tells one import from another, wherever its files lie."""
    files = [*manifest["sources"], manifest["criteria"], manifest["answers"]]
    content = [None if f is None else [f["file"], f["sha256"]] for f in files]
    return [content, manifest["columns"], manifest["chosen_columns"]]
