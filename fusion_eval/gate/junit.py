"""The outcome of a gate as JUnit XML: one case for each rule and recipe."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

from fusion_eval import files
from fusion_eval.gate.values import Checked, Outcome
from fusion_eval.gate.words import context, count, headlines, measured

_UNFIT = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold."""


def write_junit(checked: Checked, path: Path, *, file: str = "") -> Path:
    """Write the file; `file` is where the rules stand.

    A failed rule is a `failure`; one that cannot tell is an `error`, a `failure` or `skipped`, as
    the policy treats it. Times are seconds: what the run took, and what the answers of a recipe
    took one after the other.
    """
    words = [_treated(o, checked) for o in checked.outcomes]
    suite = ElementTree.Element("testsuite", {
        "name": "fusion-eval gate (SIMULATED)" if checked.simulated else "fusion-eval gate",
        "tests": str(len(words)),
        **({} if checked.context.seconds is None else {"time": f"{checked.context.seconds:.3f}"}),
        **{f"{kind}s" if kind != "skipped" else kind: str(words.count(kind))
           for kind in ("failure", "error", "skipped")},
    })  # fmt: skip
    for outcome, word in zip(checked.outcomes, words, strict=True):
        suite.append(_case(outcome, word, checked, file))
    ElementTree.SubElement(suite, "system-out").text = _fit(
        "\n".join([*headlines(checked), *context(checked), *checked.notes])
    )
    root = ElementTree.Element("testsuites")
    root.append(suite)
    path.parent.mkdir(parents=True, exist_ok=True)
    return files.write_bytes(path, ElementTree.tostring(root, "utf-8", xml_declaration=True))


def _treated(outcome: Outcome, checked: Checked) -> str:
    if outcome.word != "inconclusive":
        return {"pass": "", "fail": "failure"}[outcome.word]
    return {"pass": "skipped", "fail": "failure", 3: "error"}[checked.inconclusive]


def _case(outcome: Outcome, word: str, checked: Checked, file: str) -> ElementTree.Element:
    took = checked.context.recipe_seconds.get(outcome.recipe, 0.0)
    case = ElementTree.Element("testcase", {
        "classname": _fit(outcome.recipe), "name": _fit(outcome.rule), "time": f"{took:.3f}",
        **({"file": _fit(file)} if file else {}),
    })  # fmt: skip
    text = f"{outcome.word}: {measured(outcome)}, {count(outcome)}"
    if word:
        said = ElementTree.SubElement(case, word, {"message": _fit(text)})
        said.text = _fit("\n".join(part for part in (outcome.why, outcome.needs) if part))
    else:
        ElementTree.SubElement(case, "system-out").text = _fit(text)
    return case


def _fit(text: str) -> str:
    return _UNFIT.sub("\ufffd", text)
