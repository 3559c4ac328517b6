"""From a name or a path to a World: all problems at once, each with its line and the way out.

A world file may say `extends: default` (or another world, or a path beside it) and then holds only
what differs, key by key.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from fusion_eval.errors import BenchFileError, did_you_mean
from fusion_eval.loading.yaml_lines import Located, explain, read_yaml
from fusion_eval.simulator.birds import Grading
from fusion_eval.simulator.world import World

_SUFFIXES = (".yaml", ".yml")
Place = Sequence[str | int]


def worlds() -> tuple[str, ...]:
    """Names of the worlds that come with the package."""
    return tuple(sorted(path.stem for path in _folder().glob("*.yaml")))


def load_world(name_or_path: str) -> World:
    """Read a packaged world by its name, or a world file by its path.

    Raises BenchFileError, holding every problem of the file.
    """
    layers = _layers(_path(name_or_path), ())
    try:
        world = World.model_validate(_merged([layer.value for layer in layers]))
    except ValidationError as error:
        raise BenchFileError(explain(error, World, lambda place: _where(layers, place))) from None
    if problems := list(_unknown_names(world, layers)):
        raise BenchFileError(problems)
    return world


def _folder() -> Path:
    return Path(str(resources.files("fusion_eval.simulator") / "worlds"))


def _path(name_or_path: str, beside: Path | None = None) -> Path:
    """The file of a world; raises BenchFileError for a name that no world has."""
    if name_or_path in worlds():
        return _folder() / f"{name_or_path}.yaml"
    path = (beside.parent if beside else Path()) / name_or_path
    if path.suffix not in _SUFFIXES and not path.is_file():
        way = did_you_mean(name_or_path, worlds(), "there are")
        raise BenchFileError(
            f"unknown world {name_or_path!r}; {way} Or give the path of a world file (.yaml)."
        )
    return path


def _layers(path: Path, above: tuple[Path, ...]) -> list[Located]:
    """The file and what it extends, the base first."""
    file = read_yaml(path, BenchFileError)
    if not isinstance(file.value, dict):
        raise BenchFileError(f"{path}:1: a world file holds keys and values")
    base = file.value.pop("extends", None)
    if base is None:
        return [file]
    if not isinstance(base, str):
        raise BenchFileError(f"{file.where(['extends'])}: extends names one world or file")
    try:
        below = _path(base, path)
    except BenchFileError as error:
        raise BenchFileError(f"{file.where(['extends'])}: {error}") from None
    if below in (path, *above):
        raise BenchFileError(
            f"{file.where(['extends'])}: worlds extend each other; break the circle"
        )
    return [*_layers(below, (path, *above)), file]


def _merged(values: Sequence[Any]) -> Any:
    """Later values over earlier ones; mappings key by key."""
    merged = values[0]
    for value in values[1:]:
        merged = _over(merged, value)
    return merged


def _over(below: Any, above: Any) -> Any:
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    return {**below, **{k: _over(below.get(k), v) for k, v in above.items()}}


def _where(layers: Sequence[Located], place: Place) -> str:
    """`file:line` in the topmost file that has the value, or the nearest thing around it."""
    deepest = max(_depth(layer.value, place) for layer in layers)
    holders = [layer for layer in layers if _depth(layer.value, place) == deepest]
    return holders[-1].where(place)


def _depth(value: Any, place: Place) -> int:
    """How many steps of a path a document has."""
    for depth, step in enumerate(place):
        if not isinstance(value, dict | list):
            return depth
        try:
            value = value[step]  # type: ignore[index]
        except (KeyError, IndexError, TypeError):
            return depth
    return len(place)


def _unknown_names(world: World, layers: Sequence[Located]) -> Iterator[str]:
    """Models and makers that a world speaks of and does not have."""
    if world.referee not in world.models:
        yield _unknown(layers, ("referee",), "model", world.referee, world.models)
    rules: list[tuple[tuple[str, ...], Grading | None]] = [(("grading",), world.grading)]
    for maker, models in world.makers.items():
        rules += [(("makers", maker, i, "grading"), bird.grading) for i, bird in models.items()]
    for place, grading in rules:
        for family in grading.lenient_to if grading else ():
            if family not in world.makers:
                at = (*place, "lenient_to", family)
                yield _unknown(layers, at, "family", family, world.makers)


def _unknown(
    layers: Sequence[Located], place: Place, what: str, name: str, known: Collection[str]
) -> str:
    way = did_you_mean(name, known, "there are")
    return f"{_where(layers, place)}: unknown {what} {name!r}; {way}"
