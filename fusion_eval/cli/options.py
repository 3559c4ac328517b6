"""Options that several verbs share. Each is also an environment variable `FUSION_EVAL_…`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option


def _env(name: str) -> str:
    return f"FUSION_EVAL_{name}"


TaskFiles = Annotated[list[str], Argument(help="Task files, or hf:owner/name[:split].")]
RunPath = Annotated[str, Argument(help="Run directory, run id, or results/latest.")]
ColumnsOption = Annotated[
    list[str] | None,
    Option("--columns", help="Tables of questions: prompt=my_question, target=a; may be repeated."),
]
BenchOption = Annotated[
    str, Option("--bench", envvar=_env("BENCH"), help="Bench file, or a preset (demo).")
]
RecipesOption = Annotated[
    str | None, Option("--recipes", envvar=_env("RECIPES"), help="Only these: a,b,c.")
]
LimitOption = Annotated[
    int | None,
    Option("--limit", min=1, envvar=_env("LIMIT"), help="Only N tasks, from each file in turn."),
]
RepeatsOption = Annotated[
    int | None, Option("--repeats", min=1, envvar=_env("REPEATS"), help="Trials per task.")
]
SeedOption = Annotated[int | None, Option("--seed", envvar=_env("SEED"), help="Seed of draws.")]
BudgetOption = Annotated[
    float | None,
    Option("--budget", min=0.0, envvar=_env("BUDGET"), help="Spending limit in US$."),
]
FlightOption = Annotated[
    int | None,
    Option(
        "-j",
        "--max-in-flight",
        min=1,
        envvar=_env("MAX_IN_FLIGHT"),
        help="Most requests at the same time.",
    ),
]
RunCodeOption = Annotated[
    bool,
    Option("--run-code", envvar=_env("RUN_CODE"), help="Run code in answers, in a sandbox."),
]
OutputOption = Annotated[
    Path, Option("-o", "--output-dir", envvar=_env("OUTPUT_DIR"), help="Where runs are kept.")
]
JsonOption = Annotated[
    bool, Option("--json", envvar=_env("JSON"), help="One JSON document on stdout.")
]
StrictOption = Annotated[
    bool, Option("--strict", envvar=_env("STRICT"), help="Treat design warnings as errors.")
]
QuietOption = Annotated[
    bool, Option("--quiet", "-q", envvar=_env("QUIET"), help="No progress, no notes.")
]
ColorOption = Annotated[bool, Option("--no-color", envvar=_env("NO_COLOR"), help="Plain text.")]

EXIT_INPUT, EXIT_BUDGET, EXIT_INCOMPLETE, EXIT_BUG, EXIT_INTERRUPTED = 2, 4, 5, 70, 130
"""Exit codes that more than one verb uses."""
