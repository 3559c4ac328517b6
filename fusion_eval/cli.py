"""The command line: one function per verb, no thought. Heavy imports stand inside the verbs."""

from __future__ import annotations

import json
import logging
import os
import shlex
import socket
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer import Argument, Exit, Option

from fusion_eval.cli_doctor import doctor
from fusion_eval.cli_ledger import ledger
from fusion_eval.errors import FusionEvalError, InputError
from fusion_eval.options import (
    BenchOption,
    BudgetOption,
    ColorOption,
    FlightOption,
    JsonOption,
    LimitOption,
    OutputOption,
    QuietOption,
    RecipesOption,
    RepeatsOption,
    RunPath,
    SeedOption,
    TaskFiles,
)

EXIT_INPUT, EXIT_BUDGET, EXIT_INCOMPLETE, EXIT_INTERRUPTED = 2, 4, 5, 130
_STATUS = {
    "finished": 0,
    "stopped_by_budget": EXIT_BUDGET,
    "incomplete": EXIT_INCOMPLETE,
    "interrupted": EXIT_INTERRUPTED,
}

app = typer.Typer(
    name="fusion-eval",
    help="Which way of combining language models is worth its dollars, on your tasks.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(ledger)
app.command()(doctor)


def main() -> NoReturn:
    """Entry point: whatever a user can cause ends with a message and an exit code."""
    logging.getLogger("stamina").setLevel(logging.ERROR)  # attempts are counted in the tables
    try:
        app()
    except InputError as error:
        _problems(error.problems)
        sys.exit(EXIT_INPUT)
    except FusionEvalError as error:
        _problems([str(error)])
        sys.exit(EXIT_INPUT)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_INTERRUPTED)
    except KeyboardInterrupt:
        print("interrupted; run again to go on", file=sys.stderr)
        sys.exit(EXIT_INTERRUPTED)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        _problems([f"{place}{error.strerror or error}"])
        sys.exit(EXIT_INPUT)
    sys.exit(0)


def _problems(problems: tuple[str, ...] | list[str]) -> None:
    if "--json" in sys.argv or os.environ.get("FUSION_EVAL_JSON") in {"1", "true", "yes", "on"}:
        _print_json({"problems": list(problems)})
    for problem in problems:
        print(problem, file=sys.stderr)


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


@app.callback(invoke_without_command=True)
def about(
    version: Annotated[bool, Option("--version", help="Print the version and stop.")] = False,
) -> None:
    """Which way of combining language models is worth its dollars, on your tasks."""
    if version:
        import fusion_eval

        print(fusion_eval.__version__)
        raise Exit


@app.command()
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
        _print_json({"files": files})
    else:
        print("\n".join(f"wrote {file}" for file in files))
        print(f"now: cd {folder} && fusion-eval run tasks.yaml --bench bench.yaml")


@app.command()
def validate(
    files: Annotated[list[str], Argument(help="Task files and bench files.")],
    as_json: JsonOption = False,
) -> None:
    """Read task and bench files and report all problems with file and line.

    Example: fusion-eval validate tasks/research.yaml my-bench.yaml
    """
    from fusion_eval.checking import check_files

    found = check_files(files)
    if as_json:
        _print_json({"files": found})
    for each in found:
        for problem in each["problems"]:
            print(problem, file=sys.stderr)
        if not as_json and not each["problems"]:
            print(_described(each))
    if any(each["problems"] for each in found):
        raise Exit(EXIT_INPUT)


def _described(each: dict[str, Any]) -> str:
    if each["kind"] == "bench":
        return f"{each['file']}: {each['models']} models, {each['recipes']} recipes, good"
    return (
        f"{each['file']}: {each['tasks']} tasks in {len(each['domains'])} domains, "
        f"{each['criteria']} criteria ({each['negative_criteria']} negative), "
        f"hash {each['hash']}, good"
    )


