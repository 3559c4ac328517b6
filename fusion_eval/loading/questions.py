"""Tables of questions as people have them: GSM8K, MMLU, GPQA, MT-Bench, Arena-Hard, own sheets.

Every row is one task; what is no question, answer, option, id or subject stays in `metadata`. A
table without answers is scored by preference: run it, then
`grade RUN --protocol pairwise --against RECIPE`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fusion_eval.errors import TaskFileError
from fusion_eval.loading.formats import format_of
from fusion_eval.loading.rows import Raw

Row = dict[str, Any]
IDS = ("id", "question_id", "task_id", "doc_id", "uid", "sample_id", "prompt_id", "Record ID")
PROMPTS = ("question", "prompt", "problem", "instruction", "input", "query", "Question")
ANSWERS = ("answer", "target", "ground_truth", "answerKey", "correct_answer", "solution",
           "Correct Answer", "label")  # fmt: skip
DOMAINS = ("domain", "category", "subject", "High-level domain", "Subject")
_WRONG = tuple(f"Incorrect Answer {k}" for k in (1, 2, 3))
_OPTIONS = ("choices", "options")
_LETTERED = (("A", "B", "C", "D"), ("option_a", "option_b", "option_c", "option_d"),
             ("a", "b", "c", "d"))  # fmt: skip
_OURS = frozenset({"criteria", "check", "system", "tags", "metadata", "score", "reference"})
_OURS_ALONE = frozenset({"id", "prompt", "target", "domain", "cluster"})
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
COLUMNS = ("id", "prompt", "target", "domain", "cluster")
"""Names of ours that a column may be given for."""
_GSM8K = re.compile(r"####\s*(.+?)\s*$")
_NUMBER = re.compile(r"[-+]?\d[\d,]*(\.\d+)?")


def is_question(row: object) -> bool:
    """A question of somebody's table, and none of the keys that only our own task files have."""
    if not isinstance(row, dict) or format_of(row) is not None:
        return False
    if isinstance(row.get("turns"), list):
        return not any(isinstance(t, dict) and "role" in t for t in row["turns"])
    if not _OURS.isdisjoint(row):
        return False
    if row.keys() <= _OURS_ALONE and "target" in row and "id" in row:
        return False
    if {"id", "prompt", "target"} <= row.keys():
        return False  # ours, with a key too many: that is an error and not metadata
    return _first(row, PROMPTS) is not None


def as_tasks(raw: Sequence[Raw], columns: Mapping[str, str] | None = None) -> list[Raw]:
    """Rows of our own task file, where all rows of a table are questions; else as they are.

    columns : our name (id, prompt, target, domain, cluster) -> theirs, before anything is guessed
    """
    if columns:
        _check(raw, columns)
        raw = [({**{ours: row.get(theirs) for ours, theirs in columns.items()},
                 **{k: v for k, v in row.items() if k not in columns.values()}}, where)
               if isinstance(row, dict) else (row, where) for row, where in raw]  # fmt: skip
    if not raw or not (columns or all(is_question(row) for row, _ in raw)):
        return list(raw)
    numbers = _all_numbers([row for row, _ in raw])
    first = _first_index([row for row, _ in raw])
    return [
        (_task(row, place, numbers=numbers, first=first), where)
        for place, (row, where) in enumerate(raw, 1)
    ]


def _check(raw: Sequence[Raw], columns: Mapping[str, str]) -> None:
    """Every column that is named must be somewhere in the table."""
    names = dict.fromkeys(name for row, _ in raw if isinstance(row, dict) for name in row)
    lost = [theirs for theirs in columns.values() if theirs not in names]
    if lost and raw:
        place = raw[0][1](())
        raise TaskFileError(f"{place}: no column {lost[0]!r}; the table has {', '.join(names)}")


def with_columns(source: str) -> tuple[str, dict[str, str]]:
    """`sheet.csv?prompt=q&target=a` as the file and its columns; a file of that name is one."""
    place, mark, query = source.partition("?")
    if not mark or Path(source).exists():
        return source, {}
    pairs = [part.partition("=") for part in query.split("&")]
    if wrong := [ours for ours, _, theirs in pairs if ours not in COLUMNS or not theirs]:
        names = ", ".join(COLUMNS)
        raise TaskFileError(f"{place}: columns {wrong[0]!r}: write ours=theirs; ours: {names}")
    return place, {ours: theirs for ours, _, theirs in pairs}


def _first(row: Mapping[str, Any], names: Sequence[str]) -> str | None:
    return next((n for n in names if row.get(n) not in (None, "")), None)


