"""Run the bench on a real, very small language model on this machine: `make bench-real`.

    python benchmarks/real_model.py [--limit N] [OPTIONS OF fusion-eval run]

Starts the server of `real_server.py` in the environment `.venv-real`, runs `tasks/easy.yaml` with
`benchmarks/real-model.yaml` against it through the real wire, and stops it. Ends with the exit code
of the run. The port is fixed, since it is part of a call's identity: run again, and what was
answered is not asked again.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
PORT = 18434
SERVER = [
    str(ROOT / ".venv-real" / "bin" / "python"), str(ROOT / "benchmarks" / "real_server.py"),
    str(PORT),
]  # fmt: skip
LOG = ROOT / "results" / "real-model-server.log"


@contextmanager
def served() -> Iterator[None]:
    """The server while the block runs; SystemExit(2) with its last words if it does not start."""
    LOG.parent.mkdir(exist_ok=True)
    with (
        LOG.open("w") as log,
        subprocess.Popen(
            SERVER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        ) as server,
    ):
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            if not any(line.startswith("ready ") for line in server.stdout):
                last = LOG.read_text(errors="replace").strip().splitlines()[-1:]
                print(f"the model's server did not start: {' '.join(last)}", file=sys.stderr)
                print(f"is port {PORT} in use? its log: {LOG.relative_to(ROOT)}", file=sys.stderr)
                raise SystemExit(2)
            yield
        finally:
            server.stdin.close()
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()


def main(options: list[str]) -> int:
    """Exit code of the run."""
    command = [
        sys.executable, "-m", "fusion_eval", "run", "tasks/easy.yaml",
        "--bench", "benchmarks/real-model.yaml", *options,
    ]  # fmt: skip
    with served():
        return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
