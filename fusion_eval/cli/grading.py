"""`fusion-eval grade`: answers that exist, graded again or for the first time."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Exit, Option

from fusion_eval.cli.making import exit_code
from fusion_eval.cli.options import (
    BudgetOption,
    ColorOption,
    FlightOption,
    JsonOption,
    OutputOption,
    QuietOption,
    SeedOption,
)
from fusion_eval.cli.shared import go_on, names, print_json, reported


def grade(
    source: Annotated[
        str,
        Argument(help="Run, or JSONL of task, recipe, answer, or tasks with `metadata.answer`."),
    ],
    protocol: Annotated[
        str | None, Option("--protocol", help="draco, draco-chunk3, one-shot, pairwise.")
    ] = None,
    grader: Annotated[
        str | None, Option("--grader", help="Model of the bench; several, a,b,c, as committee.")
    ] = None,
    against: Annotated[
        str | None, Option("--against", help="Recipe to compare with, for pairwise.")
    ] = None,
    passes: Annotated[int | None, Option("--passes", min=1, help="Passes per grader.")] = None,
    bench: Annotated[
        str | None, Option("--bench", help="Bench file with models and grader; else the run's.")
    ] = None,
    tasks: Annotated[
        list[str] | None, Option("--tasks", help="Task file; may be repeated; else the run's.")
    ] = None,
    sample: Annotated[
        float | None, Option("--sample", help="Grade only this share, 0 to 1, drawn by weight.")
    ] = None,
    budget: BudgetOption = None,
    max_in_flight: FlightOption = None,
    seed: SeedOption = None,
    replay: Annotated[
        bool, Option("--replay", help="Never call: what is not in the ledger is an error.")
    ] = False,
    output_dir: OutputOption = Path("results"),
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    no_color: ColorOption = False,
) -> None:
    """Grade the answers of a run again, or answers from a file; pays for new verdicts only.

    Example: fusion-eval grade results/latest --protocol draco-chunk3 --budget 2
    """
    import fusion_eval as fe
    from fusion_eval.terminal import Bar

    how: Any = {"base": protocol or "pairwise", "against": against} if against else protocol
    choices: dict[str, Any] = {"protocol": how, "grader": names(grader), "passes": passes}
    with Bar(quiet=quiet or (as_json and not sys.stderr.isatty())) as bar:
        done = fe.grade(
            _found(source, output_dir),
            **choices,
            bench=bench,
            tasks=tasks or (),
            sample=sample,
            budget_usd=budget,
            max_in_flight=max_in_flight,
            seed=seed,
            replay=replay,
            output_dir=output_dir,
            progress=bar,
            unreported=sample is None,
        )
    if sample is not None:
        _second_phase(_found(source, output_dir), done, as_json=as_json)
    else:
        reported(done, as_json=as_json, no_color=no_color)
    if (done.manifest.get("grader") or {}).get("kind") == "pairwise":
        table = fe.preferences(fe.verdicts(done))
        print(table.to_string(index=False, float_format="%.3f"), file=sys.stderr)
    go_on(done)
    raise Exit(exit_code(done))


def _second_phase(first: Path, done: Any, *, as_json: bool) -> None:
    """The scores of the first run as this protocol on everything would have given them."""
    import fusion_eval as fe
    from fusion_eval.report.cleaning import clean
    from fusion_eval.report.words import points

    table = fe.two_phase(first, done)
    if as_json:
        rows = clean(table.to_dict("records"))
        return print_json({"run_id": done.id, "simulated": done.simulated, "two_phase": rows})
    print(f"{'SIMULATED: ' if done.simulated else ''}corrected by the graded part, points (95 %):")
    for row in table.to_dict("records"):
        name = f"{row['recipe']} - {row['against']}" if row["against"] else row["recipe"]
        signed = bool(row["against"])
        low, high = points(row["low"], signed), points(row["high"], signed)
        print(f"  {name}: {points(row['value'], signed)} ({low} to {high}), {row['n']} tasks")
    return None


def _found(source: str, output_dir: Path) -> Path:
    """A path, or the id of a run."""
    path = Path(source)
    return path if path.exists() or "/" in source else output_dir / source
