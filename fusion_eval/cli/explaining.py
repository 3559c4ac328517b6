"""The verb that answers "why": one trial, one verdict, one call."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option

from fusion_eval.cli.options import JsonOption, OutputOption, RunPath
from fusion_eval.cli.shared import found_run, print_json
from fusion_eval.errors import InputError


def explain(
    run: RunPath,
    what: Annotated[
        str,
        Argument(
            help="TASK/RECIPE, with /REPEAT or /CRITERION or both; or the first digits of a "
            "call's key; or `gate`, for what the last gate said of the run."
        ),
    ],
    full: Annotated[bool, Option("--full", help="All text, not its beginning.")] = False,
    output_dir: OutputOption = Path("results"),
    as_json: JsonOption = False,
) -> None:
    """Say why a trial has its score, a verdict says what it says, or a call was paid.

    Example: fusion-eval explain results/latest tides/panel-budget/0/moon
    """
    from fusion_eval.engine.lookup import lookup
    from fusion_eval.engine.place import ledger_of
    from fusion_eval.explaining import explain as found_out
    from fusion_eval.explaining.words import lines
    from fusion_eval.report.cleaning import clean

    opened = found_run(run, output_dir)
    if what == "gate":
        return _gate(opened, as_json=as_json)
    found = found_out(opened, what, lookup(ledger_of(opened.path.resolve().parent)))
    if as_json:
        return print_json(clean(found))
    for line in lines(found, full=full):
        print(line)
    return None


def _gate(run: Any, *, as_json: bool) -> None:
    """What the last gate said of a run; it left that beside the run's files."""
    from fusion_eval.store import read_json

    if not (run.path / "gate.json").exists():
        raise InputError(f"{run.id}: no gate has looked at it; `fusion-eval gate {run.id}` does")
    found = read_json(run, "gate.json")
    lines = found.pop("lines")
    if as_json:
        return print_json(found)
    print("\n".join(lines))
    return None
