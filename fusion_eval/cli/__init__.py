"""The command line: one function per verb, in a file per kind of verb; this one has the door."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any, NoReturn

import typer
from typer import Exit, Option
from typer.core import TyperGroup

from fusion_eval.cli import interrupts, streams
from fusion_eval.cli.designing import power
from fusion_eval.cli.doctor import doctor
from fusion_eval.cli.explaining import explain
from fusion_eval.cli.gate import baseline, gate
from fusion_eval.cli.grading import grade
from fusion_eval.cli.labels import grader_report, label
from fusion_eval.cli.ledger import ledger
from fusion_eval.cli.making import init, plan, run, simulate, validate
from fusion_eval.cli.options import EXIT_BUG, EXIT_INPUT, EXIT_INTERRUPTED
from fusion_eval.cli.reading import compare, export, import_, report
from fusion_eval.cli.serving import rule, serve
from fusion_eval.cli.shared import print_json
from fusion_eval.cli.tapping import tap
from fusion_eval.cli.viewing import ls, view
from fusion_eval.core import inert
from fusion_eval.errors import FusionEvalError, InputError, bug_line


class _Verbs(TyperGroup):
    """What ends a verb early and is no mistake: typer would call a closed pipe a failure (1)."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            streams.nothing_more()
            raise Exit(EXIT_INTERRUPTED) from None
        except KeyboardInterrupt:
            print("interrupted; run again to go on", file=sys.stderr)
            raise Exit(EXIT_INTERRUPTED) from None


app = typer.Typer(
    name="fusion-eval",
    cls=_Verbs,
    help="Which way of combining language models is worth its dollars, on your tasks.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for _verb in (init, validate, plan, run, grade, report, compare, power):
    app.command()(_verb)
app.command(name="import")(import_)
app.command()(export)
app.command()(label)
app.command()(grader_report)
app.command()(baseline)
app.command()(gate)
app.command()(explain)
app.command()(simulate)
app.command()(serve)
app.command()(view)
app.command()(ls)
app.command()(rule)
app.command()(tap)
app.command()(doctor)
app.add_typer(ledger)


def main() -> NoReturn:
    """Entry point: whatever a user can cause ends with a message and an exit code."""
    streams.prepare()
    interrupts.prepare()
    try:
        app()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except InputError as error:
        code = _ended(error.problems, EXIT_INPUT)
    except FusionEvalError as error:
        code = _ended([str(error)], EXIT_INPUT)
    except OSError as error:
        place = f"{os.fsdecode(error.filename)}: " if error.filename else ""
        code = _ended([f"{place}{error.strerror or error}"], EXIT_INPUT)
    except Exception as bug:
        if os.environ.get("FUSION_EVAL_TRACEBACK"):
            raise
        code = _ended([bug_line(bug)], EXIT_BUG)
    sys.exit(streams.flushed(code))


def _ended(problems: Sequence[str], code: int) -> int:
    """Say why it ended: lines on standard error, and a document where one was asked for."""
    if "--json" in sys.argv or os.environ.get("FUSION_EVAL_JSON") in {"1", "true", "yes", "on"}:
        print_json({"problems": list(problems), **({"bug": True} if code == EXIT_BUG else {})})
    for problem in problems:
        print(inert(problem), file=sys.stderr)
    return code


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
