"""Writes docs/api.md from the docstrings of the public names: `python tests/write_api.py`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import fusion_eval as fe

PAGE = Path(__file__).parents[1] / "docs" / "api.md"

SECTIONS = {
    "Run and read": """run plan doctor validate grade reprice read_run trials verdicts calls labels
        show import_results import_verdicts export""",
    "Which recipe": """compare compare_runs pareto decisions acceptability acceptable deadlines
        matched best ranks common_tasks""",
    "What a recipe does": """scores failures costs breakdown items best_member oracle union_oracle
        headroom gains alike drafts leaks decompose scaling preferences claims""",
    "How much is enough": """power detectable tasks_needed precision variance subset
        simulated_pilot""",
    "Graders and people": """grader_report agreement error_rates corrected_scores
        corrected_differences two_phase labelling""",
    "Gate, figures, simulator": "gate plots simulator",
}
"""Every public name, in the order of the work."""

HEAD = """# Python reference

Written from the docstrings by `python tests/write_api.py`; a test holds it to them. Names are
imported lazily, after `import fusion_eval as fe`. Tables are pandas data frames;
scores are from 0 to 1, dollars are US$, latencies seconds. What the estimators assume and where
they were checked: [`methods.md`](methods.md).
"""


def document() -> str:
    """The page as it has to be."""
    return "\n".join(_lines()).rstrip() + "\n"


def _lines() -> Iterator[str]:
    yield HEAD
    for title, names in SECTIONS.items():
        yield f"## {title}\n"
        for name in names.split():
            value = getattr(fe, name)
            if isinstance(value, ModuleType):
                yield from _module(name, value)
            else:
                yield from _entry(f"fe.{name}", value)


def _module(name: str, module: ModuleType) -> Iterator[str]:
    """A room of functions: its docstring, then each of them."""
    yield f"### `fe.{name}`\n\n{_prose(inspect.getdoc(module) or '')}\n"
    for public in module.__all__:
        value = getattr(module, public)
        if inspect.isfunction(value):
            yield from _entry(f"fe.{name}.{public}", value)
        else:
            first = (inspect.getdoc(value) or "").partition("\n")[0]
            yield f"- `fe.{name}.{public}`: {first}\n"


def _entry(name: str, function: Callable[..., object]) -> Iterator[str]:
    """Signature and docstring of one function."""
    yield f"### `{name}`\n\n```python\n{_signature(name, function)}\n```\n"
    yield _prose(inspect.getdoc(function) or "") + "\n"


def _signature(name: str, function: Callable[..., object]) -> str:
    """`name(parameters) -> result`, one parameter a line where it is long."""
    signature = inspect.signature(function)
    parts, star = [], False
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and not star:
            parts.append("*")
        star = star or parameter.kind in (parameter.KEYWORD_ONLY, parameter.VAR_POSITIONAL)
        parts.append(_parameter(parameter))
    end = f" -> {signature.return_annotation}"
    short = f"{name}({', '.join(parts)}){end}"
    return short if len(short) <= 100 else f"{name}(\n    " + ",\n    ".join(parts) + f",\n){end}"


def _parameter(parameter: inspect.Parameter) -> str:
    """`name: type = default`, with stars."""
    stars = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
    default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
    return f"{stars}{parameter.name}: {parameter.annotation}{default}"


def _prose(docstring: str) -> str:
    """The docstring as Markdown: its headings bold, its lists of parameters as lists."""
    lines, out = docstring.splitlines(), []
    for k, line in enumerate(lines):
        below = lines[k + 1] if k + 1 < len(lines) else ""
        if line and below and set(below) == {"-"} and len(below) == len(line):
            out += [f"**{line}**", ""]
        elif line and set(line) == {"-"}:
            continue
        elif " : " in line and not line.startswith((" ", "`", "-")):
            name, _, meaning = line.partition(" : ")
            out.append(f"- `{name}`: {meaning}")
        else:
            out.append(line)
    parts = "\n".join(out).split("`")
    return "`".join(part if k % 2 else part.replace("<", "&lt;") for k, part in enumerate(parts))


if __name__ == "__main__":
    PAGE.write_text(document(), encoding="utf-8")
