"""Where requests go, checked: no key in a URL or a bench file, nothing that no client can send."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Mapping
from urllib.parse import urlsplit

_KEY = re.compile(
    r"(?:^|[/=:])(?:(?:sk|pk|rk|key|api|gsk|xai|hf|nvapi|pplx|csk|tgp|fw|r8|ghp|glpat|AIza)[-_]?"
    r"[A-Za-z0-9_-]{16,}|[A-Fa-f0-9]{32,}|[A-Za-z0-9_-]{40,})(?:$|[/&])"
)
"""A part of a URL that looks like a key: long, or with the start of one."""
_SECRET = re.compile(r"(?i)authori[sz]ation|key|token|secret|password|cookie|credential")
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_NAME = re.compile(r"[A-Za-z][A-Za-z_.-]{0,29}")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def variables(value: str) -> list[str]:
    """The variables of the environment that a value names, as `${NAME}`."""
    return _VARIABLE.findall(value)


def check_url(url: str) -> None:
    """Raise ValueError, with the way out, where a base URL cannot be used or holds a secret."""
    if not url.startswith(("http://", "https://")) and not re.match(r"(?i)https?://", url):
        raise ValueError(f"base_url {without_query(url)!r} must start with http:// or https://")
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        assert parts.port is None or parts.port > 0
        host.encode("idna")
    except (ValueError, UnicodeError, AssertionError):
        raise ValueError("base_url is no URL that can be asked; look at host and port") from None
    if not host or not url.isprintable() or " " in url:
        raise ValueError("base_url holds a character that no URL has, or no host; write it again")
    if "@" in parts.netloc:
        raise ValueError("base_url holds a user or password; keys come from the environment")
    if parts.query or "?" in url or parts.fragment:
        pairs = (pair.partition("=") for pair in parts.query.split("&"))
        names = ", ".join(f"{n}: …" for n, sign, _ in pairs if sign and _NAME.fullmatch(n))
        raise ValueError(
            "base_url holds a query, which may hold a key and would be written down; take it out "
            f"and give it as `query: {{{names or 'NAME: …'}}}`, with keys as ${{VARIABLE}}"
        )
    if _KEY.search(parts.path):
        raise ValueError(
            "base_url holds what looks like a key; keys come from the environment: `api_key_env: "
            "NAME`, `headers: {NAME: ${VARIABLE}}` or `query: {NAME: ${VARIABLE}}`"
        )


def broken_proxy(base_url: str) -> str:
    """What is wrong with the proxy of the environment for a URL; empty where it can be used.

    The value is not shown: it may hold a password.
    """
    url = urlsplit(base_url)
    proxy = urllib.request.getproxies().get(url.scheme.lower())
    if proxy is None or urllib.request.proxy_bypass(url.hostname or ""):
        return ""
    try:
        parts = urlsplit(proxy)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        usable = usable and proxy.isprintable() and " " not in proxy
    except ValueError:
        usable = False
    if usable:
        return ""
    name = f"{url.scheme.upper()}_PROXY"
    return (
        f"the environment's {name} is no address of a proxy; set it to http://HOST:PORT, unset it, "
        f"or name {url.hostname} in NO_PROXY"
    )


def check_sent_along(what: str, values: Mapping[str, str]) -> None:
    """Raise ValueError where a header or query parameter cannot be sent, or is a key in plain."""
    for name, value in values.items():
        if what == "headers" and not _HEADER.fullmatch(name):
            raise ValueError(f"headers: {name!r} is no name of a header")
        if not value.isprintable() or (what == "headers" and not value.isascii()):
            raise ValueError(f"{what}: the value of {name} holds a character that cannot be sent")
        if "${" in value and not _VARIABLE.search(value):
            raise ValueError(f"{what}: {name} names a variable wrongly; write ${{NAME}}")
        plain = _VARIABLE.sub("", value)
        if _KEY.search(f"={plain}") or (_SECRET.search(name) and len(plain) >= 16):
            raise ValueError(
                f"{what}: {name} holds what looks like a key; write ${{NAME}} and set the variable "
                "NAME in the environment"
            )


def without_query(url: str) -> str:
    """A URL for a message: without what may be a key."""
    plain = re.split(r"[?#]", url)[0][:100]
    return "…" if _KEY.search(plain) or "@" in plain else plain
