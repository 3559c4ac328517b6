"""Servers on the loopback: what a browser of this machine may ask, whatever page it shows.

Any web page can send requests to 127.0.0.1. One that is loaded under a foreign name which resolves
there (DNS rebinding) is told by its `Host`, one of another site by its `Origin`.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from fusion_eval.errors import InputError


class Stranger(NamedTuple):
    """Why a request is refused: a word for programs, and a sentence."""

    code: str
    message: str


def stranger(
    hosts: Sequence[str], origins: Sequence[str], *, same_origin: bool = False
) -> Stranger | None:
    """Why a request is none of this machine's own; None where it is.

    hosts, origins : all values of the headers `Host` and `Origin`
    same_origin : whether an origin must be this very server, and not any server of the machine
    """
    if len(hosts) != 1 or not _named_loopback(f"//{hosts[0]}"):
        return Stranger("host", "This server answers to the names of this machine only.")
    own = f"http://{hosts[0]}"
    if any(not _named_loopback(origin) or (same_origin and origin != own) for origin in origins):
        return Stranger("origin", "Pages of other sites may not ask this server.")
    return None


def is_loopback(host: str) -> bool:
    """Whether a host name or address stands for this machine alone."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def check_port(host: str, port: int) -> None:
    """Raise InputError where nobody can listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as problem:
            raise InputError(f"--port {port} on {host}: {problem.strerror}; give another") from None


def _named_loopback(url: str) -> bool:
    try:
        return is_loopback(urlsplit(url).hostname or "")
    except ValueError:
        return False
