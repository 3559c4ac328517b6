"""`fusion-eval ledger …`: the store of calls, looked at, checked, thinned out and carried away."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Exit, Option

from fusion_eval.cli.options import JsonOption, OutputOption
from fusion_eval.cli.shared import print_json
from fusion_eval.core import inert

if TYPE_CHECKING:
    from fusion_eval.engine.place import Place

RESULTS = Path("results")

ledger = typer.Typer(
    name="ledger",
    help="Inspect and maintain the store of calls.\n\nExample: fusion-eval ledger stats",
    no_args_is_help=True,
)


def _file(output_dir: Path) -> Place:
    from fusion_eval.engine.place import ledger_of

    return ledger_of(output_dir)


@ledger.command()
def ls(
    limit: Annotated[int, Option("--limit", min=1, help="How many.")] = 20,
    model: Annotated[str | None, Option("--model", help="Only replies of this model id.")] = None,
    output_dir: OutputOption = RESULTS,
    as_json: JsonOption = False,
) -> None:
    """List the newest replies.

    Example: fusion-eval ledger ls --limit 5
    """
    from fusion_eval.engine import upkeep

    found = upkeep.listed(_file(output_dir), limit=limit, model=model)
    if as_json:
        return print_json({"replies": found})
    for one in found:
        print(inert(f"{one['key'][:12]}  {one['at']}  {one['model']:24}  {one['text'][:48]}"))
    return None


@ledger.command()
def stats(output_dir: OutputOption = RESULTS, as_json: JsonOption = False) -> None:
    """Count replies by model and run, and name calls that may have been paid without a reply.

    Example: fusion-eval ledger stats
    """
    from fusion_eval.engine import upkeep

    found = upkeep.stats(_file(output_dir))
    if as_json:
        return print_json(found)
    size = f"{found['bytes'] / 1e6:,.1f} MB"
    print(f"{found['replies']:,} replies of {len(found['runs'])} runs, {size}, {found['path']}")
    for model, count in found["models"].items():
        print(inert(f"  {count:8,}  {model}"))
    if found["in_flight"]:
        print(f"{found['in_flight']:,} calls are in flight now")
    for lost in found["possibly_paid"]:
        who = lost["role"] or "role unknown"
        print(
            f"possibly paid: call {lost['key'][:12]} of run {lost['run']} ({who}), "
            f"{_at_most(lost['most_usd'])}"
        )
    if calls := len(found["possibly_paid"]):
        print(f"possibly paid, all {calls:,}: {_at_most(found['possibly_paid_usd'])}")
    return None


def _at_most(usd: float | None) -> str:
    return "amount unknown" if usd is None else f"at most ${usd:.4f}"


@ledger.command()
def verify(output_dir: OutputOption = RESULTS, as_json: JsonOption = False) -> None:
    """Check every page, key and checksum; exit 2 where something is damaged, and name it.

    Example: fusion-eval ledger verify
    """
    from fusion_eval.engine import upkeep

    damage = upkeep.verify(_file(output_dir))
    if as_json:
        print_json({"damage": damage})
    for problem in damage:
        print(inert(problem), file=sys.stderr)
    if damage:
        raise Exit(2)
    if not as_json:
        old = upkeep.unsealed(_file(output_dir))
        print(f"whole; {old:,} replies of an older version have no checksum" if old else "whole")


@ledger.command()
def prune(
    older_than: Annotated[float, Option("--older-than", min=0.0, help="Days.")],
    dry_run: Annotated[bool, Option("--dry-run", help="Only count.")] = False,
    output_dir: OutputOption = RESULTS,
    as_json: JsonOption = False,
) -> None:
    """Remove old replies; runs that need them would have to pay for them again.

    Example: fusion-eval ledger prune --older-than 90 --dry-run
    """
    from fusion_eval.engine import upkeep

    count = upkeep.prune(_file(output_dir), older_than_days=older_than, dry_run=dry_run)
    if as_json:
        return print_json({"removed": 0 if dry_run else count, "found": count})
    print(f"{count:,} replies {'would be' if dry_run else 'are'} removed")
    return None


@ledger.command()
def show(
    call: Annotated[str, Argument(help="Key of a call, or its first six or more digits.")],
    output_dir: OutputOption = RESULTS,
) -> None:
    """Print one call as JSON: the request, what was read of the reply, and the body as it came.

    Example: fusion-eval ledger show 3fa9c1
    """
    from fusion_eval.engine import mending

    print_json(mending.show(_file(output_dir), call))


@ledger.command()
def forget(
    call: Annotated[
        str | None, Argument(help="Key of a call, or its first six or more digits.")
    ] = None,
    failed: Annotated[
        bool, Option("--failed", help="All calls whose reply brought no text, or is a failure.")
    ] = False,
    model: Annotated[str | None, Option("--model", help="All calls of this model id.")] = None,
    dry_run: Annotated[bool, Option("--dry-run", help="Only count.")] = False,
    output_dir: OutputOption = RESULTS,
    as_json: JsonOption = False,
) -> None:
    """Forget replies, so that their calls are asked again; what they cost stays on the bill.

    Example: fusion-eval ledger forget --failed --dry-run
    """
    from fusion_eval.engine import mending

    file = _file(output_dir)
    keys = mending.forget(file, call=call, failed=failed, model=model, dry_run=dry_run)
    if as_json:
        return print_json({"forgotten": [] if dry_run else keys, "found": keys})
    print(f"{len(keys):,} replies {'would be' if dry_run else 'are'} forgotten")
    return None


@ledger.command()
def reread(
    dry_run: Annotated[bool, Option("--dry-run", help="Change nothing.")] = False,
    output_dir: OutputOption = RESULTS,
    as_json: JsonOption = False,
) -> None:
    """Read every reply again from the body as it came, as this version reads; no call is made.

    Run again afterwards, and scores follow; what was asked with a text that has changed is new.

    Example: fusion-eval ledger reread --dry-run
    """
    from fusion_eval.engine import mending

    done = mending.reread(_file(output_dir), dry_run=dry_run)
    if as_json:
        return print_json(
            {"replies": done.replies, "bodies": done.bodies, "changed": done.changed,
             "failures": done.failures}
        )  # fmt: skip
    would = "would be" if dry_run else "are"
    print(f"{done.replies:,} replies, {done.bodies:,} with their body; "
          f"{len(done.changed):,} {would} read otherwise")  # fmt: skip
    for key, names in list(done.changed.items())[:20]:
        print(f"  {key[:12]}  {', '.join(names)}")
    for key, words in list(done.failures.items())[:20]:
        print(f"  {key[:12]}  a failure by today's reading: {inert(words)[:200]}")
    if done.failures:
        print("`fusion-eval ledger forget --failed` makes these calls be asked again")
    return None


@ledger.command()
def export(
    file: Annotated[Path, Argument(help="JSON lines to write.")],
    output_dir: OutputOption = RESULTS,
    as_json: JsonOption = False,
) -> None:
    """Write every reply, with its request, as JSON lines; exit 2 where damaged ones are left out.

    Example: fusion-eval ledger export calls.jsonl
    """
    from fusion_eval.engine import upkeep
    from fusion_eval.store import write_lines

    damage: list[str] = []
    write_lines(file, upkeep.exported(_file(output_dir), damage))
    count = sum(1 for _ in file.open(encoding="utf-8"))
    if as_json:
        print_json({"file": str(file), "replies": count, "damage": damage})
    else:
        print(f"{count:,} replies in {file}")
    for problem in damage:
        print(f"left out: {inert(problem)}", file=sys.stderr)
    if damage:
        raise Exit(2)


@ledger.command(name="import")
def import_(
    file: Annotated[Path, Argument(help="JSON lines that `ledger export` wrote.")],
    output_dir: OutputOption = RESULTS,
    as_json: JsonOption = False,
) -> None:
    """Take replies from JSON lines; a line that does not fit its key is refused (exit 2).

    Example: fusion-eval ledger import calls.jsonl
    """
    from fusion_eval.engine import upkeep

    with file.open("rb") as lines:
        taken = upkeep.imported(_file(output_dir), lines)
    if as_json:
        print_json({"new": taken.new, "known": taken.known, "refused": list(taken.refused)})
    else:
        print(f"{taken.new:,} new replies, {taken.known:,} known, {len(taken.refused):,} refused")
    for problem in taken.refused:
        print(f"{file}: {problem}", file=sys.stderr)
    if taken.refused:
        raise Exit(2)


@ledger.command()
def copy(
    source: Annotated[str, Argument(help="A folder of results, a ledger file, or a URL.")],
    target: Annotated[str, Argument(help="The same; what it has already is not copied again.")],
    as_json: JsonOption = False,
) -> None:
    """Copy every reply and attempt into another ledger; stopped, the same command goes on.

    Example: fusion-eval ledger copy results postgresql://me@db.example/evals
    """
    from tqdm import tqdm

    from fusion_eval.engine.copying import copy as copied
    from fusion_eval.engine.place import place_of

    with tqdm(unit=" replies", disable=None, leave=False) as bar:

        def say(done: int, of: int) -> None:
            bar.total, bar.n = of, done
            bar.refresh()

        done = copied(place_of(source), place_of(target), say)
    if as_json:
        print_json(
            {"new": done.new, "known": done.known, "attempts": done.attempts,
             "in_flight": done.open, "damaged": list(done.damaged)}
        )  # fmt: skip
    else:
        print(f"{done.new:,} new replies, {done.known:,} known; {done.attempts:,} attempts")
    if done.open:
        print(f"{done.open:,} calls are in flight at the source: copy again when they have ended",
              file=sys.stderr)  # fmt: skip
    for problem in done.damaged:
        print(f"left out: {inert(problem)}", file=sys.stderr)
    if done.damaged:
        raise Exit(2)
