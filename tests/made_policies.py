"""Published formulas told a second time, and the table of docs/methods.md that compares them.

`python tests/made_policies.py` writes the table again; a test compares it with the policies.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fusion_eval.core import POLICIES, Criterion, Policy, Question, Task, Verdict

METHODS = Path(__file__).parents[1] / "docs" / "methods.md"
START, END = "<!-- policies: begin -->", "<!-- policies: end -->"
Value = float | None


def verdicts(
    weights: Sequence[float],
    values: Sequence[Value],
    sections: Sequence[str] | None = None,
    references: Sequence[Value] | None = None,
    grader_pass: int = 0,
    grader: str = "g",
) -> list[Verdict]:
    """One verdict per weight; a value of None was not read."""
    made = []
    for i, (weight, value) in enumerate(zip(weights, values, strict=True)):
        word = "unreadable" if value is None else "met" if value >= 0.5 else "unmet"
        made.append(
            Verdict(
                criterion=f"c{i}",
                section=sections[i] if sections else "",
                weight=float(weight),
                grader=grader,
                grader_pass=grader_pass,
                verdict=word,
                value=value,
                reference_value=references[i] if references else None,
            )
        )
    return made


def tree_task(*groups: tuple[float, Sequence[float]], score: str = "paperbench") -> Task:
    """A task whose groups (weight, weights of leaves) make a tree of two levels."""
    kind = "reference" if score == "deepresearch-bench" else "binary"
    criteria = tuple(
        Criterion(
            id=f"g{g}",
            weight=float(weight),
            criteria=tuple(
                Criterion(id=f"g{g}c{i}", requirement=f"r{g}.{i}", weight=float(w), kind=kind)
                for i, w in enumerate(leaves)
            ),
        )
        for g, (weight, leaves) in enumerate(groups)
    )
    return Task(id="t", question=Question(prompt="p"), criteria=criteria, score=score)


# Published formulas for complete gradings, written from the papers and public code without a look
# at ours: w weights, v values, r values of the reference. They divide by zero where theirs do.


def draco(w, v, r=None):
    positive = sum(x for x in w if x > 0)
    raw = sum(x * y for x, y in zip(w, v, strict=True))
    normal = raw / positive if positive else 1 + raw / sum(abs(x) for x in w)
    return min(1.0, max(0.0, normal))


def points_over_positive(w, v, r=None):
    """HealthBench and PRBench's second score, which do not cut a task."""
    possible = sum(x for x in w if x > 0)
    return sum(x * y for x, y in zip(w, v, strict=True)) / possible if possible else None


def researchrubrics(w, v, r=None):
    denominator = sum(x for x in w if x > 0)
    total = sum(x * y for x, y in zip(w, v, strict=True))
    return total / denominator if denominator > 0 else 0.0


def prbench(w, v, r=None):
    least, most = sum(x for x in w if x < 0), sum(x for x in w if x > 0)
    return (sum(x * y for x, y in zip(w, v, strict=True)) - least) / (most - least)


def weighted_mean(w, v, r=None):
    """PaperBench's node and ProfBench's answer: no weight is below 0 there."""
    return sum(x * y for x, y in zip(w, v, strict=True)) / sum(w)


def rar(w, v, r=None):
    total = sum(w)
    return min(1.0, max(0.0, weighted_mean(w, v))) if total > 0 else None


def wildbench(w, v, r=None):
    """(Y - 5) * 2 of 10, where the value is the place of the grade Y between 1 and 10."""
    grade = 1 + 9 * weighted_mean(w, v)
    return (grade - 5) * 2 / 10


def race(w, v, r):
    ours, theirs = weighted_mean(w, v), weighted_mean(w, r)
    return ours / (ours + theirs) if ours + theirs > 0 else 0.0


PUBLISHED = {
    "draco": draco,
    "healthbench": points_over_positive,
    "researchrubrics": researchrubrics,
    "prbench": prbench,
    "prbench-points": points_over_positive,
    "paperbench": weighted_mean,
    "rar": rar,
    "profbench": weighted_mean,
    "wildbench": wildbench,
    "deepresearch-bench": race,
}
POSITIVE_ONLY = {name for name, policy in POLICIES.items() if not policy.errors}

