"""Where the ledger of a results folder is: a file in it, or a database that machines share.

The environment comes first, then the bench file, then what the last run with such a bench file
left in the folder, so that `explain`, `ledger` and `serve` find the same replies as the run did.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from fusion_eval.errors import InputError

VARIABLE = "FUSION_EVAL_LEDGER"
_SCHEMES = ("postgresql", "postgres")
_FILE = "ledger.sqlite"
POINTER = "ledger.url"
"""A file in a results folder that holds the URL of the database which its runs use."""


@dataclass(frozen=True, slots=True)
class Shared:
    """A PostgreSQL database by its URL, in which there is no password."""

    url: str

    def __str__(self) -> str:
        return self.url

    def exists(self) -> bool:
        """A database is there before it is used."""
        return True


Place = Path | Shared
"""Of a ledger: an SQLite file, or a database."""


def ledger_of(results: Path, named: str | None = None) -> Place:
    """The ledger of a results folder; `named` is what the bench file says.

    Raises InputError for a URL that is no PostgreSQL one, or that holds a password.
    """
    pointer = results / POINTER
    left = pointer.read_text("utf-8").strip() if pointer.is_file() else ""
    url = os.environ.get(VARIABLE) or named or left
    return shared(url) if url else results / _FILE


def place_of(text: str) -> Place:
    """A ledger by its URL or its path; a folder is one of results."""
    if "://" in text:
        return shared(text)
    return ledger_of(Path(text)) if Path(text).is_dir() else Path(text)


def shared(url: str) -> Shared:
    """A database by its URL, checked."""
    try:
        parts = urlsplit(url)
        secret = parts.password is not None or "password=" in parts.query
    except ValueError:
        raise InputError(f"ledger: this is no URL; {_WAY_OUT}") from None
    if secret:
        raise InputError(
            "ledger: a password in a URL ends in files and logs; leave it out, and give it in "
            "PGPASSWORD or in ~/.pgpass"
        )
    if parts.scheme not in _SCHEMES:
        raise InputError(f"ledger: {url!r} is no URL of a PostgreSQL database; {_WAY_OUT}")
    return Shared(url)


_WAY_OUT = "write postgresql://user@host:5432/name"
