"""Verbs that start something: init, validate, plan, run, simulate. Heavy imports stand inside."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Exit, Option

from fusion_eval.cli.gate import run_until_decided
from fusion_eval.cli.options import (
    EXIT_BUDGET,
    EXIT_BUG,
    EXIT_INCOMPLETE,
    EXIT_INPUT,
    EXIT_INTERRUPTED,
    BenchOption,
    BudgetOption,
    ColorOption,
    ColumnsOption,
    FlightOption,
    JsonOption,
    LimitOption,
    OutputOption,
    QuietOption,
    RecipesOption,
    RepeatsOption,
    RunCodeOption,
    SeedOption,
    StrictOption,
    TaskFiles,
)
from fusion_eval.cli.shared import (
    go_on,
    names,
    print_json,
    reported,
    say_imported,
    say_preset,
    warned,
    with_query,
)
from fusion_eval.core import inert
from fusion_eval.errors import InputError
from fusion_eval.loopback import check_port

STATUS = {
    "finished": 0,
    "stopped_by_budget": EXIT_BUDGET,
    "incomplete": EXIT_INCOMPLETE,
    "interrupted": EXIT_INTERRUPTED,
}


def exit_code(done: Any) -> int:
    """How a run ended; a bug of ours that it met is said, and comes before everything else."""
    bugs = [one["problem"] for one in done.manifest.get("set_aside") or () if one["bug"]]
    for line in dict.fromkeys(bugs):
        print(inert(line), file=sys.stderr)
    return EXIT_BUG if bugs else STATUS[done.manifest["status"]]


def init(
    folder: Annotated[Path, Argument(help="Where to write; it is made if missing.")] = Path("."),
    as_json: JsonOption = False,
) -> None:
    """Write a commented task file and bench file to start from.

    Example: fusion-eval init my-eval && cd my-eval && fusion-eval run tasks.yaml --bench bench.yaml
    """
    from fusion_eval.starter import write

    files = [str(path) for path in write(folder)]
    if as_json:
        print_json({"files": files})
    else:
        print("\n".join(f"wrote {file}" for file in files))
        print(f"now: cd {folder} && fusion-eval run tasks.yaml --bench bench.yaml")


def validate(
    files: Annotated[list[str], Argument(help="Task files and bench files.")],
    columns: ColumnsOption = None,
    strict: StrictOption = False,
    as_json: JsonOption = False,
) -> None:
    """Read task and bench files and report all problems with file and line.

    Example: fusion-eval validate tasks/research.yaml my-bench.yaml
    """
    import fusion_eval as fe

    found = fe.validate(*with_query(files, columns))
    if as_json:
        print_json({"files": found})
    for each in found:
        for problem in each["problems"]:
            print(inert(problem), file=sys.stderr)
        if not as_json and not each["problems"]:
            print(_described(each))
        say_imported(each.get("imports", ()))
        for warning in each.get("warnings", ()):
            print(f"warning: {warning['said']}", file=sys.stderr)
    doubts = [w for each in found for w in each.get("warnings", ()) if w["reason"] is None]
    if any(each["problems"] for each in found) or (strict and doubts):
        raise Exit(EXIT_INPUT)


def _described(each: dict[str, Any]) -> str:
    if each["kind"] == "bench":
        return f"{each['file']}: {each['models']} models, {each['recipes']} recipes, good"
    return (
        f"{each['file']}: {each['tasks']} tasks in {len(each['domains'])} domains, "
        f"{each['criteria']} criteria ({each['negative_criteria']} negative), "
        f"hash {each['hash']}, good"
    )


def plan(
    tasks: TaskFiles,
    bench: BenchOption = "demo",
    recipes: RecipesOption = None,
    limit: LimitOption = None,
    repeats: RepeatsOption = None,
    budget: BudgetOption = None,
    columns: ColumnsOption = None,
    max_in_flight: FlightOption = None,
    seed: SeedOption = None,
    output_dir: OutputOption = Path("results"),
    strict: StrictOption = False,
    as_json: JsonOption = False,
) -> None:
    """Count the calls of a run and estimate their cost from what the ledger knows. Calls nothing.

    Says what budget finishes for sure, and with --budget at which task that one ends.

    Example: fusion-eval plan tasks/research.yaml --bench my-bench.yaml --budget 5
    """
    from fusion_eval.design import planned

    say_preset(bench)
    result, reach = planned(
        with_query(tasks, columns),
        bench,
        recipes=names(recipes),
        limit=limit,
        repeats=repeats,
        seed=seed,
        budget_usd=budget,
        max_in_flight=max_in_flight,
        output_dir=output_dir,
    )
    if as_json:
        known = {"detectable_points": reach.as_json()["points"], "reach": reach.as_json()}
        print_json(result.as_json() | known)
    else:
        from fusion_eval.cli.designs import reach_line
        from fusion_eval.terminal import show_plan

        show_plan(result, reach_line(result, reach))
    say_imported(result.imports)
    if warned(result.warnings, strict=strict):
        raise Exit(EXIT_INPUT)


def run(
    tasks: TaskFiles,
    bench: BenchOption = "demo",
    recipes: RecipesOption = None,
    limit: LimitOption = None,
    repeats: RepeatsOption = None,
    budget: BudgetOption = None,
    columns: ColumnsOption = None,
    max_in_flight: FlightOption = None,
    seed: SeedOption = None,
    output_dir: OutputOption = Path("results"),
    run_code: RunCodeOption = False,
    replay: Annotated[
        bool, Option("--replay", help="Never call: what is not in the ledger is an error.")
    ] = False,
    until_decided: Annotated[
        Path | None,
        Option("--until-decided", help="Policy of a gate: random blocks of tasks, four looks."),
    ] = None,
    baseline: Annotated[
        Path, Option("--baseline", help="What --until-decided holds the run against.")
    ] = Path("results/baseline"),
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    no_color: ColorOption = False,
) -> None:
    """Run recipes on tasks, grade, and report. Run the same command again to resume.

    Example: fusion-eval run tasks/research.yaml --bench my-bench.yaml --budget 5
    """
    import fusion_eval as fe
    from fusion_eval.terminal import Bar

    if until_decided is not None:
        if limit is not None or replay or run_code:
            raise InputError("--until-decided chooses its tasks: no --limit, --replay, --run-code")
        run_until_decided(
            tasks, bench, until_decided, baseline, as_json=as_json, quiet=quiet,
            recipes=names(recipes), repeats=repeats, seed=seed, budget_usd=budget,
            max_in_flight=max_in_flight, output_dir=output_dir,
        )  # fmt: skip
    say_preset(bench)
    with Bar(quiet=quiet or (as_json and not sys.stderr.isatty())) as bar:
        done = fe.run(
            with_query(tasks, columns),
            bench,
            recipes=names(recipes),
            limit=limit,
            repeats=repeats,
            seed=seed,
            budget_usd=budget,
            max_in_flight=max_in_flight,
            run_code=run_code,
            replay=replay,
            output_dir=output_dir,
            progress=bar,
            unreported=True,
        )
    reported(done, as_json=as_json, no_color=no_color)
    go_on(done)
    raise Exit(exit_code(done))


def simulate(
    tasks: Annotated[list[str], Option("--tasks", help="Task file; may be repeated.")],
    world: Annotated[str, Option("--world", help="World of the simulator, or a file.")] = "default",
    host: Annotated[
        str, Option("--host", help="Address to bind; loopback by default.")
    ] = "127.0.0.1",
    port: Annotated[int, Option("--port", min=1, max=65535)] = 8000,
    sleep: Annotated[bool, Option("--sleep", help="Sleep for the simulated latency.")] = False,
) -> None:
    """Serve the simulator as an OpenAI-compatible endpoint that knows these tasks.

    Example: fusion-eval simulate --tasks tasks/mini.yaml --port 8000
    """
    from fusion_eval.loading.tasks import load_task_files
    from fusion_eval.simulator import app as simulated
    from fusion_eval.simulator import load_world, serve

    known, chosen = load_task_files(tasks), load_world(world)
    check_port(host, port)
    print(f"SIMULATED models of world {world!r} at http://{host}:{port}/v1", file=sys.stderr)
    serve(simulated(chosen, known.tasks, sleep=sleep), host=host, port=port)