# The same verdicts under every policy

CASES: dict[str, tuple[list[float], list[Value], list[str]]] = {
    "a: complete": ([10, 6, 4, 10, -8, -12], [1, 1, 0, 0, 0, 1], list("xxxyxy")),
    "b: an error met that costs more than all": (
        [10, 6, 4, 10, -8, -12],
        [0.5, 0, 0, 1, 1, 1],
        list("xxxyxy"),
    ),
    "c: a merit and an error unread": (
        [10, 6, 4, 10, -8, -12],
        [1, 1, None, 0, None, 1],
        list("xxxyxy"),
    ),
    "d: errors alone": ([-8, -12], [1, 0], list("xy")),
    "e: merits alone": ([10, 6, 4, 10], [1, 0.5, 0, 1], list("xxyy")),
}


def table() -> str:
    """The cases under every policy, and the parts that each policy is made of, as Markdown."""
    head = ["policy", *(name[:1] for name in CASES)]
    rows = [[f"`{policy.name}`", *_scores(policy)] for policy in POLICIES.values()]
    parts = [_parts(policy) for policy in POLICIES.values()]
    named = ["policy", "formula", "no merit", "cut to 0–1", "headline", "source"]
    cases = "; ".join(f"*{name}* {_described(case)}" for name, case in CASES.items())
    return "\n".join(
        [*_markdown(named, parts), "", f"Verdicts: {cases}.", "", *_markdown(head, rows)]
    )


def _described(case: tuple[list[float], list[Value], list[str]]) -> str:
    return ", ".join(
        f"{w:+g} {'?' if v is None else f'{v:g}'}" for w, v in zip(case[0], case[1], strict=True)
    )


def _scores(policy: Policy) -> list[str]:
    cells = []
    for weights, values, sections in CASES.values():
        if policy.name in POSITIVE_ONLY and min(weights) < 0:
            cells.append("refused")
            continue
        score = policy(verdicts(weights, values, sections, [0.5] * len(weights)))
        text = "none" if score.value is None else f"{score.value:.3f}"
        opened = f" ({score.low:.3f} to {score.high:.3f})" if score.low < score.high else ""
        cells.append(text + (opened if score.value is not None else ""))
    return cells


def _parts(policy: Policy) -> list[str]:
    below = {"positive": "Σ w > 0", "all": "Σ w", "range": "Σ \\|w\\|"}[policy.denominator]
    above = "Σ wv − Σ w < 0" if policy.denominator == "range" else "Σ wv"
    formula = "T / (T + R)" if policy.numerator == "share" else f"({above}) / {below}"
    if policy.floor:
        formula = f"{policy.floor:g} + {1 - policy.floor:g} × {formula}"
    if policy.tree:
        formula += ", in each level of a tree"
    natural = policy.denominator == "range"
    alone = {"inverted": "1 + Σ wv / Σ \\|w\\|", "zero": "0", "unscored": "no score"}
    no_merit = "the formula" if natural else alone[policy.all_negative]
    cut = {"task": "task", "mean": "mean only", "section": "section, task", "none": "no"}
    over = {"tasks": "mean of tasks", "domains": "mean of domains"}
    return [
        f"`{policy.name}`",
        formula,
        no_merit if policy.errors else "refused",
        cut[policy.clip],
        over[policy.over],
        policy.source,
    ]


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    line = "| " + " | ".join(head) + " |"
    ruler = "| " + " | ".join("---" for _ in head) + " |"
    return [line, ruler, *("| " + " | ".join(row) + " |" for row in rows)]


def document() -> str:
    """docs/methods.md with the tables as they have to be."""
    text = METHODS.read_text(encoding="utf-8")
    before, rest = text.split(START)
    _, after = rest.split(END)
    return f"{before}{START}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    METHODS.write_text(document(), encoding="utf-8")
