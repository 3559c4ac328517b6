"""Words that a reader of package, README and docs should not have to learn."""

from __future__ import annotations

from pathlib import Path

import fusion_eval

PACKAGE = Path(fusion_eval.__file__).parent
ROOT = PACKAGE.parent
BANNED = {
    "look after the store": "inspect and maintain",
    "us$ that may not be exceeded": "spending limit",
    "readings by each.": "passes per grader",
    "only so many tasks": "sample at most N tasks",
    "chance to find the difference": "target power",
    "points to find": "smallest difference to detect",
    "throw an earlier draw away": "discard the previous sample",
    "take the time that is reported": "sleep for the simulated latency",
    "loopback unless told": "loopback by default",
    "doubts about the design are errors": "treat design warnings as errors",
    "it goes on where it was": "resumes",
    "hold a run against": "compare a run with",
    "sits nowhere": "is part of no recipe",
    "helped to make": "its own output",
    "favour their kin": "favour models of their own maker",
    "reads diversity into": "to avoid implying diversity",
    "nobody knows its price": "its price is unknown",
    "nobody answers at": "no response from",
    "is there already; move": "already exists; move",
    "people fight about": "disputed",
    "when they are first used": "lazily",
    "mend the bench": "fix the bench file",
}
"""What is not written any more -> what is."""


def test_words_of_a_dialect_of_our_own_are_gone():
    """Somebody who has to guess what a sentence means doubts the number in it."""
    pages = [*(ROOT / "docs").glob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    files = [p for p in pages if p.name != "log.md" and p.exists()]
    files += [p for p in PACKAGE.rglob("*") if p.suffix in {".py", ".md", ".j2", ".yaml"}]
    assert len(files) > 300
    wrong = [
        f"{path.relative_to(ROOT)}: {phrase!r}; write {better!r}"
        for path in files
        for phrase, better in BANNED.items()
        if phrase in " ".join(path.read_text("utf-8").casefold().split())
    ]
    assert not wrong, "\n".join(wrong)
