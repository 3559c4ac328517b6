"""The command line: one function per verb, in a file per kind of verb; this one has the door."""

from __future__ import annotations

import os
import sys
from typing import Annotated, NoReturn

import typer
from typer import Exit, Option

from fusion_eval.cli.designing import power
from fusion_eval.cli.doctor import doctor
from fusion_eval.cli.explaining import explain
from fusion_eval.cli.gate import baseline, gate
from fusion_eval.cli.grading import grade
from fusion_eval.cli.labels import grader_report, label
from fusion_eval.cli.ledger import ledger
from fusion_eval.cli.making import init, plan, run, simulate, validate
from fusion_eval.cli.options import EXIT_INPUT, EXIT_INTERRUPTED
from fusion_eval.cli.reading import compare, import_, report
from fusion_eval.cli.shared import print_json
from fusion_eval.errors import FusionEvalError, InputError

app = typer.Typer(
    name="fusion-eval",
    help="Which way of combining language models is worth its dollars, on your tasks.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for _verb in (init, validate, plan, run, grade, report, compare, power):
    app.command()(_verb)
app.command(name="import")(import_)
app.command()(label)
app.command()(grader_report)
app.command()(baseline)
app.command()(gate)
app.command()(explain)
app.command()(simulate)
app.command()(doctor)
app.add_typer(ledger)


def main() -> NoReturn:
    """Entry point: whatever a user can cause ends with a message and an exit code."""
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
        print_json({"problems": list(problems)})
    for problem in problems:
        print(problem, file=sys.stderr)


@app.callback(invoke_without_command=True)
def about(
    version: Annotated[bool, Option("--version", help="Print the version and stop.")] = False,
) -> None:
    """Which way of combining language models is worth its dollars, on your tasks."""
    if version:
        import fusion_eval

        print(fusion_eval.__version__)
        raise Exit


__all__ = ["app", "main"]
