"""Files that we write: whole or not there, and an error that names the file that was meant."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from fusion_eval import files
from fusion_eval.errors import TableError
from fusion_eval.store import check_latest, write_json, write_lines


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path):
    """A baseline cut by a full disk would be the end of the one that was good."""
    path = write_json(tmp_path / "baseline.json", {"good": True})

    def fails_halfway() -> None:
        with files.replacing(path) as temporary:
            temporary.write_text("half of")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        fails_halfway()
    assert path.read_text() == '{\n  "good": true\n}\n'
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_names_the_file_that_was_meant(tmp_path: Path):
    """`No space left on device` alone says not which device."""
    with pytest.raises(OSError, match="No space") as said, files.replacing(tmp_path / "a.svg"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert said.value.filename == str(tmp_path / "a.svg")
    with pytest.raises(FileNotFoundError) as missing:
        files.write_text(tmp_path / "none" / "a.md", "text")
    assert missing.value.filename == str(tmp_path / "none" / "a.md")


def test_a_real_limit_on_disk_space_loses_nothing_old(tmp_path: Path):
    """The limit of a process stands for a full disk: the file of before must be there, whole."""
    script = """
        import resource, signal, sys
        from pathlib import Path
        from fusion_eval import files
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        try:
            files.write_text(Path(sys.argv[1]), "new" * 5000)
        except OSError as problem:
            print(problem.filename)
    """
    path = files.write_text(tmp_path / "old.md", "old")
    line = [sys.executable, "-c", textwrap.dedent(script), str(path)]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(path)
    assert (path.read_text(), list(tmp_path.iterdir())) == ("old", [path])


def test_a_file_keeps_its_rights_and_its_link(tmp_path: Path):
    """A report that was made readable for a group, or stands elsewhere, should stay so."""
    elsewhere = tmp_path / "elsewhere.md"
    elsewhere.write_text("old")
    elsewhere.chmod(0o640)
    link = tmp_path / "report.md"
    link.symlink_to(elsewhere)
    files.write_text(link, "new")
    assert link.is_symlink()
    assert (elsewhere.read_text(), elsewhere.stat().st_mode & 0o777) == ("new", 0o640)


def test_what_is_no_file_is_written_to_as_it_is(tmp_path: Path):
    """`ledger export /dev/stdout` should print, and not replace the device."""
    read, write = os.pipe()
    files.write_text(Path(f"/dev/fd/{write}"), "through")
    os.close(write)
    assert os.read(read, 20) == b"through"


def test_what_a_killed_writer_left_is_swept_and_what_is_being_written_is_not(tmp_path: Path):
    """Leftovers pile up with every kill; taking a living writer's file away breaks its write."""
    script = """
        import os, signal, sys
        from pathlib import Path
        from fusion_eval import files
        with files.replacing(Path(sys.argv[1])) as temporary:
            temporary.write_text("half")
            os.kill(os.getpid(), signal.SIGKILL)
    """
    line = [sys.executable, "-c", textwrap.dedent(script), str(tmp_path / "killed.md")]
    assert subprocess.run(line, check=False).returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    with files.replacing(tmp_path / "alive.md") as temporary:
        temporary.write_text("whole")
        files.sweep(tmp_path)
        assert not left.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["alive.md"]


def test_names_as_long_as_a_name_may_be_can_be_written(tmp_path: Path):
    """The name beside a file must not be longer than the file system takes."""
    path = tmp_path / ("ü" * 125 + ".md")
    assert files.write_text(path, "text").read_text() == "text"


def test_lines_appear_all_at_once(tmp_path: Path):
    """Half of an export looks like a small one."""

    def rows():
        yield {"a": 1}
        raise TableError("the ledger is damaged")

    with pytest.raises(TableError):
        write_lines(tmp_path / "calls.jsonl", rows())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_a_latest_of_somebody_else_is_named_before_a_run(tmp_path: Path, kind: str):
    """All calls were paid before the link could not be made, and no report was written."""
    check_latest(tmp_path)
    link = tmp_path / "latest"
    link.mkdir() if kind == "folder" else link.write_text("mine")
    with pytest.raises(TableError, match=f"latest: a {kind}, where the link"):
        check_latest(tmp_path)