@app.command()
def plan(
    tasks: TaskFiles,
    bench: BenchOption = "demo",
    recipes: RecipesOption = None,
    limit: LimitOption = None,
    repeats: RepeatsOption = None,
    max_in_flight: FlightOption = None,
    seed: SeedOption = None,
    output_dir: OutputOption = Path("results"),
    as_json: JsonOption = False,
) -> None:
    """Count the calls of a run and estimate their cost from what the ledger knows. Calls nothing.

    Example: fusion-eval plan tasks/research.yaml --bench my-bench.yaml
    """
    from fusion_eval.api import planned

    result = planned(
        tasks,
        bench,
        recipes=_names(recipes),
        limit=limit,
        repeats=repeats,
        seed=seed,
        max_in_flight=max_in_flight,
        output_dir=output_dir,
    )
    if as_json:
        _print_json(result.as_json())
    else:
        from fusion_eval.terminal import show_plan

        show_plan(result)


@app.command()
def run(
    tasks: TaskFiles,
    bench: BenchOption = "demo",
    recipes: RecipesOption = None,
    limit: LimitOption = None,
    repeats: RepeatsOption = None,
    budget: BudgetOption = None,
    max_in_flight: FlightOption = None,
    seed: SeedOption = None,
    output_dir: OutputOption = Path("results"),
    replay: Annotated[
        bool, Option("--replay", help="Never call: what is not in the ledger is an error.")
    ] = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    no_color: ColorOption = False,
) -> None:
    """Run recipes on tasks, grade, and report. Run again after any stop: it goes on where it was.

    Example: fusion-eval run tasks/research.yaml --bench my-bench.yaml --budget 5
    """
    import fusion_eval as fe
    from fusion_eval.terminal import Bar

    with Bar(quiet=quiet or (as_json and not sys.stderr.isatty())) as bar:
        done = fe.run(
            tasks,
            bench,
            recipes=_names(recipes),
            limit=limit,
            repeats=repeats,
            seed=seed,
            budget_usd=budget,
            max_in_flight=max_in_flight,
            replay=replay,
            output_dir=output_dir,
            progress=bar,
        )
    _reported(done, as_json=as_json, no_color=no_color)
    if done.manifest["status"] != "finished":
        print(f"to go on: fusion-eval {shlex.join(sys.argv[1:])}", file=sys.stderr)
    raise Exit(_STATUS[done.manifest["status"]])


def _reported(done: Any, *, as_json: bool, no_color: bool) -> None:
    """Write the report of a run and print its table, or its summary as JSON."""
    from fusion_eval import report as reports
    from fusion_eval.terminal import show_report, unfinished

    if not done.manifest.get("trials", {}).get("done", 1):
        print(unfinished(done.manifest) or "no trial, so nothing to report", file=sys.stderr)
        if as_json:
            _print_json({"run_id": done.id, "status": done.manifest["status"], "trials": 0})
        return
    files = reports.write(done)
    if as_json:
        summary = json.loads(files["summary.json"].read_text("utf-8"))
        _print_json({**summary, "path": str(done.path)})
    else:
        show_report(done, files, no_color=no_color)


@app.command()
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
    found = _found(run, output_dir)
    if prices is not None:
        import fusion_eval as fe

        found = fe.reprice(found, prices)
    _reported(found, as_json=as_json, no_color=no_color)


