"""Measure every default's coverage, error rates and power, and write docs/coverage.*.

    python tests/write_coverage.py [--repetitions 2000] [--tasks 2000] [--only TEXT] [--missing]
                                   [--minutes M]

With `--only`, cells whose name holds TEXT are measured again and the others are taken from
docs/coverage.csv; with `--missing`, those are measured that are not in it, or with fewer
experiments. Each rate is written when it is there, so a stop loses nothing, and with `--minutes`
it stops by itself: the same command with `--missing` goes on. A cell is added in
`cover_cells.CELLS`, or in a list of its own that EVERY names.
"""

from __future__ import annotations

import argparse
import math
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # many small products: threads only wait

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import pandas as pd
from cover_cells import CELLS, SIZES, Cell, Kind, Measured, experiments, measure
from cover_dollars import DOLLARS
from cover_tables import TABLES
from matplotlib.axes import Axes

DOCS = Path(__file__).parents[1] / "docs"
EVERY: tuple[tuple[Cell, ...], ...] = (CELLS, DOLLARS, TABLES)
"""The lists of cells that the report holds; a new family of statistics adds its own."""
SHORT = 0.935
"""Below it, by more than a standard error, an interval that says 95 % is called short."""
SLACK = 0.015
KEY = ["name", "world", "n", "repeats", "clusters"]
TITLES: dict[Kind, str] = {
    "coverage": "Coverage of 95 % intervals",
    "false alarms": "False alarms of tests at 5 %",
    "power": "Power",
    "control": "Negative controls, which ought to look bad",
}


