"""Run notebooks from top to bottom and keep light outputs: `make notebooks`.

Each is run by a fresh kernel in the `notebooks/` folder of what a clone holds, copied elsewhere:
no run, no ledger, no key and no setting of this machine is at hand. What is kept is the same each
time: no times, no random ids, pictures without metadata and in few colours.
"""

from __future__ import annotations

import base64
import io
import os
import shutil
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from PIL import Image

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SHIPPED = ("tasks", "results/draco-public", "results/openhands-public", "results/baseline")
"""What notebooks may read beside themselves: `../tasks`, `../results/draco-public` …"""

PALETTE = 128
CELL_TIMEOUT_S = 300


def executed(path: Path, folder: Path) -> NotebookNode:
    """The notebook with new outputs, run in `folder`; raises CellExecutionError at an error."""
    for name in SHIPPED:
        shutil.copytree(ROOT / name, folder / name)
    (folder / "notebooks").mkdir()
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT_S,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(folder / "notebooks")}},
    )
    client.execute(env=_environment(folder))
    return normalised(notebook)


def _environment(folder: Path) -> dict[str, str]:
    """This machine's environment without keys, settings of ours, and habits of its user."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("FUSION_EVAL_", "PYTEST_")) and not name.endswith("_API_KEY")
    }
    kept.pop("MPLBACKEND", None)
    return {**kept, "IPYTHONDIR": str(folder / ".ipython"), "HF_HUB_OFFLINE": "1"}


def normalised(notebook: NotebookNode) -> NotebookNode:
    """The same notebook without what differs from machine to machine and from time to time."""
    notebook.metadata = NotebookNode(
        kernelspec=NotebookNode(display_name="Python 3", language="python", name="python3"),
        language_info=NotebookNode(name="python"),
    )
    for number, cell in enumerate(notebook.cells, 1):
        cell.id = f"cell-{number}"
        cell.metadata = NotebookNode({k: v for k, v in cell.metadata.items() if k == "tags"})
        for output in cell.get("outputs", ()):
            if "metadata" in output:
                output.metadata = NotebookNode()
            if "image/png" in output.get("data", {}):
                output.data = NotebookNode({"image/png": _light(output.data["image/png"])})
    return notebook


def _light(picture: str) -> str:
    """A picture of flat colours in a palette, without metadata: a third of the bytes."""
    image = Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGB")
    made = io.BytesIO()
    image.quantize(PALETTE, dither=Image.Dither.NONE).save(made, format="PNG", optimize=True)
    return base64.b64encode(made.getvalue()).decode()


def main(names: list[str]) -> None:
    """Run the named notebooks, or all, and write them with their outputs."""
    for path in NOTEBOOKS:
        if names and path.stem not in names:
            continue
        with tempfile.TemporaryDirectory() as folder:
            notebook = executed(path, Path(folder))
        nbformat.write(notebook, path)
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
