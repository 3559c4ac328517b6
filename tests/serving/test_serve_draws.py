"""A recipe through `serve`, with draws of its own, is worth what it is worth through `run`."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import httpx2
import pandas as pd
import pytest
from simulator_kit import rubric_task

import fusion_eval as fe
from fusion_eval.bench.configure import configure
from fusion_eval.loading.tasks import load_tasks
from fusion_eval.serving.app import build
from fusion_eval.serving.settings import Settings

FULL = bool(os.environ.get("FUSION_EVAL_SIMULATIONS"))
SEEDS, TASKS, LEAST = (20, 100, 18) if FULL else (2, 20, 1)
BENCH = """
endpoints: {{sim: {{simulator: default}}}}
models:
  heron:  {{endpoint: sim, id: wader/heron, temperature: 0.7, max_tokens: 4096}}
  condor: {{endpoint: sim, id: raptor/condor, temperature: 0.7, max_tokens: 4096}}
  owl:    {{endpoint: sim, id: strix/owl, temperature: 0.2, max_tokens: 1024}}
recipes:
  panel: {{strategy: panel, members: [heron, condor], synthesizer: heron}}
grader: {{model: owl, protocol: {{base: draco, criteria_per_call: all}}}}
seed: {seed}
"""


def _tasks(folder: Path) -> Path:
    rows = []
    for i in range(TASKS):
        task = rubric_task(i, positive=6, negative=2)
        criteria = [one.model_dump(exclude_none=True) for one in task.criteria]
        rows.append({"id": task.id, "prompt": task.question.prompt, "criteria": criteria})
    path = folder / "tasks.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def _answers(bench: Path, tasks: Path, first_draw: int) -> list[dict[str, Any]]:
    """The answers of a server, each of a draw that no run has asked for."""
    known = load_tasks(tasks)
    app = build(configure(bench, None, known), Settings(), known)

    async def work() -> list[dict[str, Any]]:
        client = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=app), base_url="http://localhost"
        )
        rows = []
        async with app.router.lifespan_context(app), client:
            for i, task in enumerate(known.tasks):
                body = {
                    "model": "panel",
                    "seed": first_draw + i,
                    "messages": [m.model_dump() for m in task.question.messages],
                }
                answer = (await client.post("/v1/chat/completions", json=body)).json()
                row = {"task": task.id, "recipe": "panel"}
                failure = answer["fusion"]["failure"]
                text = answer["choices"][0]["message"]["content"]
                rows.append({**row, **({"failure": failure} if failure else {"answer": text})})
        return rows

    return asyncio.run(work())


@pytest.mark.simulation
def test_the_paired_interval_of_served_and_run_answers_covers_zero(tmp_path):
    """What is served would be better or worse than what was measured, and nobody would know.

    Full size: 100 tasks in 20 seeds, of which at least 18 intervals of 95 % cover 0.
    """
    tasks, covered, seen = _tasks(tmp_path), 0, []
    for seed in range(SEEDS):
        bench = tmp_path / f"bench{seed}.yaml"
        bench.write_text(BENCH.format(seed=seed))
        run = fe.run(tasks, bench, output_dir=tmp_path / "results")
        answers = tmp_path / f"served{seed}.jsonl"
        rows = _answers(bench, tasks, first_draw=1_000 * (seed + 1))
        answers.write_text("".join(json.dumps(row) + "\n" for row in rows))
        graded = fe.grade(answers, bench=bench, tasks=tasks, output_dir=tmp_path / "results")
        both = pd.concat(
            [
                fe.trials(run).assign(recipe="run"),
                fe.trials(graded).assign(recipe="serve"),
            ]
        )
        row = fe.compare(both, reference="run").iloc[0]
        seen.append((float(row["low"]), float(row["high"])))
        covered += row["low"] <= 0 <= row["high"]
        assert row["n"] == TASKS
    print(f"{covered} of {SEEDS} intervals cover 0")  # shown by `pytest -s`
    assert covered >= LEAST, seen
    assert len({low for low, _ in seen}) == SEEDS  # the draws differ
