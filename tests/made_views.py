"""The real `fusion-eval view` as a process, and small requests to it."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import forked


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class View:
    """A server and how it is asked; `kill` is the one that nobody survives."""

    results: Path
    port: int
    process: Any = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.process = forked.Forked("view", self.results, "--port", self.port)
        end = time.monotonic() + 60
        while time.monotonic() < end:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            assert self.process.poll() is None, self.process.communicate()
            time.sleep(0.05)
        raise AssertionError("view did not start")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def ask(
        self, path: str, method: str = "GET", body: str | None = None, **headers: str
    ) -> tuple[int, dict[str, str], str]:
        """(status, headers, text); header names are written with `_`."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, named)
            reply = connection.getresponse()
            found = {name.lower(): value for name, value in reply.getheaders()}
            return reply.status, found, reply.read().decode("utf-8", "replace")
        finally:
            connection.close()

    def token(self, run: str) -> str:
        found = re.search(r'data-token="([^"]+)"', self.ask(f"/label/{run}?person=Token")[2])
        assert found is not None
        return found[1]

    def post(self, run: str, what: str, value: Any, **headers: str) -> tuple[int, Any]:
        sent = {"content_type": "application/json", "x_fusion_eval_token": self.token(run)}
        status, _, text = self.ask(
            f"/label/{run}/{what}", "POST", json.dumps(value), **(sent | headers)
        )
        return status, json.loads(text) if status == 200 else text


@contextlib.contextmanager
def viewed(results: Path) -> Iterator[View]:
    """A server on a free port, killed in the end."""
    view = View(results, free_port())
    view.start()
    try:
        yield view
    finally:
        view.kill()
