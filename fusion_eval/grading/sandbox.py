"""A place where a model's code may run: bubblewrap without network, files, other processes, name
spaces of its own or memory outside of its limit.

There is no way around it: where bubblewrap is missing or cannot start, code is not run.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from fusion_eval.errors import InputError
from fusion_eval.grading.syscalls import filtered

SECONDS = 10
BYTES_OF_MEMORY = 512 * 2**20
BYTES_OF_OUTPUT = 2**20
LONGEST_VALUE = 10_000
LIMITS = {
    "RLIMIT_AS": BYTES_OF_MEMORY,
    "RLIMIT_CPU": SECONDS,
    "RLIMIT_FSIZE": BYTES_OF_OUTPUT,
    "RLIMIT_NPROC": 0,
    "RLIMIT_NOFILE": 64,
    "RLIMIT_CORE": 0,
}
_NOBODY = 65534


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """The command that starts a Python where nothing can be reached."""

    command: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What came out: the lines that were JSON objects, or `stopped` with the reason."""

    lines: tuple[Mapping[str, Any], ...] = ()
    stopped: str = ""


@cache
def sandbox() -> Sandbox:
    """The sandbox of this machine. Raises InputError with the way out where there is none."""
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        raise InputError(
            "`check: code` runs a model's code, and only inside of bubblewrap, which is not here; "
            "install it (Debian: apt-get install bubblewrap), or leave these tasks out"
        )
    if filtered() is None:
        raise InputError(
            f"`check: code` has no sandbox for this kind of machine ({platform.machine()}); run on "
            "x86-64 or ARM64, or leave these tasks out"
        )
    said = ""
    for python in _pythons():
        candidate = Sandbox(command=(*_walls(bwrap, python), python, "-I", "-S", "-B", "-c"))
        ran = run(candidate, "answer = 42", ["answer"])
        if [line.get("value") for line in ran.lines] == ["42"]:
            return candidate
        said = said or ran.stopped
    raise InputError(
        "`check: code` runs a model's code, and only inside of bubblewrap, which cannot start here "
        f"({said or 'it says nothing'}); containers often forbid user namespaces: run outside of "
        "one, or leave these tasks out"
    )


def run(
    sandbox: Sandbox,
    code: str | Sequence[str],
    expressions: Sequence[str],
    seconds: float = SECONDS,
) -> Ran:
    """Run code (blocks, one after another) in the sandbox and evaluate expressions over it.

    Never raises for what the code does.
    """
    limits = {**LIMITS, "RLIMIT_CPU": max(1, round(seconds))}
    blocks = [code] if isinstance(code, str) else [*code]
    job = {
        "code": blocks,
        "expressions": [*expressions],
        "limits": limits,
        "longest": LONGEST_VALUE,
    }
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as error:
        try:
            stopped = _fed((*sandbox.command, _program()), json.dumps(job), out, error, seconds)
        except OSError as problem:
            stopped = f"could not be started: {problem.strerror}"
        return Ran(lines=_lines(out), stopped=_why(stopped, error))


def _fed(command: Sequence[str], job: str, out: Any, error: Any, seconds: float) -> str:
    """Start a command, give it its job, and wait; why it stopped, or nothing if it ended well."""
    rules, written = os.pipe()
    try:
        with os.fdopen(written, "wb") as file:
            file.write(filtered() or b"")
        bwrap, *rest = command
        process = subprocess.Popen(
            (bwrap, "--seccomp", str(rules), *rest), stdin=subprocess.PIPE, stdout=out,
            stderr=error, cwd="/", env={}, pass_fds=(rules,), **_demoted(),
        )  # fmt: skip
    finally:
        os.close(rules)
    try:
        process.communicate(job.encode(), timeout=seconds)
    except subprocess.TimeoutExpired:
        return f"ran longer than {seconds:g} s"
    finally:
        process.kill()
        process.wait()
    return "" if process.returncode == 0 else f"ended with {process.returncode}"


def _why(stopped: str, error: Any) -> str:
    error.seek(0)
    said = error.read(400).decode("utf-8", "replace").strip().splitlines()
    return f"{stopped}: {said[-1]}" if stopped and said else stopped


def _lines(out: Any) -> tuple[Mapping[str, Any], ...]:
    """The lines that are JSON objects; the code may have written anything between them."""
    out.seek(0)
    found = []
    for line in out.read(BYTES_OF_OUTPUT).splitlines():
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            found.append(value)
    return tuple(found)


def _walls(bwrap: str, python: str) -> tuple[str, ...]:
    """No network, no other processes, a read-only system, and nothing of the user's files."""
    walls = [bwrap, "--unshare-all", "--unshare-user", "--disable-userns"]
    walls += ["--die-with-parent", "--new-session", "--clearenv"]
    walls += ["--setenv", "PATH", "/usr/bin", "--setenv", "LANG", "C.UTF-8"]
    walls += ["--ro-bind", "/usr", "/usr"]
    for name in ("/lib", "/lib64", "/bin", "/sbin"):
        path = Path(name)
        if path.is_symlink():
            walls += ["--symlink", os.readlink(path), name]
        elif path.is_dir():
            walls += ["--ro-bind", name, name]
    walls += ["--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"]
    if not python.startswith("/usr/"):
        home = str(Path(python).parent.parent)
        walls += ["--ro-bind", home, home]
    walls += ["--proc", "/proc", "--dev", "/dev", "--chdir", "/"]
    return (*walls, "--remount-ro", "/dev", "--remount-ro", "/", "--")


def _pythons() -> list[str]:
    """Interpreters that may be there: the one that runs now, then those of the system."""
    ours = os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)
    system = [shutil.which("python3", path=folder) for folder in ("/usr/bin", "/usr/local/bin")]
    return list(dict.fromkeys([ours, *(os.path.realpath(p) for p in system if p)]))


def _demoted() -> dict[str, Any]:
    """As root, be nobody: the limit on processes does not hold for root."""
    if os.geteuid() != 0:
        return {}
    return {"user": _NOBODY, "group": _NOBODY, "extra_groups": []}


@cache
def _program() -> str:
    return (resources.files("fusion_eval.grading") / "inside.py").read_text("utf-8")
