"""What stands in a run directory, served from there: regular files, and nothing beside it."""

from __future__ import annotations

from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, HTMLResponse, Response

from fusion_eval.viewing.pages import report_policy

_TYPES = {
    ".json": "application/json",
    ".jsonl": "text/plain",
    ".md": "text/plain",
    ".csv": "text/csv",
    ".yaml": "text/plain",
    ".xml": "text/xml",
    ".txt": "text/plain",
    ".png": "image/png",
    ".svg": "image/svg+xml",
}
_ALONE = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
"""For what is no page: opened by itself it runs nothing."""


def file_within(folder: Path, path: str) -> Path | None:
    """The regular file at a relative path, or None: hidden ones and links out are not there."""
    parts = path.split("/")
    if any(part.startswith(".") or part == "" or "\0" in part or "\\" in part for part in parts):
        return None
    try:
        whole = folder.joinpath(*parts).resolve(strict=True)
    except (OSError, RuntimeError):
        return None
    inside = whole.is_relative_to(folder.resolve()) and whole.is_file()
    return whole if inside else None


def served(folder: Path, path: str) -> Response:
    """A file of a run directory. Raises HTTPException where there is none."""
    file = file_within(folder, path)
    if file is None:
        raise HTTPException(404)
    if file.suffix == ".html":
        content = file.read_bytes()
        return HTMLResponse(content, headers={"content-security-policy": report_policy(content)})
    kind = _TYPES.get(file.suffix, "application/octet-stream")
    return FileResponse(file, media_type=kind, headers={"content-security-policy": _ALONE})
