"""What a run was made with, flat, so that a gate that fails can say what changed since."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from fusion_eval.core import digest
from fusion_eval.store import Run, read_bench

_PARTS = ("models", "recipes", "grader", "repeats")
_LONG = 60


def setup(run: Run) -> dict[str, str]:
    """`recipes.panel.synthesizer` -> `large`, and so on, from the run's `bench.yaml`.

    Long texts, such as personas, stand there as a hash: a baseline holds no texts. Empty for a run
    without a bench file, such as an imported one.
    """
    bench = read_bench(run)
    return dict(_flat({name: bench[name] for name in _PARTS if name in bench}, ""))


def _flat(value: Any, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list) and any(isinstance(inner, Mapping) for inner in value):
        for place, inner in enumerate(value, 1):
            yield from _flat(inner, f"{name}.{place}")
    else:
        said = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        yield name, said if len(said) <= _LONG else f"a text ({digest(said)[:8]})"


def changed(new: Mapping[str, str], old: Mapping[str, str], recipes: Collection[str]) -> list[str]:
    """`panel: synthesizer is small, was large`; of these recipes, the models and the grader.

    Nothing where either side does not say what it was made with.
    """
    if not (new and old):
        return []
    lines = []
    for name in sorted({*new, *old}):
        part, _, rest = name.partition(".")
        if new.get(name) == old.get(name) or name == "repeats":
            continue
        of, _, key = rest.rpartition(".")
        if part == "recipes" and rest.split(".")[0] not in recipes:
            continue
        at = f"model {of}" if part == "models" else of if part == "recipes" else part
        lines.append(f"{at}: {key or name} is {_shown(new, name)}, was {_shown(old, name)}")
    return lines


def _shown(side: Mapping[str, str], name: str) -> str:
    return side.get(name, "not set")
