"""API keys: from the environment or a `.env` file in the working directory, and nowhere else."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

from fusion_eval.core import Endpoint
from fusion_eval.errors import EndpointError

T = TypeVar("T", str, bytes)


def api_key(endpoint: Endpoint, env_file: Path = Path(".env")) -> str:
    """The key of an endpoint, or `unused` where it needs none; EndpointError when it is missing."""
    name = endpoint.api_key_env
    if name is None:
        return "unused"
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


def without(key: str, text: T) -> T:
    """The text, or body, with the key taken out: endpoints echo keys, and errors are kept."""
    if key == "unused":
        return text
    if isinstance(text, bytes):
        return text.replace(key.encode(), b"***")
    return text.replace(key, "***")