@app.command()
def compare(
    run: RunPath,
    other: Annotated[str | None, Argument(help="A second run: compare the same recipes.")] = None,
    reference: Annotated[
        str | None, Option("--reference", help="Compare every recipe with this one.")
    ] = None,
    recipes: Annotated[str | None, Option("--recipes", help="Only these: a,b,c.")] = None,
    margin: Annotated[
        float | None, Option("--margin", min=0.0, help="Points within which recipes are equal.")
    ] = None,
    seed: Annotated[int, Option("--seed", help="Seed of the random sign flips.")] = 0,
    output_dir: OutputOption = Path("results"),
    as_json: JsonOption = False,
    no_color: ColorOption = False,
) -> None:
    """Compare recipes pair by pair on common tasks, with simultaneous intervals.

    Example: fusion-eval compare results/latest --reference solo-heron
    """
    import fusion_eval as fe
    from fusion_eval.terminal import comparisons, show_comparisons

    first = _found(run, output_dir)
    settings: dict[str, Any] = {"margin": margin, "seed": seed}
    if other is None:
        trials = _only(fe.trials(first), _names(recipes))
        frame = fe.compare(trials, reference=reference, **settings)
    else:
        frame = fe.compare_runs(first, _found(other, output_dir), **settings)
    simulated = bool(frame.attrs.get("simulated", first.simulated))
    if as_json:
        _print_json({"simulated": simulated, "comparisons": comparisons(frame)})
    else:
        show_comparisons(frame, simulated=simulated, no_color=no_color)


@app.command(name="import")
def import_(
    file: Annotated[Path, Argument(help="CSV, JSONL or Parquet of verdicts or scores.")],
    criteria: Annotated[
        Path | None, Option("--criteria", help="Weights: task, criterion, weight.")
    ] = None,
    columns: Annotated[
        list[str] | None, Option("--columns", help="recipe=my_name; may be repeated.")
    ] = None,
    scale: Annotated[float, Option("--scale", min=1.0, help="100 for scores of 0 to 100.")] = 1.0,
    output_dir: OutputOption = Path("results"),
    as_json: JsonOption = False,
    no_color: ColorOption = False,
) -> None:
    """Make a run directory from verdicts or scores that some other harness produced, and report.

    Example: fusion-eval import verdicts.csv.gz --criteria criteria.csv
    """
    from fusion_eval.importing import import_table

    renamed = dict(_pair(text) for text in columns or [])
    done = import_table(
        file, criteria=criteria, columns=renamed or None, scale=scale, output_dir=output_dir
    )
    _reported(done, as_json=as_json, no_color=no_color)


@app.command()
def simulate(
    tasks: Annotated[list[str], Option("--tasks", help="Task file; may be repeated.")],
    world: Annotated[str, Option("--world", help="World of the simulator, or a file.")] = "default",
    host: Annotated[str, Option("--host", help="Loopback unless told otherwise.")] = "127.0.0.1",
    port: Annotated[int, Option("--port", min=1, max=65535)] = 8000,
    sleep: Annotated[bool, Option("--sleep", help="Take the time that is reported.")] = False,
) -> None:
    """Serve the simulator as an OpenAI-compatible endpoint that knows these tasks.

    Example: fusion-eval simulate --tasks tasks/mini.yaml --port 8000
    """
    from fusion_eval.loading.tasks import load_task_files
    from fusion_eval.simulator import app as simulated
    from fusion_eval.simulator import load_world, serve

    known, chosen = load_task_files(tasks), load_world(world)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as problem:
            raise InputError(f"--port {port} on {host}: {problem.strerror}; give another") from None
    print(f"SIMULATED models of world {world!r} at http://{host}:{port}/v1", file=sys.stderr)
    serve(simulated(chosen, known.tasks, sleep=sleep), host=host, port=port)


def _names(text: str | None) -> list[str] | None:
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def _pair(text: str) -> tuple[str, str]:
    ours, equals, theirs = text.partition("=")
    if not equals:
        raise InputError(f"--columns {text!r}: write ours=theirs, for example recipe=system")
    return ours.strip(), theirs.strip()


def _only(trials: Any, names: list[str] | None) -> Any:
    if names is None:
        return trials
    known = set(trials["recipe"])
    if missing := [name for name in names if name not in known]:
        raise InputError(f"--recipes: the run has no {', '.join(missing)}; it has {sorted(known)}")
    return trials[trials["recipe"].isin(names)]


def _found(run: str, output_dir: Path) -> Any:
    from fusion_eval.store import read_run

    path = Path(run)
    return read_run(path if path.exists() else output_dir / run if "/" not in run else path)


__all__ = ["app", "main"]
