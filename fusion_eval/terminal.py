"""What the command line draws: a progress bar with dollars, and tables."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from fusion_eval.bench.forecast import sentences as budget_sentences
from fusion_eval.bench.forecast import usd
from fusion_eval.core import inert
from fusion_eval.core.readable import p_value, points
from fusion_eval.ending import overbilled, unfinished

if TYPE_CHECKING:
    import pandas as pd

    from fusion_eval.bench.plan import Plan
    from fusion_eval.bench.progress import Now
    from fusion_eval.store import Run


class Bar:
    """A `bench.progress.Progress` on stderr: a bar, or now and then a plain line in a log."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._bar: tqdm[Any] | None = None
        self._every_s = _DRAWN_S
        self._looked = float("-inf")
        self._now: Callable[[], Now] | None = None

    def __enter__(self) -> Bar:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._look()
            self._bar.close()

    def started(self, trials: int) -> None:
        """Draw an empty bar."""
        if self._quiet:
            return
        form: dict[str, Any] = {}
        if not sys.stderr.isatty():
            self._every_s = _LOGGED_S
            form = {"bar_format": _LINE, "file": _Lines()}
        form["mininterval"] = self._every_s
        self._bar = tqdm(**{"total": trials, "unit": " trials", "file": sys.stderr, **form})

    def advanced(self, now: Callable[[], Now]) -> None:
        """One step; what was called and spent is looked at as often as the bar is drawn."""
        if self._bar is not None:
            self._now = now
            last = self._bar.n + 1 >= (self._bar.total or 0)
            if last or time.monotonic() - self._looked >= 0.9 * self._every_s:
                self._look()
            self._bar.update()

    def _look(self) -> None:
        if self._bar is not None and self._now is not None:
            self._looked = time.monotonic()
            took = self._bar.format_dict["elapsed"]
            self._bar.set_postfix_str(standing(self._now(), took), refresh=False)

    def note(self, text: str) -> None:
        """A line above the bar."""
        if not self._quiet:
            tqdm.write(inert(text), file=sys.stderr)


_DRAWN_S, _LOGGED_S = 0.2, 10.0
_LINE = "{n_fmt} of {total_fmt} trials, {elapsed} gone, {remaining} left{postfix}"


class _Lines:
    """Standard error for a bar that nobody watches: each state is a line of its own."""

    def write(self, text: str) -> None:
        """Without what a terminal needs to draw over the line before; nothing before a trial."""
        line = text.strip("\r\n ")
        if line and not line.startswith("0 of "):
            sys.stderr.write(f"{line}\n")

    def flush(self) -> None:
        """As a stream."""
        sys.stderr.flush()


def standing(now: Now, seconds: float) -> str:
    """`$0.12 + $0.03 reserved of $5.00, 310 calls, 12/s, 8 in flight, 40 hits, 3 retries`."""
    dollars = f"${now.spent_usd:.4f}"
    if now.reserved_usd:
        dollars += f" + ${now.reserved_usd:.4f} reserved"
    if now.budget_usd is not None:
        dollars += f" of ${now.budget_usd:.2f}"
    rate = now.made / seconds if seconds > 0 else 0.0
    parts = [dollars, f"{now.made:,} calls", f"{rate:.0f}/s", f"{now.in_flight} in flight"]
    parts += [f"{now.hits:,} hits"] if now.hits else []
    parts += [f"{now.retries:,} retries"] if now.retries else []
    return ", ".join(parts)


def console(*, no_color: bool = False) -> Console:
    """Standard output, at least as wide as our tables; plain where it is no terminal."""
    width = None if sys.stdout.isatty() else 110
    return Console(no_color=no_color, highlight=False, width=width, soft_wrap=False)


