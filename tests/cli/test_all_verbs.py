"""Every verb under streams, locales, folders and disks that are not as they should be.

Exit code and message are as documented (docs/failures.md). In CI one or two verbs of each kind; the
whole table is `make verbs`: closed and ASCII output, a path that is not UTF-8, a folder that cannot
be written, and full disks of five sizes.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import fusion_eval as fe
from fusion_eval.gate import freeze

RESEARCH = Path(__file__).parents[2] / "tasks" / "research.yaml"
ALL = bool(os.environ.get("FUSION_EVAL_VERBS"))
BWRAP = shutil.which("bwrap")
READS = {
    "validate": "validate tasks.yaml bench.yaml",
    "plan": "plan tasks.yaml --bench bench.yaml",
    "compare": "compare results/latest",
    "power": "power results/latest",
    "gate": "gate results/latest --baseline frozen --json",
    "explain": "explain results/latest {trial}",
    "grader-report": "grader-report results/latest",
    "ls": "ls",
    "doctor": "doctor --bench bench.yaml",
    "ledger ls": "ledger ls",
    "ledger stats": "ledger stats",
    "ledger show": "ledger show {key}",
    "ledger verify": "ledger verify",
    "ledger reread": "ledger reread",
}
WRITES = {
    "init": "init new",
    "run": "run tasks.yaml --bench bench.yaml --repeats 2 --recipes solo",
    "grade": "grade results/latest --protocol one-shot",
    "report": "report results/latest",
    "import": "import scores.csv -o imported",
    "export": "export results/latest --to csv --out out",
    "label": "label results/latest",
    "baseline": "baseline results/latest --to base --allow filtered",
    "rule": "rule results/latest --point 0.01",
    "ledger export": "ledger export replies.jsonl",
    "ledger import": "ledger import kept.jsonl",
    "ledger forget": "ledger forget {key}",
    "ledger prune": "ledger prune --older-than 0",
}
SERVES = {
    "simulate": "simulate --tasks tasks.yaml --port {port}",
    "serve": "serve --bench bench.yaml --port {port}",
    "view": "view results --port {port}",
    "tap": "tap --upstream http://127.0.0.1:9/v1 --port {port}",
}
LINES = READS | WRITES | SERVES
CODES = {"gate": 3}
BENCH = """\
endpoints: {sim: {simulator: default}}
models:
  small: {endpoint: sim, id: aviary/sparrow, max_tokens: 500}
  owl: {endpoint: sim, id: strix/owl, max_tokens: 500}
recipes:
  solo: {strategy: solo, member: small}
  panel: {strategy: panel, members: [small, owl], synthesizer: small}
grader: {model: owl, protocol: one-shot}
"""
NARROW = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
ODD_NAME = os.fsdecode(b"w\xff\xe9")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with files, a run, its baseline and its ledger, for every verb to work on."""
    folder = tmp_path_factory.mktemp("kept")
    tasks = yaml.safe_load(RESEARCH.read_text())
    (folder / "tasks.yaml").write_text(yaml.safe_dump({**tasks, "tasks": tasks["tasks"][:8]}))
    (folder / "bench.yaml").write_text(BENCH)
    rows = (f"{r},t{i},0.{i % 10}" for r in ("a", "b") for i in range(20))
    (folder / "scores.csv").write_text("\n".join(["recipe,task,score", *rows]))
    run = fe.run(folder / "tasks.yaml", folder / "bench.yaml", output_dir=folder / "results")
    freeze(run, folder / "frozen")
    ledger = ["ledger", "export", str(folder / "kept.jsonl"), "-o", str(folder / "results")]
    subprocess.run([sys.executable, "-m", "fusion_eval", *ledger], check=True, capture_output=True)
    return folder


def line_of(folder: Path, verb: str) -> list[str]:
    """The words of a command, with what it names in this folder."""
    row = fe.trials(folder / "results" / "latest").iloc[0]
    key = str(fe.calls(folder / "results" / "latest")["key"].iloc[0])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = LINES[verb].format(trial=f"{row['task']}/{row['recipe']}", key=key, port=port)
    return [sys.executable, "-m", "fusion_eval", *shlex.split(words)]


def ended(line: list[str], cwd: Path, *, closed: bool = False, **env: str) -> tuple[int, bytes]:
    """Exit code and all that was said; a server is stopped as soon as it says that it is there."""
    shell = ["sh", "-c", f'exec "$@" {"1>&-" if closed else ""}', "sh", *line]
    process = subprocess.Popen(
        shell, cwd=cwd, stdout=None if closed else subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, **env}, start_new_session=True,
    )  # fmt: skip
    if "--port" in line:
        listening(process, int(line[line.index("--port") + 1]))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=120)
    return process.returncode, (out or b"") + (err or b"")


def listening(process: subprocess.Popen[bytes], port: int) -> None:
    """Return when somebody listens, or the process has ended."""
    while process.poll() is None:
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.05)


