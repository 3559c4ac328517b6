"""Writes docs/draco-in-public.md and its figures again: `python tests/write_draco_public.py`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import made_draco as draco
import matplotlib.pyplot as plt
import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from matplotlib.axes import Axes

import fusion_eval as fe

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "draco-in-public.md"
TEMPLATE = "draco_in_public.md.jinja"
DPI = 100


def document() -> str:
    """The page as it has to be: words from the template, numbers from the library."""
    template = environment().get_template(TEMPLATE)
    return template.render(fe=fe, draco=draco, table=table, ends=ends)


def environment() -> Environment:
    """Templates of the pages of evidence, with the ways in which they write numbers."""
    here = FileSystemLoader(Path(__file__).parent)
    made = Environment(
        loader=here, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True, autoescape=False,
    )  # fmt: skip
    made.filters |= {"pts": points, "signed": signed, "ends": ends, "share": share}
    return made


def points(value: float, digits: int = 2) -> str:
    """0.71567 as `71.57`."""
    return f"{100 * value:.{digits}f}"


def signed(value: float, digits: int = 2) -> str:
    """0.0092 as `+0.92`."""
    return f"{100 * value:+.{digits}f}".replace("-", "−")


def ends(row: pd.Series, digits: int = 2, low: str = "low", high: str = "high") -> str:
    """`68.29 to 74.64`, with signs where one end is below 0."""
    written = signed if row[low] < 0 else points
    return f"{written(row[low], digits)} to {written(row[high], digits)}"


def share(value: float) -> str:
    """0.42 as `42 %`."""
    return f"{100 * value:.0f} %"


def table(head: str, rows: list[list[object]]) -> str:
    """A Markdown table; names to the left, numbers to the right as the head's `:` says."""
    names = [name.strip() for name in head.split("|")]
    line = "| " + " | ".join(name.rstrip(":") for name in names) + " |"
    rule = "| " + " | ".join("---:" if name.endswith(":") else "---" for name in names) + " |"
    body = ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join([line, rule, *body])


def picture(path: Path) -> None:
    """Means on the left, and on the right what they leave open of a ranking."""
    figure = plt.figure(figsize=(9, 5.5), dpi=DPI)
    left, right = (
        figure.add_axes((x, 0.165, wide, 0.745)) for x, wide in ((0.165, 0.425), (0.625, 0.36))
    )
    fe.plots.scores(fe.pareto(draco.ranked(), resamples=100), ax=left)
    fe.plots.ranks(fe.ranks(draco.ranked()), ax=right)
    right.set_yticklabels([])
    right.set_ylim(left.get_ylim())  # a rank is read beside its mean
    left.set_title("Mean score of 18 systems, with 95% intervals", fontsize=11, loc="left")
    right.set_title(right.get_title(loc="left"), fontsize=11, loc="left")
    right.set_xlabel("rank, 1 is best (95%, all at once;\nfilled: may be first)")
    for ax, x, wide in ((left, 0.165, 0.425), (right, 0.625, 0.36)):
        ax.set_position((x, 0.165, wide, 0.76))
        ax.tick_params(labelsize=9)
        ax.xaxis.label.set_fontsize(9)
    key = left.get_legend()
    key.set_bbox_to_anchor((-0.05, -0.12), transform=left.transAxes)
    plt.setp(key.get_texts(), fontsize=8.5)
    fe.plots.save(left, path)
    plt.close(figure)


FIGURES: dict[str, Callable[[], Axes]] = {
    "cut": lambda: fe.plots.readings(fe.failures(draco.trials(*draco.WRITERS))),
    "runs": lambda: fe.plots.scaling(draco.scaled()),
    "criteria": lambda: fe.plots.items(draco.criteria()),
}


if __name__ == "__main__":
    PAGE.write_text(document(), encoding="utf-8")
    picture(DOCS / "draco-ranks.png")
    for name, drawing in FIGURES.items():
        ax = drawing()
        fe.plots.save(ax, DOCS / f"draco-{name}.png")
        plt.close(ax.figure)
