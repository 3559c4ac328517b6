"""What several verbs print and read."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fusion_eval.cli.streams import takes
from fusion_eval.core import inert
from fusion_eval.errors import InputError


def print_json(value: Any) -> None:
    """One JSON document; escaped where standard output cannot hold its characters."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    print(text if takes(text) else json.dumps(value, indent=2, allow_nan=False))


def reported(done: Any, *, as_json: bool, no_color: bool) -> None:
    """Write the report of a run and print its table, or its summary as JSON."""
    from fusion_eval import report as reports
    from fusion_eval.ending import unfinished
    from fusion_eval.terminal import show_report

    if not done.manifest.get("trials", {}).get("done", 1):
        print(unfinished(done.manifest) or "no trial, so nothing to report", file=sys.stderr)
        if as_json:
            forecast = {"forecast": f} if (f := done.manifest.get("forecast")) else {}
            print_json(
                {"run_id": done.id, "status": done.manifest["status"], "trials": 0, **forecast}
            )
        return
    if (done.manifest.get("stop") or {}).get("at_once"):
        print(f"{unfinished(done.manifest)} No report: {done.path}", file=sys.stderr)
        if as_json:
            print_json({"run_id": done.id, "status": "interrupted", "path": str(done.path)})
        return
    files = reports.write(done)
    if as_json:
        summary = json.loads(files["summary.json"].read_text("utf-8"))
        kept = ("set_aside", "forecast")
        aside = {name: done.manifest[name] for name in kept if done.manifest.get(name)}
        print_json({**summary, **aside, "path": str(done.path)})
    else:
        show_report(done, files, no_color=no_color)


def go_on(done: Any) -> None:
    """Say with which command a run goes on that has not finished."""
    from fusion_eval.ending import command

    if done.manifest["status"] != "finished":
        print(f"to go on: {command(done.manifest, sys.argv[1:])}", file=sys.stderr)


def say_imported(modules: Iterable[str]) -> None:
    """Whose code ran by being imported."""
    for module in modules:
        print(f"note: {inert(module)} was imported, so its code ran", file=sys.stderr)


def say_preset(bench: str) -> None:
    """That the bench of this folder is not the one that runs, where none is named."""
    if bench == "demo" and Path("bench.yaml").exists():
        note = "note: the bench is the preset demo; for the one here: --bench bench.yaml"
        print(note, file=sys.stderr)


def warned(found: Any, *, strict: bool) -> bool:
    """Print doubts about a design; whether they are errors: with --strict, unless accepted."""
    for each in found:
        print(inert(f"warning: {each}"), file=sys.stderr)
    return strict and any(each.reason is None for each in found)


def found_run(run: str, output_dir: Path) -> Any:
    from fusion_eval.store import read_run

    path = Path(run)
    return read_run(path if path.exists() else output_dir / run if "/" not in run else path)


def with_query(files: list[str], columns: list[str] | None) -> list[str]:
    """Tables with what their columns mean, `sheet.csv?prompt=q`; YAML files and presets as is."""
    if not columns:
        return files
    query = "&".join(columns)
    tables = (".csv", ".json", ".jsonl", ".parquet")
    is_table = [file.startswith("hf:") or Path(file).suffix.lower() in tables for file in files]
    return [f"{file}?{query}" if t else file for file, t in zip(files, is_table, strict=True)]


def names(text: str | None) -> list[str] | None:
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def only(trials: Any, names: list[str] | None) -> Any:
    if names is None:
        return trials
    known = set(trials["recipe"])
    if missing := [name for name in names if name not in known]:
        raise InputError(f"--recipes: the run has no {', '.join(missing)}; it has {sorted(known)}")
    return trials[trials["recipe"].isin(names)]
