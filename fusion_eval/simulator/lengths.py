"""How long an answer is and what of it survives a cut, in words, without writing it.

The wire cuts real text, the direct sampler cuts by these positions, and a test holds the two
together: the arithmetic is the same on numbers and on arrays. An answer is an opening, paragraphs
of statements (each in a frame, perhaps with a bullet) with fillers at their ends, a closing, and
perhaps a last line.
"""

from __future__ import annotations

from typing import Any

OPENING, CLOSING, FILLER, FRAME = 8, 10, 10, 2
PARAGRAPH = 3
BULLETED = 0.4
"""Share of answers whose statements are bullets; a bullet counts as a word."""
TOKENS_PER_WORD = 1.35
CUT_FROM, CUT_RANGE = 0.3, 0.6
"""An answer that breaks off by itself keeps this share of its words, plus a uniform part."""


def fillers(said: Any, verbosity: float) -> Any:
    """Filler sentences after so many statements."""
    return (verbosity * said + 1e-9) // 1


def end_of_statement(rank: Any, words: Any, bullets: Any, verbosity: float) -> Any:
    """Place of a statement's last word.

    `rank` counts statements from 1; `words` are those of all statements so far, frames included;
    `bullets` is 0 or 1.
    """
    before = fillers((rank - 1) // PARAGRAPH * PARAGRAPH, verbosity)
    return OPENING + words + bullets * rank + FILLER * before


def whole(said: Any, words: Any, bullets: Any, verbosity: float) -> Any:
    """Words of a whole answer of `said` statements, without its last line."""
    fill = fillers(said + (said == 0), verbosity)
    return OPENING + CLOSING + FILLER * fill + words + bullets * said


def left_over(total: Any, place: Any) -> Any:
    """Words of an answer that breaks off by itself; `place` is a uniform. Its opening stays."""
    kept = (total * (CUT_FROM + CUT_RANGE * place)) // 1
    return kept + (OPENING - kept) * (kept < OPENING)


def room(cap: Any, reasoning: Any) -> Any:
    """Words that fit under a limit in tokens, after reasoning."""
    return ((cap - reasoning) / TOKENS_PER_WORD) // 1