def _task(row: Row, place: int, *, numbers: bool, first: int) -> Row:
    used: set[str] = set()

    def take(names: Sequence[str]) -> Any:
        name = _first(row, names)
        used.update([name] if name else [])
        return row[name] if name else None

    name, prompt = take(IDS), take(PROMPTS)
    if isinstance(row.get("turns"), list):
        used.add("turns")
        prompt, *later = [t.get("content") if isinstance(t, dict) else t for t in row["turns"]]
    else:
        later = []
    options, letter = _options(row, used, str(prompt), first)
    answer = row.get(letter) if letter in row else take(ANSWERS) if not options else None
    made: Row = {"id": str(place if name is None else name).strip(), "prompt": prompt}
    if options:
        lines = [f"{_LETTERS[k]}. {text}" for k, text in enumerate(options)]
        made |= {"prompt": f"{prompt}\n\n" + "\n".join(lines), "target": letter, "check": "choice"}
    elif answer is not None and not isinstance(answer, list | dict):
        made |= _target(answer, numbers)
    else:
        made["preference"] = True
    for ours, theirs in (("domain", take(DOMAINS)), ("cluster", take(("cluster",)))):
        made |= {ours: str(theirs)} if theirs is not None else {}
    rest = {k: v for k, v in row.items() if k not in used and v is not None}
    rest |= {"later_turns": later} if later else {}
    rest |= {"solution": answer} if isinstance(answer, str) and _GSM8K.search(answer) else {}
    return made | ({"metadata": rest} if rest else {})


def _target(answer: Any, numbers: bool) -> Row:
    text = str(answer).strip()
    if isinstance(answer, float) and answer.is_integer():
        text = str(int(answer))
    if found := _GSM8K.search(text):
        return {"target": found[1], "check": "numeric"}
    return {"target": text, "check": "numeric" if numbers else "exact"}


def _all_numbers(rows: Sequence[Row]) -> bool:
    """Whether every answer of the table is a plain number, so that 1,000 and 1000 are the same."""
    answers = [row.get(_first(row, ANSWERS) or "") for row in rows]
    return bool(answers) and all(
        a is not None and _NUMBER.fullmatch(str(a).strip()) for a in answers
    )


def _first_index(rows: Sequence[Row]) -> int:
    """Whether places of options are counted from 0 or from 1, by what the whole table has."""
    answers = [str(row.get(_first(row, ANSWERS) or "")) for row in rows]
    return (
        0 if "0" in answers or not any(a.isdecimal() for a in answers) else _from_one(rows, answers)
    )


def _from_one(rows: Sequence[Row], answers: Sequence[str]) -> int:
    counts = [len(_texts(row)[0]) for row in rows]
    ends = any(a == str(n) for a, n in zip(answers, counts, strict=True) if n)
    return 1 if ends else 0


def _texts(row: Row) -> tuple[list[str], list[str], list[str]]:
    """(options, their labels, columns that they stand in); empty where there are none."""
    for name in _OPTIONS:
        value = row.get(name)
        if isinstance(value, dict) and isinstance(value.get("text"), list):
            texts = [str(t) for t in value["text"]]
            return texts, [str(x) for x in value.get("label") or _LETTERS[: len(texts)]], [name]
        if isinstance(value, list) and value:
            return [str(v) for v in value], list(_LETTERS[: len(value)]), [name]
    for names in _LETTERED:
        if all(row.get(n) not in (None, "") for n in names):
            return [str(row[n]) for n in names], list(_LETTERS[: len(names)]), list(names)
    return [], [], []


def _options(row: Row, used: set[str], prompt: str, first: int) -> tuple[list[str], str]:
    """The options and the letter of the right one.

    GPQA names the right answer and three wrong ones; they are shuffled by the hash of the question,
    or the first letter would always be right.
    """
    if "Correct Answer" in row and any(n in row for n in _WRONG):
        names = ["Correct Answer", *(n for n in _WRONG if row.get(n))]
        used.update(names)
        order = sorted(
            names, key=lambda n: hashlib.sha256(f"{prompt}\n{row[n]}".encode()).hexdigest()
        )
        return [str(row[n]) for n in order], _LETTERS[order.index("Correct Answer")]
    texts, labels, columns = _texts(row)
    name = _first(row, ANSWERS)
    if not texts or name is None:
        return [], ""
    used.update([*columns, name])
    return texts, _letter(row[name], texts, labels, first)


def _letter(answer: Any, texts: Sequence[str], labels: Sequence[str], first: int) -> str:
    """The letter of an answer that is a label, a place or the text of an option, else as it is."""
    said = str(answer).strip()
    if said in labels:
        return _LETTERS[labels.index(said)]
    if said.upper() in labels:
        return said.upper()
    if said in texts and texts.count(said) == 1:
        return _LETTERS[list(texts).index(said)]
    if said.isdecimal() and first <= int(said) < len(texts) + first:
        return _LETTERS[int(said) - first]
    return said
