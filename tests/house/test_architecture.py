"""The picture of docs and architecture, held by an allow-list: who may import whom.

A forbidden import works today and costs somebody next year: a report that can cause calls, a
strategy that can read a rubric, a `--help` that takes three seconds.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import fusion_eval

ROOT = Path(fusion_eval.__file__).parent
PAGE = Path(__file__).parents[2] / "docs" / "architecture.md"


def _rooms(page: str) -> dict[str, set[str]]:
    """What each room may import, by the table of the page."""
    table = page.split("| room | may import |")[1].split("\n\n")[0].splitlines()[2:]
    rows = [[cell.strip().replace("\\", "") for cell in line.split("|")[1:3]] for line in table]
    return {room: {name for name in names.split(", ") if name} for room, names in rows}


ROOMS = _rooms(PAGE.read_text("utf-8"))
LEFT = ("bench", "tapping", "strategies", "grading", "engine", "simulator")
RIGHT = (
    "frames", "exporting", "importing", "labelling", "stats", "plots", "report", "explaining",
    "gate",
)  # fmt: skip

HEAVY_INSIDE = {
    "pyarrow", "datasets", "yaml", "uvicorn", "genai_prices", "matplotlib", "mcp", "psycopg",
}  # fmt: skip
"""Packages that a function may import for itself, because few of its callers need them."""

MAY_IMPORT_INSIDE = {"cli", "pytest_plugin", "terminal", "viewing"}
"""Rooms that start quickly and load data frames only where somebody asks for what needs them."""


@dataclass(frozen=True)
class Import:
    """One import: from which file and line, of which module, inside a function, for types only."""

    module: str
    line: int
    target: str
    inside: bool
    typing: bool

    def __str__(self) -> str:
        return f"{self.module}:{self.line} imports {self.target}"

    @property
    def room(self) -> str:
        """The room that imports."""
        return room_of(self.module)


def room_of(module: str) -> str:
    """`bench` for `fusion_eval.bench.plan`; the package's own file is `__init__`."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def module_name(path: Path) -> str:
    """Dotted name of a file of the package."""
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_name(path): path for path in sorted(ROOT.rglob("*.py"))}


