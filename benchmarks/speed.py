"""Calls per second: our stack with its durable ledger against bare loops over the same client.

    python benchmarks/speed.py [--repeats 5] [--mock PATH_OF_MOCKSERVER]

All in one run and interleaved, because seconds differ from machine to machine and ratios less so.
The endpoint answers after 50 ms, so that the ideal is in_flight / 0.05 calls per second.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
CELLS = ((64, 2_000), (256, 6_000))
TARGETS = {64: (1.2, 0.75), 256: (2.2, 0.75)}
KINDS = ("default", "post", "plain", "ours")


@contextmanager
def endpoint(mock: Path | None) -> Iterator[str]:
    """A server in a process of its own: the mock server where it is given, else ours."""
    if mock is not None:
        command, url = [sys.executable, str(mock), "--port", "18801"], ""
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        url = "http://127.0.0.1:18801/l50/t300/v1"
        _until_it_answers("http://127.0.0.1:18801/healthz")
    else:
        process = subprocess.Popen(
            [sys.executable, str(HERE / "endpoint.py")], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        url = process.stdout.readline().strip()
    try:
        yield url
    finally:
        process.kill()
        process.wait()


def _until_it_answers(url: str) -> None:
    for _ in range(200):
        try:
            urllib.request.urlopen(url).close()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"nobody answers at {url}")


def measured(kind: str, url: str, calls: int, in_flight: int) -> dict[str, float]:
    """One measurement in a fresh process."""
    command = [sys.executable, str(HERE / "loops.py"), kind, url, str(calls), str(in_flight)]
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(done.stderr)
    result: dict[str, float] = json.loads(done.stdout)
    return result


def main() -> None:
    """Print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--mock", type=Path, help="mockserver.py of a collection of peers")
    parser.add_argument("--kinds", default=",".join(KINDS))
    given = parser.parse_args()
    kinds = given.kinds.split(",")
    with endpoint(given.mock) as url:
        for in_flight, calls in CELLS:
            found: dict[str, list[dict[str, float]]] = {kind: [] for kind in kinds}
            for _ in range(given.repeats):
                for kind in kinds:
                    found[kind].append(measured(kind, url, calls, in_flight))
            _show(in_flight, found)


def _show(in_flight: int, found: dict[str, list[dict[str, float]]]) -> None:
    rate = {k: statistics.median(m["calls_per_s"] for m in v) for k, v in found.items()}
    cpu = {k: statistics.median(m["cpu_ms"] for m in v) for k, v in found.items()}
    lag = {k: statistics.median(m["lag_ms"] for m in v) for k, v in found.items()}
    print(f"\n{in_flight} in flight, 50 ms; ideal {in_flight / 0.05:,.0f} calls/s")
    for kind in found:
        print(
            f"  {kind:8} {rate[kind]:8,.0f} calls/s  {cpu[kind]:6.2f} ms CPU per call  "
            f"{lag[kind]:5.0f} ms scheduling lag (p99)"
        )
    if {"ours", "post"} <= found.keys():
        print(f"  ours / post, CPU per call: {cpu['ours'] / cpu['post']:.2f} (wanted: 0.40)")
    for other, least in zip(("default", "post"), TARGETS[in_flight], strict=True):
        if "ours" in rate and other in rate:
            print(f"  ours / {other}: {rate['ours'] / rate[other]:.2f} (wanted: {least})")


if __name__ == "__main__":
    main()
