"""Verbs about a study that is not made yet: power. They call nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from typer import Option

from fusion_eval.cli.options import (
    BenchOption,
    ColorOption,
    JsonOption,
    LimitOption,
    OutputOption,
    RecipesOption,
    RepeatsOption,
    RunPath,
    SeedOption,
)
from fusion_eval.cli.shared import found_run, names, only, print_json
from fusion_eval.errors import InputError


def power(
    run: RunPath = "results/latest",
    difference: Annotated[
        float,
        Option(
            "--difference", min=0.01, max=100.0, help="Smallest difference to detect, in points."
        ),
    ] = 3.0,
    reference: Annotated[
        str | None, Option("--reference", help="Compare every recipe with this one.")
    ] = None,
    recipes: RecipesOption = None,
    usd: Annotated[
        float | None, Option("--usd", min=0.0, help="The strongest study for so many US$.")
    ] = None,
    tasks: Annotated[int | None, Option("--tasks", min=2, help="Tasks available.")] = None,
    wanted: Annotated[float, Option("--power", min=0.05, max=0.999, help="Target power.")] = 0.8,
    published: Annotated[
        bool, Option("--published", help="No pilot: the noise of public runs.")
    ] = False,
    simulate: Annotated[
        list[str] | None, Option("--simulate", help="No pilot: these tasks on the simulator.")
    ] = None,
    bench: BenchOption = "demo",
    repeats: RepeatsOption = None,
    limit: LimitOption = None,
    seed: SeedOption = None,
    output_dir: OutputOption = Path("results"),
    as_json: JsonOption = False,
    no_color: ColorOption = False,
) -> None:
    """Tasks, repeats and grader passes that a given difference needs, and what they cost.

    The noise comes from a pilot run, or with --published from public runs, or with --simulate
    TASKS from the simulator (--bench, --repeats and --limit belong to that). Calls nothing.

    Example: fusion-eval power results/latest --difference 3 --reference solo-heron --tasks 90
    """
    if published and simulate:
        raise InputError("--published and --simulate: give one of them")
    aim: dict[str, Any] = {"difference": difference, "tasks": tasks, "power": wanted}
    if published:
        _published(aim, usd, as_json=as_json, no_color=no_color)
        return
    import fusion_eval as fe
    from fusion_eval.cli.designs import show_power

    chosen = names(recipes)
    if simulate:
        from fusion_eval.design import PILOT_REPEATS, simulated_pilot

        pilot: dict[str, Any] = {"repeats": repeats or PILOT_REPEATS, "seed": seed or 0}
        trials = simulated_pilot(simulate, bench, recipes=chosen, limit=limit, **pilot)
        more: dict[str, Any] = {}
    else:
        found = found_run(run, output_dir)
        trials = only(fe.trials(found), chosen)
        more = {"calls": fe.calls(found), "verdicts": fe.verdicts(found)}
    table = fe.power(trials, reference=reference, usd=usd, **aim, **more)
    if as_json:
        rows = json.loads(table.to_json(orient="records", double_precision=15))
        kept = {name: table.attrs[name] for name in ("simulated", "aim", "study", "leave_out")}
        if kept["study"] is not None:
            kept["study"] = {k: None if v != v else v for k, v in kept["study"].items()}
        print_json({**kept, "comparisons": rows})
    else:
        show_power(table, no_color=no_color)


def _published(aim: dict[str, Any], usd: float | None, *, as_json: bool, no_color: bool) -> None:
    from fusion_eval.cli.designs import show_published
    from fusion_eval.design import published_studies
    from fusion_eval.stats.noise import published

    if usd is not None:
        raise InputError("--usd needs prices, and public runs have none of yours: give a RUN")
    rows = published_studies(**aim)
    if as_json:
        print_json({"source": published().source, "aim": aim, "pairs": rows})
    else:
        show_published(rows, aim, published().source, no_color=no_color)
