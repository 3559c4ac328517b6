"""The whole program against Inspect and lm-evaluation-harness: CPU per call, and calls per second.

    python benchmarks/peers.py --peerbench FOLDER --inspect PYTHON --lmeval PYTHON

FOLDER holds `mockserver.py`, `runpeer.py` and `peers/`. Each peer is optional and lives in an
environment of its own, because their pins conflict:

    python -m venv inspect && inspect/bin/pip install inspect-ai 'openai[aiohttp]' psutil
    python -m venv lmeval && lmeval/bin/pip install 'lm-eval[api]' psutil

Same mock, 64 in flight, 50 ms, one run, interleaved. CPU per call is that of a call more: between
a short and a long run, so that imports do not count. Calls per second are those between the first
request and the last reply, and those of the whole process, as somebody who waits for it counts.
Ours is `fusion-eval run` with its ledger.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path

PORT, IN_FLIGHT, LATENCY_MS = 18_803, 64, 50
CALLS = {"inspect": (100, 400), "lmeval": (400, 2_000), "ours": (400, 2_000)}


def run_ours(url: str, calls: int, in_flight: int) -> None:
    """One run of `calls` tasks with one call each."""
    import fusion_eval as fe

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bench, tasks = folder / "bench.yaml", folder / "tasks.jsonl"
        bench.write_text(
            f"endpoints: {{there: {{base_url: '{url}/v1'}}}}\n"
            "models: {m: {endpoint: there, id: mock-model, temperature: 0, max_tokens: 512}}\n"
            "recipes: {solo: {strategy: solo, member: m}}\n"
            f"limits: {{max_in_flight: {in_flight}}}\n"
        )
        prompt = "Task {}: explain in two sentences why a panel can beat its best member."
        rows = (
            {"id": f"t{i}", "prompt": prompt.format(i), "target": "panel"} for i in range(calls)
        )
        tasks.write_text("".join(json.dumps(row) + "\n" for row in rows))
        run = fe.run(tasks, bench, output_dir=folder / "results")
        print(json.dumps({"status": run.manifest["status"]}))


def measured(python: str, folder: Path, name: str, calls: int) -> dict[str, float]:
    """One process, seen from outside by `runpeer.py`."""
    peer = [
        str(folder / "peers" / f"{name}_peer.py"),
        "--base-url",
        "{url}",
        "-n",
        "{n}",
        "-c",
        "{c}",
    ]
    own = [__file__, "--ours", "{url}", "{n}", "{c}"]
    command = [sys.executable, *own] if name == "ours" else [python, *peer]
    watch = [python, str(folder / "runpeer.py"), "--name", name]
    size = ["--n", str(calls), "--c", str(IN_FLIGHT), "--lat", str(LATENCY_MS)]
    root = ["--root", f"http://127.0.0.1:{PORT}"]
    done = subprocess.run([*watch, *root, *size, "--", *command], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    if result["rc"]:
        raise SystemExit(f"{name}: {result}")
    return result


def main() -> None:
    """Print medians, and what ours is to each."""
    if "--ours" in sys.argv:
        _, _, url, calls, in_flight = sys.argv
        return run_ours(url, int(calls), int(in_flight))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peerbench", type=Path, required=True)
    parser.add_argument("--inspect", help="python with inspect-ai")
    parser.add_argument("--lmeval", help="python with lm-eval")
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    pythons = {"inspect": given.inspect, "lmeval": given.lmeval}
    pythons = {name: python for name, python in pythons.items() if python}
    if not pythons:
        parser.error("give --inspect, --lmeval, or both; see above how to install them")
    pythons["ours"] = next(iter(pythons.values()))
    mock = [sys.executable, str(given.peerbench / "mockserver.py"), "--port", str(PORT)]
    server = subprocess.Popen(mock, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _until_it_answers()
        found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in pythons}
        for _ in range(given.repeats):
            for name, python in pythons.items():
                few, many = (measured(python, given.peerbench, name, n) for n in CALLS[name])
                more = many["calls"] - few["calls"]
                cpu = 1e3 * (many["cpu_s"] - few["cpu_s"]) / more
                found[name].append((cpu, many["cps_window"], many["cps_wall"]))
                print(f"  {_row(name, found[name][-1])}", flush=True)
    finally:
        server.kill()
        server.wait()
    middle = {n: [statistics.median(v) for v in zip(*e, strict=True)] for n, e in found.items()}
    for name, numbers in middle.items():
        print(_row(name, numbers))
    cpu, rate, whole = ({name: m[i] for name, m in middle.items()} for i in range(3))
    if "inspect" in cpu:
        print(f"CPU of Inspect / ours: {cpu['inspect'] / cpu['ours']:.1f} (wanted: 10)")
    if "lmeval" in rate:
        print(f"calls/s of ours / lm-eval: {rate['ours'] / rate['lmeval']:.2f} (wanted: 0.9)")
        print(f"the same, whole processes: {whole['ours'] / whole['lmeval']:.2f}")
    return None


def _row(name: str, numbers: Sequence[float]) -> str:
    cpu, rate, whole = numbers
    return f"{name:8} {cpu:5.2f} ms CPU a call  {rate:6.0f} calls/s  {whole:6.0f} whole process"


def _until_it_answers() -> None:
    for _ in range(200):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{PORT}/healthz").close()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit("the mock server does not answer")


if __name__ == "__main__":
    main()
