"""The files that `init` writes. They stand in the package as they are written."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from fusion_eval import files
from fusion_eval.errors import InputError

FILES = {
    "tasks.yaml": "tasks.yaml",
    "bench.yaml": "bench.yaml",
    "policy.yaml": "policy.yaml",
    "workflow.yml": ".github/workflows/fusion-eval.yml",
}


def write(folder: Path) -> list[Path]:
    """Write all starter files, or none where one is there already."""
    targets = {source: folder / target for source, target in FILES.items()}
    if there := [str(path) for path in targets.values() if path.exists()]:
        raise InputError(
            [f"{path}: is there already; move it away or give another folder" for path in there]
        )
    home = resources.files("fusion_eval") / "presets" / "starter"
    for source, path in targets.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_text(path, (home / source).read_text("utf-8"))
    return list(targets.values())
