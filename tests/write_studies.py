"""Writes the table of nulls in docs/studies.md: `python tests/write_studies.py [--count 400]`."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # many small products: threads only wait

import pandas as pd
from made_nulls import OF_ONE_MODEL, nulls
from made_studies import STUDIES

DOC = Path(__file__).parents[1] / "docs" / "studies.md"
BEGIN, END = "<!-- nulls: by tests/write_studies.py -->", "<!-- end of nulls -->"
RUNS = (*((name, "research", 30) for name in STUDIES), ("studies/where-it-pays", "reasoning", 16))
"""(study, task file, tasks of each shape to draw from). On checked tasks the other nulls are not
true: equal models gain from a vote."""


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--seed", type=int, default=31)
    chosen = parser.parse_args()
    rows = pd.concat([nulls(*run[:2], chosen.count, run[2], chosen.seed) for run in RUNS])
    write(rows)


def write(rows: pd.DataFrame) -> None:
    """Put the table in its place."""
    before, _, rest = DOC.read_text("utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    DOC.write_text(f"{before}{BEGIN}\n\n{table(rows)}\n\n{END}{after}", encoding="utf-8")


def table(rows: pd.DataFrame) -> str:
    """One line per study and file."""
    lines = ["| study | tasks | contrasts with limits, of all | runs | wrong | share |",
             "| --- | --- | ---: | ---: | ---: | ---: |"]  # fmt: skip
    total = [0, 0]
    for (study, file), some in rows.groupby(["study", "file"], sort=False):
        wrong, count = int((some["wrong"].str.len() > 0).sum()), len(some)
        total = [total[0] + wrong, total[1] + count]
        model = ", one model" if study in OF_ONE_MODEL else ""
        lines.append(
            f"| `{study.split('/')[1]}` | {file}.yaml{model} | {some['tested'].max()} of "
            f"{some['contrasts'].iloc[0]} | {count} | {wrong} | {wrong / count:.3f} |"
        )
    share = total[0] / total[1]
    return "\n".join([*lines, f"| together | | | {total[1]:,} | {total[0]} | {share:.3f} |"])


if __name__ == "__main__":
    main()
