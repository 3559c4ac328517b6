"""What is kept of a body beside its reading, so that a later reader can read a paid run again."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from fusion_eval.engine.replies.answered import Answered

_TELLING = re.compile(r"cost|price|usage|token|tier|model|provider|generation|request|cache|credit")
"""Names of headers that tell something of the reply or its bill."""
_MOST_HEADERS, _LONGEST = 40, 200


def stored(body: dict[str, Any], answered: Answered, tidy: Callable[[str], str]) -> str:
    """JSON of a clean body with the headers that tell something."""
    headers = [
        (name.lower(), tidy(value)[:_LONGEST])
        for name, value in answered.headers.items()
        if _TELLING.search(name.lower())
    ]
    return json.dumps(
        {
            "status": answered.status,
            "headers": dict(headers[:_MOST_HEADERS]),
            "took_s": answered.took_s,
            "at": answered.at,
            "first_token_s": answered.first_token_s,
            "body": body,
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )


def restored(text: str) -> Answered:
    """What an endpoint answered, from `stored`. Raises ValueError, KeyError or TypeError."""
    value = json.loads(text)
    body = json.dumps(value["body"], ensure_ascii=False)
    return Answered(
        status=int(value["status"]),
        headers=dict(value["headers"]),
        content=body.encode(),
        took_s=float(value["took_s"]),
        at=float(value["at"]),
        first_token_s=value.get("first_token_s"),
    )
