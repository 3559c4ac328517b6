"""Telling a model's thoughts from its text, where both stand in one string.

An opening tag counts at the start of a text or of a line, where chat templates put it. Its thought
ends with the closing tag that balances it, else with the last one, else with the text. A closing
tag without an opening one counts only where nothing but thought stands before it: the template
opened the thought, and nothing has closed it yet. A tag inside code, in quotation marks or in the
middle of a sentence is a mention, and takes nothing away.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_NAME = r"(?:[a-z][\w.-]{0,20}:)?(?:think|thinking|thoughts?|reasoning)"
_TOKEN = re.compile(
    rf"(?P<open><{_NAME}(?:\s[^<>\n/]{{0,80}})?>|\[think(?:ing)?\]|◁think▷"
    r"|<\|begin_of_thought\|>|<\|start_thinking\|>|<\|channel>thought\b)"
    rf"|(?P<close><\s?/\s?{_NAME}\s?>|\[/think(?:ing)?\]|◁/think▷"
    r"|<\|end_of_thought\|>|<\|end_thinking\|>|<channel\|>)"
    r"|(?P<fence>^\ {0,3}(?:`{3,}|~{3,}))",
    re.IGNORECASE | re.MULTILINE,
)
_QUOTES = frozenset("`\"'“”‘’«»")
_PARAGRAPH_END = re.compile(r"[ \t\r]{0,20}\n[ \t\r]{0,20}\n")
_CHANNEL = re.compile(
    r"(?:<\|start\|>\s?assistant\s?)?<\|channel\|>\s?(?P<name>\w+)[^<\n]{0,80}"
    r"(?:<\|constrain\|>\s?\w+\s?)?<\|message\|>"
)
_CHANNEL_END = re.compile(r"<\|(?:end|return|call)\|>")


def split_thoughts(text: str) -> tuple[str, str]:
    """The text without its thoughts, and the thoughts; the text as it is where it has none.

    Knows `<think>`, `<thinking>`, `<thought>`, `<reasoning>` (in any case, with any prefix),
    `[THINK]`, the tokens of Kimi, Sky-T1, Cohere and Gemma, and the channels of harmony (gpt-oss).
    Takes time linear in the length of the text.
    """
    plain = text.lstrip()
    if _CHANNEL.match(plain):
        return _channels(plain)
    if plain.startswith("analysis") and "assistantfinal" in plain and not plain[8].isspace():
        thought, _, final = plain.removeprefix("analysis").partition("assistantfinal")
        return final.strip(), thought.strip()  # harmony, from a server that drops its tokens
    if not any(sign in text for sign in "<[◁"):
        return text, ""
    kept, thoughts, at = [], [], 0
    for start, end, thought in _thoughts(text):
        kept.append(text[at:start])
        thoughts.append(thought.strip())
        at = end
    if not thoughts:
        return text, ""
    return "".join([*kept, text[at:]]).strip(), "\n\n".join(filter(None, thoughts))


def _channels(text: str) -> tuple[str, str]:
    """What the final channel holds, and what the others do."""
    marks = list(_CHANNEL.finditer(text))
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    final: list[str] = []
    others: list[str] = []
    for mark, end in zip(marks, ends, strict=True):
        body = _CHANNEL_END.split(text[mark.end() : end], maxsplit=1)[0].strip()
        (final if mark["name"].lower() == "final" else others).append(body)
    return "\n\n".join(final), "\n\n".join(others)


def _thoughts(text: str) -> Iterator[tuple[int, int, str]]:
    """Start, end and content of each thought, in order."""
    tokens = [token for token in _TOKEN.finditer(text) if not _quoted(text, token)]
    i, end, fence = 0, 0, ""
    if (orphan := _orphan(text, tokens)) is not None:
        i, end = orphan + 1, tokens[orphan].end()
        yield 0, end, text[: tokens[orphan].start()]
    while i < len(tokens):
        token = tokens[i]
        i += 1
        if token.lastgroup == "fence":
            fence = _after_fence(text, token, fence)
        elif token.lastgroup == "close":
            twice = bool(end) and _blank(text, end, token.start())
            if twice or (end and not fence and _ends_thought(text, token, tokens[i - 2])):
                yield token.start(), token.end(), ""  # closed before: the tag goes, the text stays
            end = token.end() if twice else end
        elif not fence and _begins_line(text, token, end):
            last = _closing(tokens, i)
            if last is None:
                yield token.start(), len(text), text[token.end() :]
                return
            i, end = last + 1, tokens[last].end()
            yield token.start(), end, text[token.end() : tokens[last].start()]


def _closing(tokens: Sequence[re.Match[str]], after: int) -> int | None:
    """The tag that closes a thought: the balancing one, else the last, as openings are doubled."""
    depth, last = 1, None
    for i in range(after, len(tokens)):
        if tokens[i].lastgroup == "fence":
            continue
        if tokens[i].lastgroup == "open":
            depth += 1
            continue
        depth, last = depth - 1, i
        if depth == 0:
            break
    return last


def _orphan(text: str, tokens: Sequence[re.Match[str]]) -> int | None:
    """The closing tag of a thought that the template opened, so that no tag opens it here."""
    in_open_fence, fence = None, ""
    for i, token in enumerate(tokens):
        if token.lastgroup == "fence":
            fence = _after_fence(text, token, fence)
            in_open_fence = in_open_fence if fence else None
        elif token.lastgroup == "open":
            if not fence and _begins_line(text, token, 0):
                break
        elif in_open_fence is None and _ends_thought(text, token, tokens[i - 1] if i else None):
            if not fence:
                return i
            in_open_fence = i
    return in_open_fence  # a thought may leave a fence open


def _ends_thought(text: str, tag: re.Match[str], before: re.Match[str] | None) -> bool:
    """Whether a closing tag begins a line, or ends a sentence or a paragraph: no mention."""
    opened = before is not None and before.lastgroup == "open"
    if before is not None and opened and "\n" not in text[before.end() : tag.start()]:
        return False
    if _begins_line(text, tag, 0) or _PARAGRAPH_END.match(text, tag.end()):
        return True
    last = text[max(0, tag.start() - 2) : tag.start()]
    return last[-1:] not in " \t([{<" or last[:1] in ".!?…:;)]}。！？"


def _begins_line(text: str, tag: re.Match[str], end: int) -> bool:
    """Whether a tag starts a line or the text, or follows the thought that ended at `end`."""
    start = tag.start()
    line = text[max(0, start - 4) : start].rpartition("\n")
    if line[1]:
        return not line[2].strip()
    return _blank(text, end, start)


def _blank(text: str, start: int, end: int) -> bool:
    return end - start < 200 and not text[start:end].strip()


def _quoted(text: str, token: re.Match[str]) -> bool:
    around = (text[token.start() - 1 : token.start()], text[token.end() : token.end() + 1])
    return token.lastgroup != "fence" and all(sign in _QUOTES for sign in around)


def _after_fence(text: str, token: re.Match[str], fence: str) -> str:
    """The mark of the fence that is open after this line; empty where none is."""
    mark = token.group().strip()
    if not fence:
        return mark
    rest = text[token.end() : token.end() + 1]
    return "" if mark.startswith(fence) and rest in ("", "\n", "\r", " ", "<", "[") else fence
