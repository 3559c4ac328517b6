"""Verbs for CI: baseline and gate. They call nothing."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from typer import Exit, Option

from fusion_eval.cli.options import EXIT_BUDGET, EXIT_INCOMPLETE, JsonOption, OutputOption, RunPath
from fusion_eval.cli.shared import found_run, print_json
from fusion_eval.errors import InputError
from fusion_eval.files import naming

GROUNDS = ("prompts", "grader", "protocol", "tasks", "bench", "partial", "filtered")
AllowOption = Annotated[
    list[str] | None,
    Option("--allow", help=f"What may differ or be missing: {', '.join(GROUNDS)}. Repeatable."),
]


def baseline(
    run: RunPath = "results/latest",
    to: Annotated[Path, Option("--to", help="File, or folder for baseline.json.")] = Path(
        "results/baseline"
    ),
    with_ledger: Annotated[
        bool, Option("--with-ledger", help="Also the replies that a replay of the run needs.")
    ] = False,
    add: Annotated[
        bool, Option("--add", help="Add the run to the baseline there, as one of another day.")
    ] = False,
    allow: AllowOption = None,
    output_dir: OutputOption = Path("results"),
    as_json: JsonOption = False,
) -> None:
    """Freeze the scores of a run, without texts, as a file for `gate` to hold others against.

    Example: fusion-eval baseline results/latest --to results/baseline
    """
    from fusion_eval.gate import freeze

    found = found_run(run, output_dir)
    target = to if to.suffix == ".json" else to / "baseline.json"
    verb = "added to" if add else "replaced" if target.exists() else "wrote"
    file = freeze(found, to, allow=_allowed(allow), add=add)
    files = [str(file)]
    if with_ledger:
        files.append(str(_slice(found, file.parent / "ledger.jsonl", output_dir)))
    if as_json:
        print_json({"run_id": found.id, "files": files})
    else:
        print("\n".join(f"{verb} {name}" for name in files))


def _slice(run: Any, target: Path, output_dir: Path) -> Path:
    """The replies behind a run, as `ledger import` takes them."""
    from fusion_eval import frames
    from fusion_eval.engine import upkeep
    from fusion_eval.engine.place import ledger_of
    from fusion_eval.store import write_lines

    wanted = set(frames.calls(run)["key"]) | set(frames.verdicts(run)["call_key"].dropna())
    lines = (line for line in upkeep.exported(ledger_of(output_dir)) if line["key"] in wanted)
    return write_lines(target, lines)


def gate(
    run: RunPath = "results/latest",
    against: Annotated[
        Path, Option("--baseline", help="File or folder made by `baseline`.")
    ] = Path("results/baseline"),
    policy: Annotated[
        Path | None, Option("--policy", help="Rules; see `fusion-eval init`.")
    ] = None,
    margin: Annotated[
        float | None, Option("--margin", min=0.0, help="Points that quality may drop (default 2).")
    ] = None,
    inconclusive: Annotated[
        str | None,
        Option("--inconclusive", help="pass, fail, or 3: what `cannot tell` exits with."),
    ] = None,
    allow: AllowOption = None,
    junit: Annotated[Path | None, Option("--junit", help="Write JUnit XML here.")] = None,
    summary: Annotated[
        Path | None, Option("--summary", help="Append Markdown to this file.")
    ] = None,
    output_dir: OutputOption = Path("results"),
    as_json: JsonOption = False,
) -> None:
    """Compare a run with a baseline: exit 0 pass, 1 fail, 3 cannot tell, 5 an incomplete run.

    Example: fusion-eval gate results/latest --baseline results/baseline --margin 2
    """
    from fusion_eval import gate as gates
    from fusion_eval.gate import words
    from fusion_eval.gate.junit import write_junit
    from fusion_eval.store import write_json

    chosen = gates.read_policy(policy) if policy is not None else gates.Policy()
    update: dict[str, Any] = {"allow": tuple({*chosen.allow, *_allowed(allow)})}
    if margin is not None:
        if 0 < margin < 0.1:
            raise InputError(
                f"--margin {margin:g}: points of 100, and no benchmark can tell so few from 0; "
                f"a share of the scale is given in points: --margin {100 * margin:g}"
            )
        update["margin"] = margin
    if inconclusive is not None:
        update["inconclusive"] = _treated(inconclusive)
    opened = found_run(run, output_dir)
    checked = gates.gate(opened, against, chosen.model_copy(update=update))
    with contextlib.suppress(OSError):  # a run that others own is gated all the same
        write_json(opened.path / "gate.json", words.kept(checked))
    if junit is not None:
        write_junit(checked, junit, file=str(policy or against))
    if summary is not None:
        with naming(summary), summary.open("a", encoding="utf-8", errors="replace") as file:
            file.write(words.markdown(checked))
    if as_json:
        print_json(words.as_json(checked))
    else:
        print("\n".join(words.terminal(checked)))
    raise Exit(checked.exit_code)


def run_until_decided(
    tasks: list[str], bench: str, policy: Path, against: Path, *, as_json: bool, quiet: bool,
    **choices: Any,
) -> None:  # fmt: skip
    """`run --until-decided`: ends with the exit code of the gate, or 4 at the end of the budget."""
    from fusion_eval.campaign import until_decided
    from fusion_eval.gate import read_policy, words
    from fusion_eval.terminal import Bar

    chosen = read_policy(policy)
    with Bar(quiet=quiet or (as_json and not sys.stderr.isatty())) as bar:
        told = (lambda _: None) if quiet else (lambda line: print(line, file=sys.stderr))
        found = until_decided(tasks, bench, chosen, against, progress=bar, told=told, **choices)
    saved = found.planned - found.tasks
    facts = {
        "tasks": found.tasks, "planned": found.planned, "saved": saved, "why": found.why,
        "paid_usd": found.paid_usd, "path": str(found.run.path),
        "forecast": found.forecast and asdict(found.forecast),
        "looks": [[{"recipe": s.recipe, "word": s.word} for s in look] for look in found.looks],
    }  # fmt: skip
    if as_json:
        print_json({**(words.as_json(found.checked) if found.checked else {}), "sequential": facts})
    else:
        print("\n".join(words.terminal(found.checked) if found.checked else ["nothing was run"]))
        print(
            f"{found.why}: {found.tasks} of {found.planned} tasks were run, {saved} saved; "
            f"the run is {found.run.path}"
        )
    if found.run.manifest["status"] != "finished":
        _go_on(found)
    ended = found.checked.exit_code if found.checked else EXIT_INCOMPLETE
    raise Exit(EXIT_BUDGET if found.why == "budget" else ended)


def _go_on(found: Any) -> None:
    """Why the looks ended before their end, and the command that goes on."""
    from fusion_eval.ending import command, unfinished

    forecast = found.forecast and asdict(found.forecast)
    ended = {**found.run.manifest, "forecast": forecast}
    print(unfinished(ended), file=sys.stderr)
    print(f"to go on: {command(ended, sys.argv[1:])}", file=sys.stderr)


def _treated(text: str) -> str | int:
    if text not in {"pass", "fail", "3"}:
        raise InputError(f"--inconclusive {text!r}: give pass, fail or 3")
    return 3 if text == "3" else text


def _allowed(grounds: list[str] | None) -> list[str]:
    if unknown := [g for g in grounds or [] if g not in GROUNDS]:
        raise InputError(f"--allow {', '.join(unknown)}: there are {', '.join(GROUNDS)}")
    return grounds or []
