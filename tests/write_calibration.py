"""Writes the calibration of docs/simulator.md again: `python tests/write_calibration.py`."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from made_calibration import calibration, self_fusion, table

DOCS = Path(__file__).parents[1] / "docs"
START, END = "<!-- calibration: begin -->", "<!-- calibration: end -->"


def document() -> str:
    """docs/simulator.md with the table as it has to be."""
    text = (DOCS / "simulator.md").read_text(encoding="utf-8")
    before, rest = text.split(START)
    _, after = rest.split(END)
    return f"{before}{START}\n{table()}\n{END}{after}"


def draw(path: Path) -> None:
    """The two curves that a simulator of fusion must have, real and simulated."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    made = calibration()[:6]
    k = np.arange(6)
    real = [float(row.real) for row in made]
    left.fill_between(
        k, [r.low for r in made], [min(1.0, r.high) for r in made], color="0.9", label="band"
    )
    left.plot(k, real, "o-", color="0.25", label="public runs (n = 42 to 102 per point)")
    left.plot(k, [r.simulated for r in made], "s--", color="#c2571a", label="SIMULATED")
    left.set(
        xlabel="members of 5 that met a criterion",
        ylabel="share met in the fused answer",
        ylim=(0, 1.03),
        title="A lone right point survives half the time",
    )
    left.legend(loc="lower right", frameon=False)
    public, ours = self_fusion()
    n = np.arange(2, 11)
    right.plot(n, np.array(public) - public[0], "o-", color="0.25", label="public runs, one each")
    right.plot(n, np.array(ours) - ours[0], "s--", color="#c2571a", label="SIMULATED")
    right.axhline(0, color="0.8", lw=0.8, zorder=0)
    right.set(
        xlabel="runs fused",
        ylabel="points above self-fusion of 2 runs",
        title="More runs of one model bring 2 to 3 points",
    )
    right.legend(loc="lower right", frameon=False)
    figure.savefig(path, dpi=150, metadata={"Software": None})


if __name__ == "__main__":
    (DOCS / "simulator.md").write_text(document(), encoding="utf-8")
    draw(DOCS / "calibration.png")
