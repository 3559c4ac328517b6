"""API keys: from the environment or a `.env` file in the working directory, and nowhere else."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from fusion_eval.core import Endpoint
from fusion_eval.errors import EndpointError

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def api_key(endpoint: Endpoint, env_file: Path = Path(".env")) -> str:
    """The key of an endpoint, or `unused` where it needs none; EndpointError when it is missing."""
    name = endpoint.api_key_env
    return "unused" if name is None else from_environment(name, endpoint, env_file)


def from_environment(name: str, endpoint: Endpoint, env_file: Path = Path(".env")) -> str:
    """A value that an endpoint needs; EndpointError where it is missing or cannot be sent."""
    key = (os.environ.get(name) or _from_file(env_file).get(name) or "").strip()
    if not key:
        raise EndpointError(
            f"endpoint {endpoint.name!r}: the environment has no {name}; "
            f"set it, or write {name}=… into {env_file}"
        )
    if not key.isascii() or not key.isprintable():
        raise EndpointError(
            f"endpoint {endpoint.name!r}: {name} holds characters that no key has; set it again"
        )
    return key


def _from_file(path: Path) -> dict[str, str]:
    """`NAME=value` lines, with `#` comments, `export` and quotes as shells have them."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    pairs = (line.strip().removeprefix("export ").partition("=") for line in lines)
    return {
        name.strip(): value.strip().strip("\"'")
        for name, equals, value in pairs
        if equals and not name.startswith("#")
    }


def filled(endpoint: Endpoint, values: Mapping[str, str]) -> dict[str, str]:
    """Headers or query parameters with the values of the variables that they name (`${NAME}`)."""
    return {
        name: _VARIABLE.sub(lambda one: from_environment(one[1], endpoint), value)
        for name, value in values.items()
    }


def secrets_in(endpoint: Endpoint) -> set[str]:
    """What the environment has put into headers and query: never to be written down."""
    values = [*endpoint.headers.values(), *endpoint.query.values()]
    names = {name for value in values for name in _VARIABLE.findall(value)}
    return {from_environment(name, endpoint) for name in names}
