"""Writes the statistics and pages of public results with dollars again.

`python tests/write_openhands_public.py` writes the pages from the committed statistics.
`python tests/write_openhands_public.py DATA` computes them from the rows in DATA/openhands and
DATA/openrouter-fusion first; with `--check` it writes nothing and fails where a number differs.
"""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

import made_openhands as openhands
import made_openrouter_fusion as fusion
import pandas as pd
import write_draco_public as draco_page

import fusion_eval as fe

ROOT = Path(__file__).parents[1]
STATISTICS = ROOT / "results" / "openhands-public"
PAGES = {
    "openhands": (openhands.statistics, "openhands_in_public.md.jinja", "openhands-in-public.md"),
    "openrouter-fusion": (
        fusion.statistics, "openrouter_fusion_in_public.md.jinja", "openrouter-fusion-in-public.md",
    ),
}  # fmt: skip
PICTURE = draco_page.DOCS / "openhands-frontier.png"


def committed(name: str) -> dict[str, Any]:
    """The statistics of a page, as committed."""
    document: dict[str, Any] = json.loads((STATISTICS / f"{name}.json").read_text("utf-8"))
    return document


def document(name: str) -> str:
    """A page as it has to be: words from its template, numbers from its statistics."""
    statistics = committed(name)
    environment = draco_page.environment()
    environment.filters |= {"of": _of, "times": times}
    kept = frontier_table(committed("openhands"))
    template = environment.get_template(PAGES[name][1])
    return template.render(
        s=statistics, table=draco_page.table, drawn=len(kept), usd=usd,
        pts=partial(draco_page.points, digits=1), signed=partial(draco_page.signed, digits=1),
        times=times,
    )  # fmt: skip


def _of(row: dict[str, Any], name: str, written: Any) -> str:
    """`68.3 to 74.6`: the interval of a statistic."""
    return f"{written(row[f'{name}_low'])} to {written(row[f'{name}_high'])}"


def usd(value: float) -> str:
    """0.4561 as `0.456`."""
    return f"{value:.3f}"


def times(value: float) -> str:
    """3.81 as `3.8 ×`, 0.319 as `0.32 ×`."""
    return f"{value:.2f} ×" if value < 2 else f"{value:.1f} ×"


def frontier_table(statistics: dict[str, Any]) -> pd.DataFrame:
    """The placed systems, as `fe.plots.pareto` takes them."""
    rows = pd.DataFrame([r for r in statistics["systems"] if r["p_on_frontier"] is not None])
    table = rows.rename(columns={"model": "recipe", "cost": "cost_usd"}).assign(
        strategy="solo", caveat="", dominated_by="", cost_unknown=0, failed=rows["empty"]
    )
    table.attrs |= {"simulated": False, "level": openhands.LEVEL, "tasks": int(table["n"].max())}
    return table


def picture() -> None:
    """Score against dollars, from the committed statistics."""
    ax = fe.plots.pareto(frontier_table(committed("openhands")))
    count = len(frontier_table(committed("openhands")))
    ax.set_title(
        f"{count} models on 500 SWE-bench tasks, with 95% intervals", fontsize=11, loc="left"
    )
    ax.set_xlabel("US$ per task (log scale)")
    ax.set_ylabel("resolved tasks (%)")
    fe.plots.save(ax, PICTURE)


def main(arguments: list[str]) -> int:
    """Exit code 1 where `--check` finds a number that the rows do not give."""
    check = "--check" in arguments
    folders = [Path(a) for a in arguments if a != "--check"]
    differing = []
    for name, (compute, _, _) in PAGES.items() if folders else ():
        computed = compute(folders[0] / name)
        if check:
            pointers = openhands.differing(committed(name), computed)
            differing += [f"{name}.json{pointer}" for pointer in pointers]
        else:
            text = json.dumps(computed, indent=1, ensure_ascii=False) + "\n"
            (STATISTICS / f"{name}.json").write_text(text, encoding="utf-8")
    if check:
        print("\n".join(differing) or "every statistic comes out of the rows")
        return 1 if differing else 0
    for name, (_, _, page) in PAGES.items():
        (draco_page.DOCS / page).write_text(document(name), encoding="utf-8")
    picture()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
