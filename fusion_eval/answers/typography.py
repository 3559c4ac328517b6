"""Spellings that a reader of a page does not see: widths, dashes, quotation marks, forms of é."""

from __future__ import annotations

import re
import unicodedata

_DASHES = "‐‑‒–—―−﹘﹣－"
_SINGLE, _DOUBLE = "‘’‚‛′´", "“”„‟″＂«»"
_SPACES = "\u00a0\u1680\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
_PLAIN = {
    **{code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)},
    **dict.fromkeys(map(ord, _DASHES), "-"),
    **dict.fromkeys(map(ord, _SINGLE), "'"),
    **dict.fromkeys(map(ord, _DOUBLE), '"'),
    **dict.fromkeys(map(ord, _SPACES), " "),
    **dict.fromkeys([0x00AD, 0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x2060, 0xFEFF]),
}
_SPECIAL = re.compile(r"<\|[A-Za-z_]{2,40}\|>|</s>|<(?:end_of_turn|eos|bos)>|\[/INST\]")


def straight(text: str) -> str:
    """The text in NFC, of normal width, with straight dashes, quotes and spaces.

    Letters and digits stay what they are: `x²` does not become `x2`.
    """
    return unicodedata.normalize("NFC", text).translate(_PLAIN)


def without_tokens(text: str) -> str:
    """The text without special tokens of a chat template, such as `<|im_end|>`."""
    return _SPECIAL.sub("", text)
