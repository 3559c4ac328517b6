"""A real PostgreSQL server of this machine, and an empty database in it for every test."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

_BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
LACKING = "no PostgreSQL server on this machine (.ci/run installs one)"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def server() -> Iterator[str]:
    """The URL of a server without databases, which ends with the block; skips where none is."""
    found = shutil.which("initdb") or (str(_BINARIES[-1]) if _BINARIES else None)
    if found is None:
        pytest.skip(LACKING)
    binaries = Path(found).resolve().parent
    account = {"user": "postgres", "group": "postgres"} if os.getuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="fe-pg-"))
    try:
        if account:
            shutil.chown(folder, "postgres", "postgres")
        data = folder / "data"
        subprocess.run(
            [binaries / "initdb", "-D", data, "-U", "me", "-A", "trust", "--no-sync"],
            check=True, capture_output=True, cwd=folder, **account,
        )  # fmt: skip
        port = _free_port()
        process = subprocess.Popen(
            [binaries / "postgres", "-D", data, "-p", str(port), "-k", folder, "-h", "127.0.0.1",
             "-c", "max_connections=60", "-c", "fsync=off"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder, **account,
        )  # fmt: skip
        try:
            url = f"postgresql://me@127.0.0.1:{port}"
            _wait_for(url, process)
            yield url
        finally:
            process.send_signal(signal.SIGINT)  # at once: connections of a failed test may be left
            process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    import psycopg

    while True:
        assert process.poll() is None, "the server did not start"
        try:
            psycopg.connect(f"{url}/postgres", connect_timeout=5).close()
            return
        except psycopg.OperationalError:
            continue


def new_database(url: str) -> str:
    """The URL of an empty database in a server."""
    import psycopg

    name = f"t{uuid4().hex[:12]}"
    with psycopg.connect(f"{url}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"{url}/{name}"


def cut_connections(url: str) -> int:
    """End every other connection to a database, as a restart of the server does."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        rows = connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname=current_database() AND pid<>pg_backend_pid()"
        ).fetchall()
    return len(rows)