def main() -> None:
    """Measure, write, and say where."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=2000)
    parser.add_argument("--tasks", type=int, default=2000, help="size of the populations")
    parser.add_argument("--only", default="")
    parser.add_argument("--missing", action="store_true")
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop after so many")
    chosen = parser.parse_args()
    cells = [cell for group in EVERY for cell in group]
    known = _known(cells) if chosen.only or chosen.missing else {}
    again = due(cells, known, chosen.only, chosen.repetitions if chosen.missing else 0)
    start = time.monotonic()
    for done, cell in enumerate(again, 1):
        if time.monotonic() - start > 60 * chosen.minutes:
            print(f"stopped; {len(again) - done + 1} cells are left for --missing")
            break
        one = known[key(cell)] = measure(cell, chosen.repetitions, chosen.tasks)
        what = f"{cell.name}, {cell.world}, n = {cell.n}, k = {cell.repeats}"
        print(f"{done} of {len(again)}: {what}: {one.rate:.3f}", flush=True)
        rows([known[key(c)] for c in cells if key(c) in known], DOCS)
    write([known[key(c)] for c in cells if key(c) in known], DOCS, chosen.tasks)
    print(f"wrote {DOCS / 'coverage.md'}, coverage.csv and coverage.png")


def due(
    cells: Sequence[Cell], known: Mapping[tuple[object, ...], Measured], only: str, repetitions: int
) -> list[Cell]:
    """Cells to measure: unknown, named by `only`, or known from fewer than `repetitions`."""
    return [
        cell for cell in cells
        if key(cell) not in known or (only and only in cell.name)
        or known[key(cell)].repetitions < experiments(cell, repetitions)
    ]  # fmt: skip


def key(cell: Cell) -> tuple[object, ...]:
    """What tells a cell from the others."""
    return tuple(getattr(cell, name) for name in KEY)


def _known(cells: Iterable[Cell]) -> dict[tuple[object, ...], Measured]:
    """What was measured before, by cell."""
    path = DOCS / "coverage.csv"
    before = pd.read_csv(path).to_dict("records") if path.exists() else []
    rates = {tuple(row[name] for name in KEY): row for row in before}
    return {
        key(cell): Measured(
            cell=cell, rate=rates[key(cell)]["rate"], repetitions=rates[key(cell)]["repetitions"]
        )
        for cell in cells
        if key(cell) in rates
    }


def write(found: Sequence[Measured], folder: Path, tasks: int = 2000) -> None:
    """coverage.csv, coverage.md and coverage.png."""
    rows(found, folder)
    (folder / "coverage.md").write_text(page(found, tasks), encoding="utf-8")
    figure(found, folder / "coverage.png")


def rows(found: Sequence[Measured], folder: Path) -> None:
    """coverage.csv, with rates to three digits."""
    table = [
        {name: getattr(one.cell, name) for name in (*KEY, "kind", "nominal", "found")}
        | {"rate": round(one.rate, 3), "repetitions": one.repetitions}
        for one in found
    ]
    pd.DataFrame(table).to_csv(folder / "coverage.csv", index=False)


def page(found: Sequence[Measured], tasks: int = 2000) -> str:
    """The report as Markdown."""
    usual = int(median(one.repetitions for one in found))
    parts = [
        "# Do the statistics hold what they promise?",
        "SIMULATED, and generated by `make coverage`; do not edit. Every default is called, by the "
        "functions that users call, in worlds whose truth is known: populations of "
        f"{tasks:,} tasks with rubrics as DRACO's, drawn by the simulator's direct sampler, from "
        f"which an experiment draws n tasks and runs of each. {usual:,} experiments a cell, so a "
        f"rate near .95 has a standard error of {math.sqrt(0.0475 / usual):.3f}; read nothing into "
        "differences of .01. In brackets: what independent reference simulations, in worlds of "
        "their own, found for such a cell. k: repeats of each task, averaged before anything else.",
        _fewer(found, usual),
        _short(found),
        _below(found),
        "![Rates by statistic, world and number of tasks](coverage.png)",
    ]
    for kind, title in TITLES.items():
        some = [one for one in found if one.cell.kind == kind]
        if some:
            parts += [f"## {title}", _table(some)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _fewer(found: Sequence[Measured], usual: int) -> str:
    """Which statistics were measured with fewer experiments."""
    some = {one.cell.name: one.repetitions for one in found if one.repetitions < usual}
    each = "; ".join(f"{name} ({count:,})" for name, count in some.items())
    return f"Measured with fewer experiments, because they take long: {each}." if each else ""


def _short(found: Sequence[Measured]) -> str:
    """Where nothing reaches 95 %, in words."""
    some = [one for one in found if one.cell.kind == "coverage" and one.rate + one.se < SHORT]
    if not some:
        return "No default falls short of its 95 % by more than 1.5 %."
    each = [
        f"- {one.cell.name}; {one.cell.world}, n = {one.cell.n}, k = {one.cell.repeats}: "
        f"{one.rate:.3f}" for one in some
    ]  # fmt: skip
    return (
        "**Where 95 % is not reached.** No method we know reaches it there with the same data: few "
        "tasks seldom hold the rare ones on which everything hangs, so their spread is not seen. "
        "Look at failure counts, and take more tasks.\n\n" + "\n".join(each)
    )


def _below(found: Sequence[Measured]) -> str:
    """Which cells are worse than the reference by more than 1.5 %."""
    some = [one for one in found if worse(one)]
    judged = [one for one in found if one.cell.kind != "power" and _referenced(one.cell)]
    if not some:
        near = [
            f"{one.cell.name}, {one.cell.world}, n = {one.cell.n} ({one.rate:.3f} against "
            f"{one.cell.found:.3f})" for one in found if lack(one) > SLACK
        ]  # fmt: skip
        beyond = f" Beyond 1.5 %, but within that: {'; '.join(near)}." if near else ""
        return (
            f"All {len(judged)} cells with a reference are within 1.5 % of it, or better "
            f"(two standard errors of ours allowed for).{beyond}"
        )
    each = [
        f"- {one.cell.name}; {one.cell.world}, n = {one.cell.n}: {one.rate:.3f} against "
        f"{one.cell.found:.3f}" for one in some
    ]  # fmt: skip
    return "**Worse than the reference by more than 1.5 %:**\n\n" + "\n".join(each)


def _referenced(cell: Cell) -> bool:
    return cell.found is not None and not math.isnan(cell.found)


def worse(one: Measured) -> bool:
    """Whether a rate is worse than its reference by more than 1.5 % and two standard errors."""
    return lack(one) > SLACK + 2 * one.se


def lack(one: Measured) -> float:
    """By how much a rate is worse than its reference; 0 without one, below 0 where it is better."""
    if one.cell.kind not in {"coverage", "false alarms"} or not _referenced(one.cell):
        return 0.0
    assert one.cell.found is not None
    return one.cell.found - one.rate if one.cell.kind == "coverage" else one.rate - one.cell.found


def _table(found: Sequence[Measured]) -> str:
    """One line per statistic, world and number of repeats; one column per number of tasks."""
    lines = ["| statistic | world | k | " + " | ".join(f"n = {n}" for n in SIZES) + " |"]
    lines.append("| --- | --- | ---: |" + " ---: |" * len(SIZES))
    by_line: dict[tuple[object, ...], dict[int, Measured]] = {}
    for one in found:
        line = key(replace(one.cell, n=0))
        by_line.setdefault(line, {})[one.cell.n] = one
    for line, sizes in by_line.items():
        cells = " | ".join(_number(sizes[n]) if n in sizes else "" for n in SIZES)
        if set(sizes) & set(SIZES):
            lines.append(f"| {line[0]} | {line[1]} | {line[3]} | {cells} |")
    other = [
        f"| {one.cell.name} | {one.cell.world} | {one.cell.n} | {_number(one)} |"
        for one in found if one.cell.n not in SIZES
    ]  # fmt: skip
    if other:
        lines += ["", "| statistic | world | tasks | rate |", "| --- | --- | ---: | ---: |", *other]
    return "\n".join(lines)


def _number(one: Measured) -> str:
    text = f"{one.rate:.3f}".lstrip("0") if one.rate < 1 else "1.0"
    if not _referenced(one.cell):
        return text
    return f"{text} ({one.cell.found:.3f})".replace("(0", "(")


_COLOURS = {10: "#c2703d", 30: "#5b7fa6", 100: "#2f3e46"}
_MARKS = ("o", "s", "^", "D", "v", "P", "X", "*")


def figure(found: Sequence[Measured], path: Path) -> None:
    """A panel per kind, a line per statistic, a mark per world, a colour per number of tasks."""
    kinds = [kind for kind in TITLES if any(one.cell.kind == kind for one in found)]
    names = {k: list(dict.fromkeys(o.cell.name for o in found if o.cell.kind == k)) for k in kinds}
    worlds = list(dict.fromkeys(one.cell.world for one in found))
    heights = [len(names[kind]) + 1 for kind in kinds]
    drawn, axes = plt.subplots(
        len(kinds), 1, figsize=(10, 0.42 * sum(heights) + 1.6), squeeze=False,
        gridspec_kw={"height_ratios": heights}, layout="constrained",
    )  # fmt: skip
    for ax, kind in zip(axes[:, 0], kinds, strict=True):
        _panel(ax, kind, names[kind], worlds, [one for one in found if one.cell.kind == kind])
    marks = [
        plt.Line2D([], [], marker=_MARKS[i % 8], ls="", color="#555555", label=world)
        for i, world in enumerate(worlds)
    ]
    colours = [
        plt.Line2D([], [], marker="o", ls="", color=c, label=f"n = {n}")
        for n, c in _COLOURS.items()
    ]
    drawn.legend(
        handles=[*colours, *marks], loc="outside lower center", ncols=5, frameon=False, fontsize=9
    )
    drawn.suptitle("SIMULATED · what the statistics promise, and what they hold", fontsize=11)
    drawn.savefig(path, dpi=130)
    plt.close(drawn)


def _panel(
    ax: Axes, kind: Kind, names: Sequence[str], worlds: Sequence[str], found: Sequence[Measured]
) -> None:
    for one in found:
        y = names.index(one.cell.name) + 0.10 * (worlds.index(one.cell.world) - len(worlds) / 2)
        ax.plot(
            one.rate, y + 0.03 * (one.cell.repeats > 1), _MARKS[worlds.index(one.cell.world) % 8],
            color=_COLOURS.get(one.cell.n, "#555555"), ms=4.5, alpha=0.85,
            fillstyle="full" if one.cell.repeats == 1 else "none",
        )  # fmt: skip
    nominal = {"coverage": 0.95, "false alarms": 0.05}.get(kind)
    if nominal is not None:
        ax.axvspan(nominal - 0.015, nominal + 0.015, color="#d9e2d0", zorder=0)
        ax.axvline(nominal, color="#7a8f69", lw=1, zorder=0)
    ax.set_yticks(range(len(names)), names, fontsize=8)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_title(TITLES[kind] + " (hollow: with repeats)", fontsize=9, loc="left")
    ax.grid(axis="y", color="#eeeeee", zorder=0)
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(labelsize=8)


if __name__ == "__main__":
    main()
