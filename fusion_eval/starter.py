"""The files that `init` writes. They stand in the package as they are written."""

from __future__ import annotations

import json
from importlib import metadata, resources
from pathlib import Path

from fusion_eval import files
from fusion_eval.errors import InputError

FILES = {
    "tasks.yaml": "tasks.yaml",
    "bench.yaml": "bench.yaml",
    "policy.yaml": "policy.yaml",
    "workflow.yml": ".github/workflows/fusion-eval.yml",
    "gitignore": ".gitignore",
}
_GROWS = ".gitignore"
"""The one file that a folder may have: what it lacks is added."""


def write(folder: Path) -> list[Path]:
    """Write all starter files, or none where one is there already."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: a file; give a folder")
    targets = {source: folder / target for source, target in FILES.items()}
    if there := [str(path) for path in targets.values() if path.exists() and path.name != _GROWS]:
        raise InputError(
            [f"{path}: already exists; move it away or give another folder" for path in there]
        )
    home = resources.files("fusion_eval") / "presets" / "starter"
    for source, path in targets.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        text = (home / source).read_text("utf-8").replace("@@REQUIREMENT@@", requirement())
        files.write_text(path, _grown(path, text) if path.name == _GROWS else text)
    return list(targets.values())


def requirement() -> str:
    """How to install this very fusion-eval, for `pip install`; empty where nothing tells.

    From the record that pip keeps of a package from a repository (PEP 610): its URL at the commit.
    A name on a public index is none of ours, so it is never given.
    """
    try:
        record = json.loads(metadata.distribution("fusion-eval").read_text("direct_url.json") or "")
        version = record["vcs_info"]
        return f"{version['vcs']}+{record['url']}@{version['commit_id']}"
    except (metadata.PackageNotFoundError, ValueError, KeyError, TypeError):
        return ""


def _grown(path: Path, text: str) -> str:
    """The file that is there with the lines that it lacks."""
    before = path.read_text("utf-8") if path.exists() else ""
    lacking = [line for line in text.splitlines() if line not in before.splitlines()]
    start = f"{before.rstrip()}\n" if before.strip() else ""
    return start + "".join(f"{line}\n" for line in lacking)
