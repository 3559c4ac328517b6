"""Verbs that look at a results directory: ls, view."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from fusion_eval.cli.options import JsonOption
from fusion_eval.cli.shared import print_json
from fusion_eval.loopback import check_port

ResultsPath = Annotated[Path, Argument(help="Where runs are kept (--output-dir of `run`).")]


def ls(results: ResultsPath = Path("results"), as_json: JsonOption = False) -> None:
    """List the runs, newest first: id, date, tasks, recipes, status, trials, dollars paid.

    Example: fusion-eval ls results
    """
    from fusion_eval.viewing.listing import lines
    from fusion_eval.viewing.runs import listed

    rows = listed(results)
    if as_json:
        return print_json({"results": str(results), "runs": [row.as_json() for row in rows]})
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for line in lines(rows, width):
        print(line)
    return None


def view(
    results: ResultsPath = Path("results"),
    port: Annotated[int, Option("--port", min=1, max=65535)] = 8765,
) -> None:
    """Look at runs in a browser: reports, comparisons, a run that goes on; and label by hand.

    Serves this machine only, and asks nobody else for anything.

    Example: fusion-eval view results
    """
    from fusion_eval.viewing import app

    built = app.build(results)
    check_port(app.HOST, port)
    print(f"runs of {results} at http://{app.HOST}:{port}/ (Ctrl-C ends it)", file=sys.stderr)
    app.serve(built, port)
