"""The regex check: a pattern is found somewhere in the answer, within a time.

A pattern can take years over a text that somebody made for it, and Python's `re` cannot be
stopped from outside; so it runs in a process of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys

from fusion_eval.core.outcome import VerdictWord

SECONDS = 5.0
_PROGRAM = (
    "import json, re, sys\n"
    "pattern, text = json.load(sys.stdin)\n"
    "found = re.search(pattern, text)\n"
    "print(json.dumps(None if found is None else found.group()[:80]))\n"
)


def check_pattern(answer: str, pattern: str, seconds: float = SECONDS) -> tuple[VerdictWord, str]:
    """`met` if the pattern is found, `unreadable` if the search did not end in time."""
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _PROGRAM],
            input=json.dumps([pattern, answer]),
            capture_output=True,
            text=True,
            timeout=seconds,
            check=True,
        )
    except subprocess.TimeoutExpired:
        return "unreadable", f"the pattern took longer than {seconds:g} s"
    except subprocess.CalledProcessError as problem:
        last = (problem.stderr.strip().splitlines() or ["no reason given"])[-1]
        return "unreadable", f"the pattern failed: {last[:200]}"
    found = json.loads(done.stdout)
    return ("unmet", "not found") if found is None else ("met", f"found {found!r}")