def chosen(*few: str) -> list[str]:
    """All verbs, or a few of them in CI."""
    return list(LINES) if ALL else list(few)


def quiet(said: bytes) -> None:
    """No traceback, and no bug."""
    assert b"Traceback" not in said, said.decode(errors="replace")
    assert b"please report" not in said, said.decode(errors="replace")


@pytest.mark.parametrize("verb", chosen("ledger ls"))
def test_a_verb_whose_output_nobody_reads_ends_as_it_would(kept: Path, tmp_path: Path, verb: str):
    """A job of a scheduler has no terminal."""
    folder = shutil.copytree(kept, tmp_path / "w", symlinks=True)
    code, said = ended(line_of(folder, verb), folder, closed=True)
    quiet(said)
    assert code == CODES.get(verb, 0), said


@pytest.mark.parametrize("verb", chosen("ls"))
def test_a_verb_in_a_narrow_locale_ends_as_it_would(kept: Path, tmp_path: Path, verb: str):
    """Containers have no locale, and a sign that cannot be printed is no reason to lose a run."""
    folder = shutil.copytree(kept, tmp_path / "w", symlinks=True)
    code, said = ended(line_of(folder, verb), folder, **NARROW)
    quiet(said)
    assert code == CODES.get(verb, 0), said
    said.decode("ascii")


@pytest.mark.parametrize("verb", chosen("export"))
def test_a_verb_works_in_a_folder_whose_name_is_not_utf_8(kept: Path, tmp_path: Path, verb: str):
    """Archives from other systems hold such names."""
    folder = shutil.copytree(kept, tmp_path / ODD_NAME, symlinks=True)
    line = [word if word.startswith("-") or not (folder / word).exists() else str(folder / word)
            for word in line_of(folder, verb)]  # fmt: skip
    code, said = ended(line, folder)
    quiet(said)
    assert code == CODES.get(verb, 0), said


@pytest.mark.skipif(not BWRAP, reason="no bubblewrap, and root may write everywhere")
@pytest.mark.parametrize("verb", chosen("baseline"))
def test_a_verb_that_cannot_write_says_where_and_the_others_do_not_mind(
    kept: Path, tmp_path: Path, verb: str
):
    """Results are mounted for reading where several people look at them."""
    folder = shutil.copytree(kept, tmp_path / "w", symlinks=True)
    before = contents(folder)
    line = [str(BWRAP), "--dev-bind", "/", "/", "--ro-bind", str(folder), str(folder),
            "--chdir", str(folder), *line_of(folder, verb)]  # fmt: skip
    code, said = ended(line, folder)
    quiet(said)
    if verb in WRITES or verb == "tap":
        assert code == 2, said
        assert re.search(rb"\S+: .*([Rr]ead-?only)", said), said
    else:
        stopped = -signal.SIGINT if verb in SERVES else 0  # of bubblewrap itself
        assert code in (CODES.get(verb, 0), stopped), said
    assert contents(folder) == before


def contents(folder: Path) -> dict[str, str]:
    """What stands in each file, but in files beside others."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


FREE = (0, 4_096, 65_536, 524_288, 2_097_152)
MADE = re.compile(r"results/(latest|ledger|[^/]+/(report|summary|items|[a-z-]+\.(png|svg)))")


@contextlib.contextmanager
def full(folder: Path, kept: Path, free: int) -> Iterator[Path]:
    """A disk of its own with a copy of a folder, and so many bytes left."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "none", folder], check=True)
    try:
        work = shutil.copytree(kept, folder / "w", symlinks=True)
        stat = os.statvfs(folder)
        left = stat.f_bavail * stat.f_frsize
        with (folder / "filler").open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(1, left - free))
        yield work
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.skipif(not ALL or os.geteuid() != 0, reason="needs disks of its own; `make verbs`")
@pytest.mark.parametrize("free", FREE if ALL else FREE[:1])
@pytest.mark.parametrize("verb", list(WRITES) if ALL else ["baseline"])
def test_a_full_disk_is_named_and_loses_no_file(kept: Path, tmp_path: Path, verb: str, free: int):
    """A baseline cut by a full disk was the end of the one that was good."""
    with full(tmp_path / "disk", kept, free) as folder:
        before = contents(folder)
        code, said = ended(line_of(folder, verb), folder)
        now = contents(folder)
        quiet(said)
        assert code in (0, 2), said
        if code:
            assert re.search(rb"\S+: (No space left on device|.*disk is full)", said), said
        lost = {name for name in before if name not in now}
        changed = {name for name in before if now.get(name, "") != before[name]}
        assert not lost
        assert [name for name in changed if not MADE.match(name)] == []
        check = [sys.executable, "-m", "fusion_eval", "ledger", "verify"]
        assert ended(check, folder)[0] == 0
