"""Verbs that read what a run left: report, compare, import. They call nothing."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option

from fusion_eval.cli.labels import take_labels
from fusion_eval.cli.options import (
    ColorOption,
    JsonOption,
    OutputOption,
    RunPath,
)
from fusion_eval.cli.shared import found_run, names, only, print_json, reported
from fusion_eval.errors import InputError


def report(
    run: RunPath = "results/latest",
    prices: Annotated[
        Path | None, Option("--prices", help="Other prices: a new run, charged at these.")
    ] = None,
    output_dir: OutputOption = Path("results"),
    as_json: JsonOption = False,
    no_color: ColorOption = False,
) -> None:
    """Write report.md, the figures and summary.json of a run again. Calls nothing.

    Example: fusion-eval report results/latest --prices prices.yaml
    """
    found = found_run(run, output_dir)
    if prices is not None:
        import fusion_eval as fe

        found = fe.reprice(found, prices)
    reported(found, as_json=as_json, no_color=no_color)


def compare(
    run: Annotated[str, Argument(help="Run directory or id; or a log that `import` reads.")],
    other: Annotated[
        str | None, Argument(help="A second run or log: compare what is in both.")
    ] = None,
    reference: Annotated[
        str | None, Option("--reference", help="Compare every recipe with this one.")
    ] = None,
    recipes: Annotated[str | None, Option("--recipes", help="Only these: a,b,c.")] = None,
    members: Annotated[
        str | None,
        Option("--members", help="Add the best of these and the oracles over them: a,b,c."),
    ] = None,
    margin: Annotated[
        float | None, Option("--margin", min=0.0, help="Points within which recipes are equal.")
    ] = None,
    estimand: Annotated[
        str, Option("--estimand", help="'new tasks', 'these tasks' (needs repeats), 'new domains'.")
    ] = "new tasks",
    seed: Annotated[int, Option("--seed", help="Seed of the random sign flips.")] = 0,
    force: Annotated[
        bool, Option("--force", help="Compare although the runs were graded differently.")
    ] = False,
    output_dir: OutputOption = Path("results"),
    as_json: JsonOption = False,
    no_color: ColorOption = False,
) -> None:
    """Compare recipes pair by pair on common tasks, with simultaneous intervals.

    Example: fusion-eval compare results/latest --reference solo-heron
             fusion-eval compare a.eval b.eval
    """
    import fusion_eval as fe
    from fusion_eval.comparing import of_two, opened
    from fusion_eval.terminal import comparisons, show_comparisons

    first = _source(run, output_dir)
    settings: dict[str, Any] = {"margin": margin, "seed": seed, "force": force}
    settings["estimand"] = estimand
    if other is None:
        trials = only(opened(first), names(recipes))
        frame = fe.compare(trials, reference, **settings)
        if not isinstance(first, str):
            frame = _with_computed(frame, first, reference, names(members), margin, seed)
    else:
        frame = of_two(opened(first), opened(_source(other, output_dir)), **settings)
    simulated = bool(frame.attrs.get("simulated"))
    if as_json:
        print_json({"simulated": simulated, "comparisons": comparisons(frame)})
    else:
        if "computed" in frame:
            frame["a"] = frame["a"].where(~frame["computed"], frame["a"] + " (computed)")
        show_comparisons(frame, simulated=simulated, no_color=no_color)


def _source(given: str, output_dir: Path) -> Any:
    """A run by its path or id; else the path of a log or table, read as `import` would."""
    path = Path(given)
    is_run = (path / "manifest.json").exists() or not path.exists()
    return found_run(given, output_dir) if is_run else given


def _with_computed(
    frame: Any, run: Any, reference: str | None, members: list[str] | None, margin: Any, seed: int
) -> Any:
    """The rows of a comparison, and those of controls that are computed from the verdicts.

    They are computed for a reference with `controls:` in its bench file, or over `--members`.
    """
    import pandas as pd

    import fusion_eval as fe
    from fusion_eval.stats.controls import against

    known = (run.manifest.get("controls") or {}).get(reference) or {}
    if reference is None:
        if members:
            raise InputError("--members needs --reference: what the oracles are compared with")
        return frame
    chosen = members or (known["members"] if known.get("computed") else [])
    if not chosen:
        return frame
    rows = against(fe.trials(run), fe.verdicts(run), reference, chosen, margin=margin, seed=seed)
    both = pd.concat([frame.assign(computed=False), rows[rows["computed"]]], ignore_index=True)
    both.attrs = frame.attrs
    return both[[*frame.columns, "computed"]]


def import_(
    files: Annotated[
        list[Path], Argument(help="Logs or tables of results, or folders of them (docs/import.md).")
    ],
    criteria: Annotated[
        Path | None, Option("--criteria", help="Weights: task, criterion, weight.")
    ] = None,
    at: Annotated[
        str | None, Option("--at", help="Where in a JSON document the rows are: results.items")
    ] = None,
    columns: Annotated[
        list[str] | None,
        Option("--columns", help="recipe=my_name, score=a.b.c, recipe=a+b; may be repeated."),
    ] = None,
    constants: Annotated[
        list[str] | None, Option("--set", help="recipe=x for every row; may be repeated.")
    ] = None,
    where: Annotated[
        list[str] | None, Option("--where", help="Only rows with this: column=text.")
    ] = None,
    missing: Annotated[
        list[str] | None, Option("--missing", help="A cell that means no score, such as -1.")
    ] = None,
    answers: Annotated[
        Path | None,
        Option("--answers", help="Facts of whole answers: failure, finish, tokens, cost."),
    ] = None,
    scale: Annotated[
        str, Option("--scale", help="A full score, 100 for points; or both ends, 1..10.")
    ] = "1",
    score: Annotated[
        str, Option("--score", help="Score policy of the verdicts (docs/methods.md).")
    ] = "draco",
    costs: Annotated[
        str, Option("--costs", help="'free' if costs of 0 are right; else they are unknown.")
    ] = "checked",
    unknown_cost: Annotated[
        float | None, Option("--unknown-cost", min=0.0, help="US$ that an unknown cost is at most.")
    ] = None,
    labels: Annotated[
        str | None, Option("--labels", help="The file is a label sheet, filled in, of this run.")
    ] = None,
    output_dir: OutputOption = Path("results"),
    as_json: JsonOption = False,
    no_color: ColorOption = False,
) -> None:
    """Make a run directory from what other harnesses wrote, and report. Logs are recognised.

    Example: fusion-eval import a.eval b.eval
    """
    if labels is not None:
        return take_labels(files[0], labels, output_dir, as_json=as_json)
    from fusion_eval.importing import import_results

    if costs not in ("checked", "free"):
        raise InputError(f"--costs {costs}: write free, or leave it out")
    done = import_results(
        files,
        criteria=criteria,
        at=at,
        columns=_pairs("--columns", columns, "recipe=system"),
        constants=_pairs("--set", constants, "recipe=my-model"),
        where=_pairs("--where", where, "split=test"),
        missing=missing or (),
        scale=scale,
        score=score,
        costs="free" if costs == "free" else "checked",
        unknown_cost=unknown_cost,
        output_dir=output_dir,
        answers=answers,
    )
    _tell(done)
    reported(done, as_json=as_json, no_color=no_color)
    return None


def export(
    run: RunPath = "results/latest",
    to: Annotated[str, Option("--to", help="csv, inspect, eee or hf.")] = "csv",
    out: Annotated[
        Path | None, Option("--out", help="An empty or new folder; else export-FORMAT in the run.")
    ] = None,
    output_dir: OutputOption = Path("results"),
    as_json: JsonOption = False,
) -> None:
    """Write a run as CSV, logs of Inspect, Every Eval Ever, or a data set. Calls nothing.

    Example: fusion-eval export results/latest --to inspect --out logs
    """
    from fusion_eval.exporting import export as written

    opened = found_run(run, output_dir)
    files = written(opened, to, out)
    if as_json:
        paths = [str(path) for path in files]
        return print_json({"run_id": opened.id, "simulated": opened.simulated, "files": paths})
    mark = "SIMULATED " if opened.simulated else ""
    print(f"{mark}run {opened.id} as {to}:")
    for path in files[:_SHOWN]:
        print(f"  {path}")
    if len(files) > _SHOWN:
        print(f"  and {len(files) - _SHOWN} more")
    return None


_SHOWN = 12


def _tell(run: Any) -> None:
    """What was read as what; on standard error, like all notes."""
    for file in run.manifest["origin"]["files"]:
        used = ", ".join(f"{k} from {v}" for k, v in file["columns"].items() if k != v)
        print(f"{file['file']}: {file['format']}, {file['rows']:,} rows"
              f"{f'; {used}' if used else ''}", file=sys.stderr)  # fmt: skip
        if file["ignored_columns"]:
            print(f"  not used: {', '.join(file['ignored_columns'])}", file=sys.stderr)
    for note in run.manifest["notes"]:
        print(f"  {note}", file=sys.stderr)
    where = run.path.parent.name
    print(f"imported as {where}/{run.id}, now also {where}/latest", file=sys.stderr)


_FIRST_EQUALS = re.compile(r"((?:[^=\[]|\[[^\]]*\]?)*)(=?)(.*)", re.S)
"""At the first `=` that is not inside brackets: `stats[name=f1].split=test`."""


def _pairs(option: str, texts: list[str] | None, example: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts or []:
        ours, equals, theirs = _FIRST_EQUALS.match(text).groups()  # type: ignore[union-attr]
        if not equals:
            raise InputError(f"{option} {text!r}: write ours=theirs, for example {example}")
        if ours.strip() in found:
            raise InputError(f"{option} {ours.strip()} is given twice; leave one out")
        found[ours.strip()] = theirs.strip()
    return found
