"""Keys taken out of every text that is kept or shown, in whatever spelling they come back.

Endpoints echo keys: as they are, or escaped as JSON, HTML, URLs and mails escape, or encoded. Texts
are masked after decoding, so that one rule covers bodies, errors and headers.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable
from functools import lru_cache

SECRET_FROM = 16
"""Characters of a secret. Shorter ones (`ollama`, `none`) are placeholders that servers without
keys are given; taking them out would change what models say."""
MASK = "***"

_NAMED = {
    "/": "sol", "+": "plus", "=": "equals", "-": "hyphen|dash", "_": "lowbar", ".": "period",
    ":": "colon", "&": "amp", "#": "num", "@": "commat", "!": "excl", "$": "dollar", "*": "ast",
    "%": "percnt", '"': "quot", "'": "apos", "<": "lt", ">": "gt", "~": "tilde", "?": "quest",
}  # fmt: skip
_RUNS = re.compile(rf"\S{{{SECRET_FROM},}}")
"""Where an escaped key can stand: prose has few such runs, so that looking costs little."""
_BETWEEN = r"[\ufffd\u200b]{0,3}"  # what UTF-16 read as UTF-8 leaves between two characters


def masker(secrets: Iterable[str]) -> Callable[[str], str]:
    """A function that takes these secrets out of a text; short ones are left alone."""
    return _masker(frozenset(secret for secret in secrets if len(secret) >= SECRET_FROM))


@lru_cache(maxsize=64)
def _masker(secrets: frozenset[str]) -> Callable[[str], str]:
    plain = tuple(sorted(secrets, key=len, reverse=True))
    encoded = tuple({code for secret in plain for code in _codes(secret)})
    forms = [form(secret) for secret in plain for form in (_escaped, _hexed)]
    escaped = re.compile("|".join(forms), re.IGNORECASE)

    def mask(text: str) -> str:
        for code in plain + encoded:
            if code in text:
                text = text.replace(code, MASK)
        return _RUNS.sub(lambda run: escaped.sub(MASK, run[0]), text)

    return mask if plain else _unchanged


def _unchanged(text: str) -> str:
    return text


def _escaped(secret: str) -> str:
    return _BETWEEN.join(map(_spellings, secret))


def _spellings(c: str) -> str:
    """A character as it is, or as JSON, HTML, URLs, mails or C escape it, once or repeatedly."""
    o, x = ord(c), f"{ord(c):x}"
    slash, amp = r"\\{1,8}", "&(?:amp;){0,3}"  # bounded, so that no text takes long
    names = f"|{amp}(?:{_NAMED[c]});" if c in _NAMED else ""
    return (
        rf"(?:\\{{0,8}}{re.escape(c)}|{slash}u\{{?0{{0,4}}{x}\}}?|{slash}x{x}|{slash}0?{o:o}"
        rf"|%(?:25){{0,3}}{x}|={x}|{amp}#0{{0,5}}{o};?|{amp}#x0{{0,5}}{x};?{names})"
    )


def _hexed(secret: str) -> str:
    return ":?".join(f"{byte:02x}" for byte in secret.encode())


def _codes(secret: str) -> Iterable[str]:
    """The part of a text in base64 or base32 that stands for the secret, wherever it begins."""
    for shift in range(3):
        code = _middle(secret, shift, 3, 4, base64.b64encode)
        yield from (code, code.replace("+", "-").replace("/", "_"))
    for shift in range(5):
        code = _middle(secret, shift, 5, 8, base64.b32encode)
        yield from (code, code.lower())


def _middle(secret: str, shift: int, into: int, out: int, encode: Callable[[bytes], bytes]) -> str:
    """The signs that hang on the secret alone, where `shift` other bytes stand before it."""
    whole = encode(b"\0" * shift + secret.encode()).decode()
    bits = 8 * into // out  # of one sign
    first, end = -(-8 * shift // bits), 8 * (shift + len(secret.encode())) // bits
    return whole[first:end]
