"""A plain async Python function as a tool: its schema follows from its signature."""

from __future__ import annotations

import importlib
import inspect
import sys
import typing
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from fusion_eval.tools.results import ToolFailedError

_KINDS = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True, slots=True)
class Function:
    """A function, what its docstring says, and the form of its arguments."""

    call: Callable[..., Awaitable[Any]]
    description: str
    form: type[BaseModel]

    @property
    def parameters(self) -> dict[str, Any]:
        """The JSON Schema of the arguments."""
        schema = self.form.model_json_schema()
        schema.pop("title", None)
        return schema

    async def __call__(self, arguments: dict[str, Any]) -> Any:
        """Call it. Raises ToolFailedError for arguments that do not fit, and where it raises."""
        try:
            checked = self.form.model_validate(arguments)
        except ValidationError as error:
            told = "; ".join(
                f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:3]
            )
            raise ToolFailedError("bad_arguments", told) from None
        try:
            return await self.call(
                **{name: getattr(checked, name) for name in checked.model_fields_set}
            )
        except ToolFailedError:
            raise
        except (Exception, SystemExit) as problem:
            raise ToolFailedError("tool_error", f"{type(problem).__name__}: {problem}") from None


@cache
def function(dotted: str) -> Function:
    """The function `package.module:name`. Raises ValueError with the way out."""
    module, _, name = dotted.partition(":")
    if not module or not name:
        raise ValueError(f"tool {dotted!r} is not of the form `module:function`")
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)  # a user's module lies beside the bench
    try:
        found = getattr(importlib.import_module(module), name)
    except Exception as problem:  # a user's module may raise anything while it is imported
        why = f"{type(problem).__name__}: {problem}"
        raise ValueError(f"tool {dotted!r} cannot be imported: {why}") from None
    if not inspect.iscoroutinefunction(found):
        raise ValueError(f"tool {dotted!r} is not an `async def` function")
    about = (inspect.getdoc(found) or name).strip()
    return Function(call=found, description=about[:1_000], form=_form(dotted, found))


def _form(dotted: str, found: Callable[..., Any]) -> type[BaseModel]:
    try:
        hints = typing.get_type_hints(found, include_extras=True)
    except (NameError, TypeError) as problem:
        raise ValueError(f"tool {dotted!r}: a type cannot be resolved: {problem}") from None
    fields: dict[str, Any] = {}
    for name, parameter in inspect.signature(found).parameters.items():
        if parameter.kind not in _KINDS:
            raise ValueError(f"tool {dotted!r}: {name!r} has no name that a model could pass it by")
        if name not in hints:
            raise ValueError(f"tool {dotted!r}: {name!r} has no type, as in `{name}: str`")
        empty = parameter.default is inspect.Parameter.empty
        fields[name] = (hints[name], ... if empty else parameter.default)
    try:
        form = create_model("Arguments", __config__=ConfigDict(extra="forbid"), **fields)
        form.model_json_schema()
    except Exception as problem:  # whatever pydantic cannot make a schema of
        raise ValueError(f"tool {dotted!r} has no JSON schema: {problem}") from None
    return form
