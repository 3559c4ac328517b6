"""Memory of a whole run as its calls grow: `fusion-eval run`, then the same again as a replay.

    python benchmarks/memory.py [CALLS]

Ten calls a task over HTTP (vote of nine, and solo, which shares one), without grading. Memory is
the most that the process had (MB), tables written and all libraries loaded.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from faults import served

import fusion_eval as fe

PER_TASK = 9


def _inputs(folder: Path, url: str, calls: int) -> tuple[Path, Path]:
    members = ", ".join(["m"] * PER_TASK)
    bench = folder / "bench.yaml"
    bench.write_text(
        f"endpoints: {{there: {{base_url: '{url}'}}}}\n"
        "models: {m: {endpoint: there, id: maker/m}}\n"
        f"recipes: {{solo: {{strategy: solo, member: m}}, "
        f"vote: {{strategy: vote, members: [{members}]}}}}\n"
        "limits: {max_in_flight: 256}\n"
    )
    tasks = folder / "tasks.jsonl"
    line = {"target": "42", "check": "numeric"}
    with tasks.open("w") as file:
        for i in range(calls // PER_TASK):
            task = {"id": f"t{i}", "prompt": f"Task {i}: what is six times seven?"}
            file.write(json.dumps({**task, **line}) + "\n")
    return tasks, bench


def _one(folder: Path, replay: bool) -> None:
    started = time.perf_counter()
    run = fe.run(
        folder / "tasks.jsonl", folder / "bench.yaml", output_dir=folder / "results", replay=replay
    )
    took = time.perf_counter() - started
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    calls = run.manifest["calls"]
    print(json.dumps({"MB": memory, "calls_per_s": calls["distinct"] / took, **calls}))


def main() -> None:
    """Ten thousand calls and a hundred thousand, each run and each replay in its own process."""
    if len(sys.argv) == 3:
        return _one(Path(sys.argv[1]), sys.argv[2] == "replay")
    most = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    found: dict[str, list[float]] = {"run": [], "replay": []}
    for calls in (most // 10, most):
        with served(latency=0.02) as url, tempfile.TemporaryDirectory() as name:
            _inputs(Path(name), url, calls)
            for what, memory in found.items():
                done = subprocess.run(
                    [sys.executable, __file__, name, what], check=True, stdout=subprocess.PIPE
                )
                figures = json.loads(done.stdout.splitlines()[-1])
                memory.append(figures["MB"])
                print(f"{calls:,} calls, {what}: {figures}", flush=True)
    for what, (few, many) in found.items():
        print(f"{what}: {many / few:.2f} × the memory for ten times the calls (wanted: 1.5)")
    return None


if __name__ == "__main__":
    main()
