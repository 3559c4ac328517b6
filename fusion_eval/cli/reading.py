"""Verbs that read what a run left: report, compare, import. They call nothing."""

from __future__ import annotations

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
    run: RunPath,
    other: Annotated[str | None, Argument(help="A second run: compare the same recipes.")] = None,
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
    """
    import fusion_eval as fe
    from fusion_eval.terminal import comparisons, show_comparisons

    first = found_run(run, output_dir)
    settings: dict[str, Any] = {"margin": margin, "seed": seed, "force": force}
    settings["estimand"] = estimand
    if other is None:
        trials = only(fe.trials(first), names(recipes))
        frame = fe.compare(trials, reference=reference, **settings)
        frame = _with_computed(frame, first, reference, names(members), margin, seed)
    else:
        frame = fe.compare_runs(first, found_run(other, output_dir), **settings)
    simulated = bool(frame.attrs.get("simulated", first.simulated))
    if as_json:
        print_json({"simulated": simulated, "comparisons": comparisons(frame)})
    else:
        if "computed" in frame:
            frame["a"] = frame["a"].where(~frame["computed"], frame["a"] + " (computed)")
        show_comparisons(frame, simulated=simulated, no_color=no_color)


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
    file: Annotated[Path, Argument(help="CSV, JSONL or Parquet of verdicts or scores.")],
    criteria: Annotated[
        Path | None, Option("--criteria", help="Weights: task, criterion, weight.")
    ] = None,
    columns: Annotated[
        list[str] | None, Option("--columns", help="recipe=my_name; may be repeated.")
    ] = None,
    answers: Annotated[
        Path | None,
        Option("--answers", help="Facts of whole answers: failure, finish, tokens, cost."),
    ] = None,
    scale: Annotated[float, Option("--scale", min=1.0, help="100 for scores of 0 to 100.")] = 1.0,
    score: Annotated[
        str, Option("--score", help="Score policy of the verdicts (docs/methods.md).")
    ] = "draco",
    labels: Annotated[
        str | None, Option("--labels", help="The file is a label sheet, filled in, of this run.")
    ] = None,
    output_dir: OutputOption = Path("results"),
    as_json: JsonOption = False,
    no_color: ColorOption = False,
) -> None:
    """Make a run directory from verdicts or scores that some other harness produced, and report.

    Example: fusion-eval import verdicts.csv.gz --criteria criteria.csv
    """
    if labels is not None:
        return take_labels(file, labels, output_dir, as_json=as_json)
    from fusion_eval.importing import import_table

    renamed = dict(_pair(text) for text in columns or [])
    done = import_table(
        file,
        criteria=criteria,
        columns=renamed or None,
        scale=scale,
        score=score,
        output_dir=output_dir,
        answers=answers,
    )
    reported(done, as_json=as_json, no_color=no_color)
    return None


def _pair(text: str) -> tuple[str, str]:
    ours, equals, theirs = text.partition("=")
    if not equals:
        raise InputError(f"--columns {text!r}: write ours=theirs, for example recipe=system")
    return ours.strip(), theirs.strip()