def show_report(run: Run, files: dict[str, Path], *, no_color: bool = False) -> None:
    """The table, the decision, and where the rest stands."""
    from fusion_eval.report import terminal

    out = console(no_color=no_color)
    width = min(terminal.WIDTH, out.width)
    for style, text in terminal.opening(run, width):
        out.print(text, style=style, markup=False, soft_wrap=True)
    out.print(terminal.table(run, width=width))
    for line in (terminal.below(run, width), *terminal.findings(run, width)):
        out.print(line, markup=False)
    counts = run.manifest.get("calls", {})
    if "made" in counts:
        made, charged = counts["made"], counts["charged"]
        out.print(f"\n{made:,} calls made by this run; {charged:,} charged to recipes.")
    for line in overbilled(run.manifest):
        out.print(line, style="bold red", markup=False, soft_wrap=True)
    for name in ("report.html", "report.md", "pareto.png"):
        if name in files:
            out.print(f"{name}: {_short(files[name])}", soft_wrap=True)
    if why := unfinished(run.manifest):
        out.print(why, soft_wrap=True, markup=False)


def _short(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _two_phases(plan: Plan) -> str:
    """What grading in two phases would save; nothing where rubrics are short."""
    s = plan.two_phase
    if s is None or s.calls > s.official / 3:
        return ""
    return (
        f"\nGraded all at once, and {s.share:.1%} of the criteria one by one (grade --sample "
        f"{s.share:g}), an answer takes {s.calls:.1f} calls and not {s.official:.1f}; intervals "
        f"are about {s.width:.1f} times as wide for scores and {s.width_difference:.1f} for "
        "differences, if both ways agree on 92 % of the criteria."
    )


def show_plan(plan: Plan, detects: str) -> None:
    """Calls by role and model, dollars as a range, and what the design can see."""
    out = console()
    for part in plan_parts(plan, detects):
        out.print(part, highlight=False, markup=False)


def plan_parts(plan: Plan, detects: str = "") -> list[Table | str]:
    """Tables and paragraphs that tell a plan; `detects` is what the design can see."""
    return [
        _by_role(plan),
        _per_trial(plan),
        f"{_counted(plan)}{_graded(plan)}{_two_phases(plan)}\n"
        f"About {plan.minutes:,.1f} minutes with the calls in flight that are allowed; "
        f"{_at_most(plan)} if every reply used all its tokens and "
        "judges and graders had to say everything again. "
        f"Lengths from: {_lengths(plan)}.",
        f"{detects}\nAssumed: {plan.assumptions}.".strip(),
        *(_size(size) for size in plan.equal_dollars),
        *([budget_sentences(asdict(plan.forecast))] if plan.forecast else []),
        *([_too_dear(plan)] if plan.too_dear else []),
    ]


def _too_dear(plan: Plan) -> str:
    return (
        f"The budget of {usd(plan.budget_usd or 0.0)} cannot suffice: even the low estimate is "
        "above it. Raise it, or give fewer tasks, recipes or repeats."
    )


def _by_role(plan: Plan) -> Table:
    table = Table(
        title=f"{plan.trials:,} trials: {plan.tasks} tasks × {plan.recipes} recipes × "
        f"{plan.repeats} repeats; nothing was called"
    )
    for name in ("role", "model"):
        table.add_column(name)
    for name in (
        "charged",
        "shared",
        "tokens in",
        "tokens out",
        "low $",
        "expected $",
        "high $",
        "at most $",
    ):
        table.add_column(name, justify="right")
    table.add_column("price from")
    for line in plan.lines:
        table.add_row(
            line.role, line.model, f"{line.charged:,}", f"{line.shared:,}",
            f"{line.tokens_in:,}", f"{line.tokens_out:,}",
            _dollars(line.low_usd), _dollars(line.expected_usd), _dollars(line.high_usd),
            _dollars(line.at_most_usd), line.price_source,
        )  # fmt: skip
    counts = [
        f"{plan.total(n) or 0:,.0f}" for n in ("charged", "shared", "tokens_in", "tokens_out")
    ]
    columns = ("low_usd", "expected_usd", "high_usd", "at_most_usd")
    dollars = [_dollars(plan.total(n)) for n in columns]
    table.add_row("all", "", *counts, *dollars, "", end_section=True)
    return table


def _size(size: Any) -> str:
    """`panel/best-of-n: n = 7 (plan), $0.0049 expected per answer; panel: $0.0051.`"""
    return (
        f"{size.recipe}: {size.parameter} = {size.value:,} ({size.source}), "
        f"${_dollars(size.expected_usd)} expected per answer; {size.of}: "
        f"${_dollars(size.target_usd)}."
    )


def _per_trial(plan: Plan) -> Table:
    """Calls and depth of each recipe; a range where replies decide what is asked next.

    Replies of judges that cannot be read are sent back once: that comes on top.
    """
    table = Table(title="one trial, without failures and grading")
    for name in ("recipe", "strategy"):
        table.add_column(name, overflow="fold")
    for name in ("calls", "one after another", "sent back, at most"):
        table.add_column(name, justify="right")
    for one in plan.per_trial:
        calls, depth = (one.calls_low, one.calls_high), (one.depth_low, one.depth_high)
        spans = (_span(*calls), _span(*depth), f"{one.again_high}")
        table.add_row(one.recipe, one.strategy, *spans)
    return table


def _span(low: int, high: int) -> str:
    return f"{low}" if low == high else f"{low} to {high}"


def _graded(plan: Plan) -> str:
    """What of it is grading."""
    grading = plan.grading
    if not grading.apart:
        return ""
    most = "" if grading.exact else "at most "
    return (
        f"\nOf these to graders {grading.expected:,}: {most}{grading.apart:,} where no two answers "
        f"coincide, at least {grading.low:,}; equal answers are graded once."
    )


def _counted(plan: Plan) -> str:
    """How many calls are made, and what would change that."""
    calls, known = plan.calls, int(plan.total("known") or 0)
    exactly = "Exactly" if calls.exact else "About"
    here = f" {known:,} of them are in the ledger already." if known else ""
    return (
        f"{exactly} {calls.expected:,} distinct calls without failures, {calls.low:,} to "
        f"{calls.high:,} with them.{here}"
    )


def _lengths(plan: Plan) -> str:
    models: dict[str, list[str]] = {}
    for line in plan.lines:
        models.setdefault(line.tokens_source, []).append(f"{line.model} ({line.role})")
    return "; ".join(f"{source}: {', '.join(names)}" for source, names in models.items())


def _at_most(plan: Plan) -> str:
    most = plan.total("at_most_usd")
    return "an unknown cost" if most is None else f"at most ${_dollars(most)}"


def _dollars(value: float | None) -> str:
    return "unknown" if value is None else f"{value:,.4f}"


def comparisons(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as JSON values; what is not a number is null."""
    rows: list[dict[str, Any]] = json.loads(frame.to_json(orient="records", double_precision=15))
    return rows


def show_comparisons(frame: pd.DataFrame, *, simulated: bool, no_color: bool = False) -> None:
    """Differences in points with simultaneous intervals, and every caveat below."""
    title = "SIMULATED · " if simulated else ""
    table = Table(title=f"{title}paired differences in points, simultaneous 95 % intervals")
    for name in ("a", "b"):
        table.add_column(name, overflow="fold")
    for name in ("a − b", "interval", "p adj.", "tasks"):
        table.add_column(name, justify="right")
    table.add_column("a is")
    for row in comparisons(frame):
        table.add_row(
            row["a"], row["b"], _difference(row["difference"]),
            f"{_difference(row['low'])} to {_difference(row['high'])}",
            p_value(row["p_adjusted"]),
            str(row["n"]), row["conclusion"],
        )  # fmt: skip
    out = console(no_color=no_color)
    out.print(table)
    for caveat in dict.fromkeys(row["caveat"] for row in comparisons(frame) if row["caveat"]):
        out.print(f"- {caveat}", markup=False)


def _difference(value: float | None) -> str:
    return "–" if value is None else points(value, signed=True)
