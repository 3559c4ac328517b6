"""What an open page of `fusion-eval view` costs the run that it shows, in the run's own time.

    python benchmarks/viewing.py [PAIRS]

Pairs of runs of 2,000 calls on an endpoint in a process of its own, one with `/live/RUN` asked for
every two seconds, as the page does, and one without; which is first alternates. Processor time is
that of the run's process alone, from the operating system, without a report. Prints one JSON line.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

from faults import served

TASKS, PORT, EVERY_S = 200, 8799, 2.0


def inputs(folder: Path, url: str) -> tuple[Path, Path]:
    """200 tasks with a target, each answered ten times: 2,000 calls and as many trials."""
    tasks, bench = folder / "tasks.jsonl", folder / "bench.yaml"
    lines = [
        {"id": f"t{k}", "prompt": f"Question {k}?", "target": "42", "check": "numeric"}
        for k in range(TASKS)
    ]
    tasks.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    bench.write_text(
        f"endpoints: {{e: {{base_url: {url}}}}}\n"
        "models: {m: {endpoint: e, id: maker/m, temperature: 0.7, price: {input: 1, output: 2}}}\n"
        "recipes: {solo: {strategy: solo, member: m}}\n"
        "repeats: 10\n"
        "limits: {budget_usd: 100.0, max_in_flight: 32}\n",
        "utf-8",
    )
    return tasks, bench


def looked_at(stop: threading.Event) -> int:
    """Ask for the list and the live page of what runs, until stopped; how often."""
    times = 0
    base = f"http://127.0.0.1:{PORT}"
    while not stop.wait(EVERY_S):
        text = urllib.request.urlopen(f"{base}/").read().decode()
        run = text.partition('<a href="/live/')[2].partition('"')[0]
        if run:
            times += b"trials have ended" in urllib.request.urlopen(f"{base}/live/{run}").read()
    return times


def seconds(folder: Path, url: str, view: bool) -> tuple[float, int]:
    """(processor seconds of one run, how often it was seen going on)."""
    tasks, bench = inputs(folder, url)
    results = folder / "results"
    results.mkdir()
    python = [sys.executable, "-m", "fusion_eval"]
    viewer = None
    stop, seen = threading.Event(), list[int]()
    watcher = threading.Thread(target=lambda: seen.append(looked_at(stop)))
    if view:
        viewer = subprocess.Popen([*python, "view", str(results), "--port", str(PORT)])
        time.sleep(4)
        watcher.start()
    code = f"import fusion_eval; fusion_eval.run({str(tasks)!r}, bench={str(bench)!r}, "
    code += f"output_dir={str(results)!r})"
    run = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(run.pid, 0)
    run.returncode = os.waitstatus_to_exitcode(status)
    stop.set()
    if viewer is not None:
        watcher.join()
        viewer.kill()
        viewer.wait()
    if run.returncode != 0:
        raise SystemExit(f"the run ended with {run.returncode}")
    return used.ru_utime + used.ru_stime, sum(seen)


def main(pairs: int) -> None:
    """The median ratio over the pairs, and each of them."""
    ratios, looks = list[float](), 0
    with served(latency=0.2) as url:
        for k in range(pairs):
            took = dict[bool, float]()
            for view in (k % 2 == 0, k % 2 == 1):
                with tempfile.TemporaryDirectory() as folder:
                    took[view], times = seconds(Path(folder), url, view)
                    looks += times
            ratios.append(took[True] / took[False])
            print(f"pair {k + 1}: {took[True]:.2f} s seen, {took[False]:.2f} s alone", flush=True)
    median = statistics.median(ratios)
    print(json.dumps({"median": round(median, 3), "pairs": ratios, "times_seen": looks}))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
