"""A hub of data sets on 127.0.0.1: the few routes of the real one that `datasets` calls."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

Files = Mapping[str, bytes]


class Hub(BaseHTTPRequestHandler):
    """`repositories`: (name, revision) -> files; a name in `gated` needs terms to be accepted."""

    repositories: Mapping[tuple[str, str], Files]
    gated: frozenset[str]
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """No line for each request."""

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _json(self, value: object) -> None:
        self._answer(200, json.dumps(value).encode(), Content_Type="application/json")

    def do_HEAD(self) -> None:
        """As GET, without the body."""
        self.do_GET()

    def do_POST(self) -> None:
        """`paths-info`: what stands at each path."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
        owner, name, _, revision = self._parts()[2:6]
        files = self.repositories.get((f"{owner}/{name}", self._revision(revision)), {})
        self._json([entry for entry in self._tree(files) if entry["path"] in body["paths"]])

    def do_GET(self) -> None:
        """A file, the facts of a repository, or the list of its files."""
        parts = self._parts()
        api = parts[0] == "api"
        if len(parts) < 4:
            return self._answer(404)
        owner, name = parts[2 - (not api) : 4 - (not api)]
        rest = parts[4 - (not api) :]
        if f"{owner}/{name}" in self.gated:
            return self._answer(403, X_Error_Code="GatedRepo", X_Error_Message="accept the terms")
        if not any(known == f"{owner}/{name}" for known, _ in self.repositories):
            return self._answer(404, X_Error_Code="RepoNotFound")
        revision = self._revision(rest[1] if len(rest) > 1 else "main")
        files = self.repositories.get((f"{owner}/{name}", revision))
        if files is None:
            return self._answer(404, X_Error_Code="RevisionNotFound")
        commit = hashlib.sha1(f"{owner}/{name}@{revision}".encode()).hexdigest()
        if not api:
            return self._file(files, "/".join(rest[2:]), commit)
        if rest[:1] == ["tree"]:
            return self._json(self._tree(files, "/".join(rest[2:])))
        return self._json({
            "id": f"{owner}/{name}", "sha": commit, "private": False, "gated": False, "tags": [],
            "siblings": [{"rfilename": path} for path in files],
        })  # fmt: skip

    def _file(self, files: Files, path: str, commit: str) -> None:
        if path not in files:
            return self._answer(404, X_Error_Code="EntryNotFound", X_Repo_Commit=commit)
        etag = hashlib.sha1(files[path]).hexdigest()
        return self._answer(200, files[path], X_Repo_Commit=commit, ETag=f'"{etag}"')

    def _parts(self) -> list[str]:
        return [unquote(part) for part in urlsplit(self.path).path.strip("/").split("/")]

    def _revision(self, text: str) -> str:
        """A branch, or the branch that a commit is the newest of."""
        commits = {
            hashlib.sha1(f"{name}@{revision}".encode()).hexdigest(): revision
            for name, revision in self.repositories
        }
        return commits.get(text, text)

    @staticmethod
    def _tree(files: Files, under: str = "") -> list[dict[str, object]]:
        folders = {path.rsplit("/", 1)[0] for path in files if "/" in path}
        found: list[dict[str, object]] = [
            {"type": "directory", "oid": "0", "size": 0, "path": folder} for folder in folders
        ]
        found += [
            {"type": "file", "oid": hashlib.sha1(body).hexdigest(), "size": len(body), "path": path}
            for path, body in files.items()
        ]
        return [one for one in found if str(one["path"]).startswith(under)]


@contextmanager
def hub(
    repositories: Mapping[tuple[str, str], Files], gated: frozenset[str] = frozenset()
) -> Iterator[str]:
    """The address of a hub with these repositories."""
    handler = type("Made", (Hub,), {"repositories": repositories, "gated": gated})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