def imports(module: str, source: str) -> Iterator[Import]:
    """Every import statement of a file, `from fusion_eval import store` resolved to the module."""

    def walk(node: ast.AST, inside: bool, typing: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                targets = [alias.name for alias in child.names]
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{module}:{child.lineno}: relative import"
                names = [f"{child.module}.{alias.name}" for alias in child.names]
                targets = [name if name in FILES else str(child.module) for name in names]
            else:
                function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
                types = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
                yield from walk(child, inside or function, typing or types)
                continue
            for target in dict.fromkeys(targets):
                yield Import(module, child.lineno, target, inside, typing)

    yield from walk(ast.parse(source), False, False)


ALL = [one for module, path in FILES.items() for one in imports(module, path.read_text("utf-8"))]
OURS = [one for one in ALL if one.target.split(".")[0] == "fusion_eval"]
THEIRS = [one for one in ALL if one.target.split(".")[0] != "fusion_eval"]


def package(one: Import) -> str:
    """The top-level package that is imported."""
    return one.target.split(".")[0]


def test_every_room_stands_in_the_table():
    """A new room without a row would be free to import anything."""
    missing = {room_of(module) for module in FILES} - ROOMS.keys()
    assert not missing, "add a row for it to the table of rooms in docs/architecture.md"
    assert not ROOMS.keys() - {room_of(module) for module in FILES}, "a room that is gone"


def test_rooms_import_only_what_the_picture_shows():
    """One import upwards is enough to let a strategy see a rubric or a budget."""
    wrong = []
    for one in OURS:
        allowed = ROOMS[one.room]
        target = "fusion_eval" if one.target == "fusion_eval" else room_of(one.target)
        one_file = one.target.removeprefix("fusion_eval.")
        if target != one.room and not {target, one_file, "*"} & allowed:
            may = ", ".join(sorted(allowed)) or "nothing"
            wrong.append(f"{one}; {one.room} may import {may}; see docs/architecture.md")
    assert not wrong, "\n".join(wrong)


def test_the_walk_sees_imports_wherever_they_hide():
    """If the walk were blind, every other test in this file would pass on any code."""
    source = (
        "import os, fusion_eval.bench.plan\n"
        "from fusion_eval import store\n"
        "if TYPE_CHECKING:\n    import pandas\n"
        "async def f():\n    if x:\n        from fusion_eval.errors import InputError\n"
    )
    seen = [(i.target, i.inside, i.typing) for i in imports("fusion_eval.frames", source)]
    assert seen == [
        ("os", False, False),
        ("fusion_eval.bench.plan", False, False),
        ("fusion_eval.store", False, False),
        ("pandas", False, True),
        ("fusion_eval.errors", True, False),
    ]


def test_the_left_tower_never_computes_statistics():
    """A call that waits for a data frame cannot be told from a slow endpoint."""
    heavy = {"pandas", "scipy", "matplotlib"}
    assert not [str(one) for one in THEIRS if one.room in LEFT and package(one) in heavy]


def test_only_the_simulators_direct_sampler_counts_in_arrays():
    """Behind the wire one request is answered at a time, and a start that loads numpy is slow."""
    arrays = {one.module for one in THEIRS if one.room in LEFT and package(one) == "numpy"}
    direct = ("fusion_eval.simulator.direct", "fusion_eval.simulator.expectation")
    assert not [module for module in arrays if not module.startswith(direct)]


def test_the_right_tower_can_make_no_call():
    """A report or a CI gate that could call would cost money whenever somebody looks at it."""
    calling = {"openai", "httpx2", "httpx", "aiohttp", "requests", "asyncio", "socket", "starlette"}
    assert not [str(one) for one in THEIRS if one.room in RIGHT and package(one) in calling]


_HTTP = ("engine.client", "engine.wire", "simulator.transport", "tapping.proxy")


def test_only_the_client_knows_openai():
    """With a second way to the wire some calls would miss ledger, budget and limits."""
    assert {one.module for one in THEIRS if package(one) == "openai"} == {
        "fusion_eval.engine.client"
    }
    wire = {one.module for one in THEIRS if package(one) in {"httpx2", "httpx", "aiohttp"}}
    assert wire == {f"fusion_eval.{name}" for name in _HTTP}


def test_no_module_imports_itself_in_a_circle():
    """In a circle nothing can be read, tested or moved alone."""
    graph: dict[str, set[str]] = {module: set() for module in FILES}
    for one in OURS:
        if not one.typing and one.target in FILES and one.target != one.module:
            graph[one.module].add(one.target)
    circles, done = [], set()

    def visit(module: str, above: tuple[str, ...]) -> None:
        if module in above:
            circles.append(" -> ".join((*above[above.index(module) :], module)))
        elif module not in done:
            for target in sorted(graph[module]):
                visit(target, (*above, module))
            done.add(module)

    for module in graph:
        visit(module, ())
    assert not circles


def test_imports_stand_at_the_top_of_the_file():
    """An import inside a function hides a dependency, and fails on the day it is first called."""
    wrong = [
        str(one)
        for one in ALL
        if one.inside and one.room not in MAY_IMPORT_INSIDE and package(one) not in HEAVY_INSIDE
    ]
    assert not wrong


def test_no_file_has_400_lines():
    """A long file is read by nobody; the aim is 150."""
    lengths = {str(path): len(path.read_text("utf-8").splitlines()) for path in FILES.values()}
    assert not {path: lines for path, lines in lengths.items() if lines >= 400}


HEAVY = {"pandas", "numpy", "scipy", "matplotlib", "openai", "datasets", "pyarrow"}


@pytest.mark.parametrize(
    "arguments", [["-c", "import fusion_eval"], ["-m", "fusion_eval", "--help"]]
)
def test_import_and_help_load_nothing_heavy(arguments):
    """Everybody who types --help or imports one name would wait for seconds."""
    command = [sys.executable, "-X", "importtime", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "fusion_eval" in loaded
    assert ("typer" in loaded) == ("--help" in arguments)
    assert not HEAVY & loaded


def test_public_names_are_those_that_can_be_loaded():
    """A name in `__all__` that cannot be loaded breaks `import *` for everybody."""
    assert set(fusion_eval.__all__) == set(fusion_eval._HOMES)
    assert fusion_eval.__all__ == sorted(fusion_eval.__all__)
    for name in fusion_eval.__all__:
        assert getattr(fusion_eval, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        fusion_eval.nonsense  # noqa: B018
