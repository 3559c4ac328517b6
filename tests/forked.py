"""`fusion-eval` as a process of its own, forked from one that has imported the package.

A fresh interpreter takes seconds of processor time to import what a run needs, a fork takes none.
The process has its own signals, exit code and outputs. Where the interpreter, the encoding of its
outputs or a shell is the subject, a test starts a fresh one.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FORKING = multiprocessing.get_context("forkserver")
HERE = str(Path(__file__).parent)
PRELOADED = (
    "forked",
    "fusion_eval.cli",
    "fusion_eval.api",
    "fusion_eval.bench.doctor",
    "fusion_eval.terminal",
    "fusion_eval.viewing",
)


def _main(line: tuple[str, ...], cwd: str, env: Mapping[str, str], outputs: list[str]) -> None:
    from fusion_eval import cli

    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    for number, name in enumerate(outputs, 1):
        file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(file, number)
    sys.path.insert(0, HERE)
    sys.argv = ["fusion-eval", *line]
    cli.main()


class Forked:
    """A command that goes on; as `subprocess.Popen`, with its outputs in files."""

    def __init__(
        self, *line: object, cwd: str | Path | None = None, env: Mapping[str, str] | None = None
    ) -> None:
        FORKING.set_forkserver_preload(list(PRELOADED))
        self._folder = tempfile.TemporaryDirectory()
        self._outputs = [os.path.join(self._folder.name, name) for name in ("out", "err")]
        place, given = str(cwd or Path.cwd()), dict(os.environ if env is None else env)
        words = tuple(map(str, line))
        self._process = FORKING.Process(target=_main, args=(words, place, given, self._outputs))
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        """Its exit code, None while it works."""
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """Nothing where it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int | None:
        """Its exit code, when it has ended."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise TimeoutError(f"still working after {timeout} s")
        return self._process.exitcode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What it wrote to both outputs, when it has ended."""
        self.wait(timeout)
        out, err = map(_text, self._outputs)
        return out, err


def _text(name: str) -> str:
    path = Path(name)
    return path.read_text("utf-8", errors="replace") if path.exists() else ""


@dataclass(frozen=True)
class Ended:
    """As `subprocess.CompletedProcess`."""

    returncode: int | None
    stdout: str
    stderr: str


def run(
    *line: object, cwd: str | Path | None = None, env: Mapping[str, str] | None = None
) -> Ended:
    """The command, to its end."""
    process = Forked(*line, cwd=cwd, env=env)
    out, err = process.communicate(timeout=300)
    return Ended(process.returncode, out, err)
