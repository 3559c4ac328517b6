"""Verbs about the grader: is it any good (grader-report), and what would people say (label)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from typer import Option

from fusion_eval.cli.options import JsonOption, OutputOption, RecipesOption, RunPath
from fusion_eval.cli.shared import found_run, names, print_json
from fusion_eval.errors import InputError


def label(
    run: RunPath,
    recipes: RecipesOption = None,
    per_task: Annotated[
        int, Option("--per-task", min=1, help="Labels per task and recipe, besides heavy criteria.")
    ] = 3,
    limit: Annotated[int | None, Option("--limit", min=2, help="Sample at most N tasks.")] = None,
    tasks: Annotated[
        list[str] | None, Option("--tasks", help="Task file, where the run's own is gone.")
    ] = None,
    seed: Annotated[int, Option("--seed", help="The same seed draws the same labels.")] = 0,
    again: Annotated[
        bool, Option("--again", help="Discard the previous sample and its labels.")
    ] = False,
    output_dir: OutputOption = Path("results"),
    as_json: JsonOption = False,
) -> None:
    """Draw verdicts for people to check and write a sheet; without --recipes of the two best.

    Filled in, the sheet comes back with `fusion-eval import SHEET --labels RUN`.

    Example: fusion-eval label results/latest --recipes panel,solo-heron
    """
    from dataclasses import asdict

    import fusion_eval as fe
    from fusion_eval import labelling
    from fusion_eval.stats.labels import ENOUGH

    found = found_run(run, output_dir)
    wanted = names(recipes) or _two_best(fe.trials(found))
    known = labelling.texts(found, tasks or ())
    drawn = labelling.draw(
        found, wanted, known, per_task=per_task, tasks=limit, seed=seed, again=again
    )
    if as_json:
        return print_json({**asdict(drawn), "sheet": str(drawn.sheet), "enough": ENOUGH})
    print(
        f"{drawn.rows:,} labels to give, for {drawn.verdicts:,} verdicts on "
        f"{', '.join(drawn.recipes)} in {drawn.tasks:,} tasks ({drawn.heavy:,} of them heavy)"
    )
    for name, count in drawn.by_recipe.items():
        if count < ENOUGH:
            print(
                f"{name}: {count} labels correct no score; {ENOUGH} are needed, so raise --per-task"
            )
    print(f"wrote {drawn.sheet}; fill in the column met: met or unmet, ? where nobody can tell")
    print(f"now: fusion-eval import {drawn.sheet} --labels {run}")
    return None


def _two_best(trials: Any) -> list[str]:
    from fusion_eval.frames import per_task

    means = per_task(trials).mean().sort_values(ascending=False, kind="stable")
    return [str(name) for name in means.index[:2]]


def take_labels(file: Path, run: str, output_dir: Path, *, as_json: bool) -> None:
    """What `fusion-eval import SHEET --labels RUN` does."""
    from dataclasses import asdict

    from fusion_eval import labelling, report

    if not file.exists():
        raise InputError(f"{file}: no such file")
    found = found_run(run, output_dir)
    taken = labelling.take(found, file)
    files = report.write(found)
    if as_json:
        grader = report.grader_report(found)
        return print_json({**asdict(taken), "labels_report": grader["labels"]})
    who = f" by {', '.join(taken.people)}" if taken.people else ""
    rest = f"{taken.empty:,} empty, {taken.unsure:,} unsure"
    print(f"{taken.labels:,} labels{who} of {taken.of:,} drawn; {rest}")
    print(f"report.md: {files['report.md']} (Can the grader be trusted?)")
    return None


def grader_report(
    run: RunPath = "results/latest",
    others: Annotated[
        list[str] | None, Option("--and", help="Another grading of the same answers; repeatable.")
    ] = None,
    padded: Annotated[
        str | None, Option("--padded", help="Grading of the same answers with neutral text added.")
    ] = None,
    write_padded: Annotated[
        Path | None, Option("--write-padded", help="Only write those answers, to be graded.")
    ] = None,
    output_dir: OutputOption = Path("results"),
    as_json: JsonOption = False,
) -> None:
    """Say how far the grader of a run can be trusted, and what the run cannot say about it.

    Flips between passes, agreement between graders, order and length effects, self-preference,
    heavy criteria, unread verdicts, and what human labels say. Calls nothing.

    Example: fusion-eval grader-report results/latest --and ANOTHER_RUN
    """
    from fusion_eval import report

    found = found_run(run, output_dir)
    if write_padded is not None:
        count = report.write_padded(found, write_padded)
        said = {"file": str(write_padded), "answers": count}
        return print_json(said) if as_json else print(f"{count:,} answers in {write_padded}")
    more = [found_run(other, output_dir) for other in others or ()]
    probe = found_run(padded, output_dir) if padded else None
    if as_json:
        return print_json(report.grader_report(found, *more, padded=probe))
    print(report.grader_markdown(found, *more, padded=probe))
    return None
