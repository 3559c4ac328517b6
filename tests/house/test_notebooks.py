"""Notebooks run from top to bottom, and what is committed of them can be believed and diffed.

A notebook that fails in its third cell, or that shows numbers which its code does not give, is the
first thing that a newcomer sees of us.
"""

from __future__ import annotations

import base64
import getpass
import io
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbformat import NotebookNode
from PIL import Image
from write_notebooks import NOTEBOOKS, ROOT, executed

KILOBYTES = 600
FOUND = pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])
ALARM = (0xB0, 0x30, 0x00)
"""The colour in which `plots.style` writes SIMULATED, and nothing else."""
NOT_TWICE_THE_SAME = {
    "a path of this machine": r"(?<![\w.])/(?:home|root|tmp|work|Users|var|opt|usr|mnt|private)/",
    "an address in memory": r"\b0x[0-9a-f]{8,}",
    "a run id": r"\b20\d{6}-\d{6}-",
    "a time of day": r"\b20\d\d-\d\d-\d\d[T ]\d\d:\d\d",
    "a port": r"127\.0\.0\.1:\d{4,5}|localhost:\d{4,5}",
}


def outputs(notebook: NotebookNode) -> Iterator[NotebookNode]:
    """All outputs of all cells."""
    for cell in notebook.cells:
        yield from cell.get("outputs", ())


def text_of(output: NotebookNode) -> str:
    """What a reader reads of an output; nothing for a picture."""
    data = output.get("data", {})
    return str(output.get("text", data.get("text/html", data.get("text/plain", ""))))


def kinds(notebook: NotebookNode) -> list[list[str]]:
    """For each cell of code, what its outputs are: streams, tables, pictures."""
    return [
        [f"{o.output_type} {sorted(o.get('data', {}))}" for o in cell.outputs]
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


@FOUND
def test_it_runs_from_top_to_bottom_in_a_clone(path: Path, tmp_path: Path):
    """A reader who opens it would be stuck, or read outputs that belong to other cells."""
    done = executed(path, tmp_path)
    said = [o.text for o in outputs(done) if o.output_type == "stream" and o.name == "stderr"]
    assert not said, "warnings are for us, not for readers"
    assert kinds(done) == kinds(nbformat.read(path, as_version=4)), "run `make notebooks`"


@FOUND
def test_what_is_committed_was_run_in_order_and_is_light(path: Path):
    """Outputs of half a session tell another story; heavy ones make every clone slow."""
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert any("image/png" in output.get("data", {}) for output in outputs(notebook))
    assert path.stat().st_size < 1000 * KILOBYTES


@FOUND
def test_what_is_committed_says_nothing_of_the_machine_and_the_hour(path: Path):
    """Every run would be a diff that somebody has to read, with somebody's name in it."""
    notebook = nbformat.read(path, as_version=4)
    shown = "\n".join([*map(text_of, outputs(notebook)), *(cell.source for cell in notebook.cells)])
    patterns = NOT_TWICE_THE_SAME | {"a host": rf"\b{re.escape(socket.gethostname())}\b"}
    if len(user := getpass.getuser()) > 4:
        patterns["a user"] = rf"\b{re.escape(user)}\b"
    assert not {what: found for what, p in patterns.items() if (found := re.findall(p, shown))}


def marked(output: NotebookNode) -> bool:
    """Whether a reader who copies this output alone copies SIMULATED with it."""
    if "image/png" not in output.get("data", {}):
        return "SIMULATED" in text_of(output)
    picture = Image.open(io.BytesIO(base64.b64decode(output.data["image/png"]))).convert("RGB")
    far = np.abs(np.asarray(picture, dtype=int) - ALARM).max(axis=2)
    return int((far <= 8).sum()) > 150


@FOUND
def test_every_result_that_is_simulated_says_so(path: Path):
    """Somebody will paste the picture into a slide; cells tagged `real` or `no-result` are free."""
    notebook = nbformat.read(path, as_version=4)
    unmarked = [
        cell.source
        for cell in notebook.cells
        if not {"real", "no-result"} & set(cell.metadata.get("tags", ()))
        for output in cell.get("outputs", ())
        if not marked(output)
    ]
    assert not unmarked


def test_a_picture_without_the_mark_is_told_from_one_with_it():
    """If the eye of the test above were blind, it would pass on any picture."""
    plt = pytest.importorskip("matplotlib.pyplot")

    def picture(word: str) -> NotebookNode:
        figure, ax = plt.subplots()
        ax.text(0.5, 0.5, word, color="#b03000", fontsize=13, fontweight="bold")
        made = io.BytesIO()
        figure.savefig(made, format="png")
        plt.close(figure)
        return NotebookNode(data={"image/png": base64.b64encode(made.getvalue()).decode()})

    assert marked(picture("SIMULATED"))
    assert not marked(picture(""))


def test_every_notebook_stands_in_the_table_of_questions():
    """One that is not listed is found by nobody."""
    listed = set(re.findall(r"\]\((\w+)\.ipynb\)", (ROOT / "notebooks" / "README.md").read_text()))
    assert listed == {path.stem for path in NOTEBOOKS}
