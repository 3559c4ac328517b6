"""A data set for `datasets` and the Hugging Face hub: Parquet with a data card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from fusion_eval.exporting.content import LINES, TABLES, Content
from fusion_eval.files import replacing, write_text
from fusion_eval.store import FACTS, write_json, write_lines

_CARD = """---
configs:
{configs}
tags:
- evaluation
- fusion-eval{tag}
---

# {mark}Results of run {run_id}

{warning}Made by fusion-eval {version}. Scores run from 0 to 1; an answer that failed has no score
but a word in `failure`, and counts 0 where recipes are compared as deployed. Costs are US dollars
per answer; an empty one is unknown, not free. `fusion-eval import FOLDER` reads all of it back.

| table | rows |
| --- | ---: |
{rows}
"""


def write(content: Content, folder: Path) -> list[Path]:
    """Each table as Parquet with run id, version and simulated, texts as JSON lines, and a card."""
    files, counts = [], {}
    for name in TABLES:
        table = content.table(name)
        if table is None:
            continue
        for column, value in content.facts.items():
            table = table.append_column(column, pa.array([value] * table.num_rows, _type(value)))
        facts = {FACTS: json.dumps({k: content.facts[k] for k in ("run_id", "simulated")})}
        with replacing(folder / f"{name}.parquet") as beside, beside.open("wb") as file:
            pq.write_table(table.replace_schema_metadata(facts), file)
        files.append(folder / f"{name}.parquet")
        counts[name] = table.num_rows
    for name in LINES:
        if lines := content.lines(name):
            marked = ({**content.facts, **line} for line in lines)
            files.append(write_lines(folder / f"{name}.jsonl", marked))
    manifest = write_json(folder / "manifest.json", content.manifest)
    card = folder / "README.md"
    write_text(card, _card(content, counts))
    return [*files, manifest, card]


def _type(value: Any) -> pa.DataType:
    return pa.bool_() if isinstance(value, bool) else pa.string()


def _card(content: Content, counts: dict[str, int]) -> str:
    simulated = content.run.simulated
    warning = "**SIMULATED: these numbers say nothing about real models.** "
    return _CARD.format(
        configs="\n".join(f"- config_name: {n}\n  data_files: {n}.parquet" for n in counts),
        tag="\n- simulated" if simulated else "", mark="SIMULATED: " if simulated else "",
        warning=warning if simulated else "", run_id=content.run.id, version=content.version,
        rows="\n".join(f"| {name} | {count:,} |" for name, count in counts.items()),
    )  # fmt: skip
