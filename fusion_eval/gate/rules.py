"""Each rule of a policy, held against a run and its baseline: pass, fail or inconclusive.

A rule passes when the data exclude, one-sided at alpha, that it is broken. Else it fails where they
exclude that nothing got worse; what lies between is inconclusive and says what would decide it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from scipy.special import betainc, betaincinv

from fusion_eval.gate import samples
from fusion_eval.gate.baseline import Baseline
from fusion_eval.gate.difference import BETWEEN_DAYS, NOISIER, Samples, difference
from fusion_eval.gate.factors import ratio_to
from fusion_eval.gate.noise import needed
from fusion_eval.gate.samples import common
from fusion_eval.gate.values import Beats, Coverage, Factor, Failures, Outcome, Policy, Quality
from fusion_eval.report.words import number
from fusion_eval.stats.equivalence import noninferiority_p
from fusion_eval.stats.means import Mean

_NOISIER_ASKS = 5
"""How many times clearer a run that is noisier than its baseline must be worse, to fail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """The run and what it is held against, and the policy's way of looking."""

    new: Baseline
    old: Baseline
    policy: Policy


def title(rule: Quality, margin: float) -> str:
    """`score not worse by 2`; a section and the whole score are two rules. margin : 0 to 1"""
    part = {"section": rule.section, "domain": rule.domain}
    named = next((f"{what} {name}" for what, name in part.items() if name), "score")
    return f"{named} not worse by {100 * margin:g}"


def quality(rule: Quality, recipe: str, sides: Sides) -> Outcome:
    """Score, whole or of a section or domain, not worse than the baseline by the margin.

    Answers without a score, of tasks that have one in the baseline, are counted 0 when the question
    is whether the rule is kept, and full marks when it is whether anything got worse.
    """
    part = {"section": rule.section, "domain": rule.domain}
    held = [samples.scores(side, recipe, **part) for side in (sides.new, sides.old)]
    new, old = (samples.by_task(one) for one in held)
    margin = (sides.policy.margin if rule.margin is None else rule.margin) / 100
    missing = samples.unscored(sides.new, held[0], old, recipe, rule.domain)
    tasks, name = common(new, old) if new and old else [], title(rule, margin)
    if not tasks:
        said = "no task has such a score in both"
        return _open("quality", name, recipe, -margin, _joined([said, _lost(missing, new)]))
    if not missing and samples.same_answers(sides.new, sides.old, recipe):
        mean = worst = best = samples.regraded(held[0], held[1])
    else:
        look = partial(_difference, old, samples.by_day(sides.old, held[1]), sides.policy)
        mean, worst = look(new), look(samples.filled(new, missing, 0.0), margin=margin)
        best = look(samples.filled(new, missing, 1.0))
    left = len(set(new) - set(old))
    why = _joined([
        f"{number(left, 'task')} without a score in the baseline: left out" if left else "",
        _lost(missing, new),
        worst.how if worst.how in (NOISIER, BETWEEN_DAYS) else "",
    ])  # fmt: skip
    needs = "scores for the answers that have none" if missing else None
    return _of_means(
        name, "quality", recipe, (mean, worst, best), -margin, sides.policy, why,
        max(len(new[t]) for t in tasks), needs,
    )  # fmt: skip


def _difference(
    old: Samples, days: Sequence[Samples], policy: Policy, new: Samples, margin: float = 0.0
) -> Mean:
    tasks = common(new, old)
    return difference(new, old, tasks, policy.estimand, margin=margin, days=days)


def _lost(missing: Mapping[str, int], new: Samples) -> str:
    """`26 tasks of the baseline have no score in this run, and 3 answers more`."""
    whole = [count for task, count in missing.items() if task not in new]
    rest = sum(missing.values()) - sum(whole)
    parts = [f"{number(len(whole), 'task')} of the baseline"] if whole else []
    parts += [f"{number(rest, 'answer')} to other tasks" if whole else number(rest, "answer")] * (
        rest > 0
    )
    return f"without a score in this run: {' and '.join(parts)}" if parts else ""


def _joined(texts: Sequence[str]) -> str:
    return "; ".join(text for text in texts if text)


def _of_means(
    name: str,
    kind: str,
    recipe: str,
    means: tuple[Mean, Mean, Mean],
    limit: float,
    policy: Policy,
    why: str,
    repeats: int,
    needs: str | None = None,
) -> Outcome:
    """A mean that must lie above a limit; `means`: as seen, at its worst, and at its best."""
    mean, worst, best = means
    # a run of the baseline's own answers differs by nothing, and the page says what that proves
    p_pass = float(worst.value <= limit) if worst.se == 0 else noninferiority_p(worst, -limit)
    if math.isnan(p_pass):
        said = "one repeat on either side: nothing shows how much answers vary"
        needs = "a baseline with repeats (run it with --repeats 3), or `estimand: new tasks`"
        return _open(kind, name, recipe, limit, said, needs=needs, value=mean.value, n=mean.n)
    p_fail = 1 - noninferiority_p(best, 0.0) if best.se > 0 else float(best.value >= 0)
    if best.how == NOISIER:  # its noise was told from the same answers that look bad
        p_fail = min(1.0, _NOISIER_ASKS * p_fail)
    return Outcome(
        rule=name, kind=kind, recipe=recipe, word="inconclusive", value=mean.value,
        low=worst.value - _half(worst, policy.alpha), high=best.value + _half(best, policy.alpha),
        limit=limit, n=mean.n, why=why, p_pass=p_pass, p_fail=p_fail,
        needs=needs
        or needed(worst, -limit, policy.alpha, repeats=repeats, estimand=policy.estimand),
    )  # fmt: skip


def _half(mean: Mean, alpha: float) -> float:
    return mean.t_quantile(1 - 2 * alpha) * mean.se if mean.se > 0 else 0.0


def factor(rule: Factor, recipe: str, sides: Sides) -> Outcome:
    """Mean cost or latency at most `factor` times the baseline's, by permutation."""
    name = {"cost": "cost_usd", "latency": "latency_s"}[rule.kind]
    held = [samples.numbers(side, recipe, name) for side in (sides.new, sides.old)]
    new, old = (samples.by_task(one) for one in held)
    title = f"{rule.kind} at most {rule.factor:g} ×"
    tasks = common(new, old) if new and old else []
    a, b = (sum(float(side[t].mean()) for t in tasks) for side in (new, old))
    if not tasks or math.isnan(a + b):
        said = f"{rule.kind} is not known for every answer"
        return _open(rule.kind, title, recipe, rule.factor, said, n=len(tasks),
                     needs="prices for all models, or leave this rule out")  # fmt: skip
    if a <= 0:
        free = "costs nothing" if rule.kind == "cost" else "takes no time"
        return _fact(rule.kind, title, recipe, 0.0, rule.factor, len(tasks), good=True, why=free)
    if b <= 0:
        said = "the baseline has nothing to divide by"
        return _open(rule.kind, title, recipe, rule.factor, said, n=len(tasks))
    ratio = ratio_to(new, old, tasks, samples.by_day(sides.old, held[1]))
    low, high = ratio.ends(sides.policy.alpha)
    return Outcome(
        rule=title, kind=rule.kind, recipe=recipe, word="inconclusive", value=ratio.value,
        low=low, high=high, limit=rule.factor, n=len(tasks), why=ratio.how,
        needs="more repeats or tasks", p_pass=ratio.p_above(rule.factor), p_fail=ratio.p_below(1.0),
    )  # fmt: skip


def failures(rule: Failures, recipe: str, sides: Sides) -> Outcome:
    """Share of failed answers below a limit; tasks are the sampling unit, as repeats fail together.

    Exact binomial bounds (Clopper and Pearson 1934) for as many observations as there are tasks: of
    all shares of failed repeats with one mean, those that are 0 or 1 vary most.
    """
    by_task = samples.failed(sides.new, recipe)
    title = f"failures at most {rule.at_most:.1%}"
    if not by_task:
        return _open("failures", title, recipe, rule.at_most, "no answer")
    n, k = len(by_task), float(sum(x.mean() for x in by_task.values()))
    every, lost = sum(len(x) for x in by_task.values()), sum(int(x.sum()) for x in by_task.values())
    alpha = sides.policy.alpha
    high = 1.0 if k >= n else float(betaincinv(k + 1, n - k, 1 - alpha))
    low = 0.0 if k <= 0 else float(betaincinv(k, n - k + 1, alpha))
    p_pass = 1.0 if k >= n else float(1 - betainc(k + 1, n - k, rule.at_most))
    p_fail = 1.0 if k <= 0 else float(betainc(k, n - k + 1, rule.at_most))
    clean = math.ceil(math.log(alpha) / math.log1p(-rule.at_most)) if rule.at_most < 1 else 1
    return Outcome(
        rule=title, kind="failures", recipe=recipe, word="inconclusive", value=k / n, low=low,
        high=high, limit=rule.at_most, n=n, why=f"{lost} of {number(every, 'answer')} failed",
        needs=f"more tasks: {clean} without a failure would show it",
        p_pass=p_pass, p_fail=p_fail,
    )  # fmt: skip


def coverage(rule: Coverage, recipe: str, sides: Sides) -> Outcome:
    """Share of verdicts that were read in this run: a fact, not an estimate."""
    rows = sides.new.trials[sides.new.trials["recipe"].astype(str) == recipe]
    answered = rows[rows["failure"].isna()]
    known = answered["coverage"].astype(float)
    if known.notna().any():  # an answer that nobody graded has no verdict that was read
        known = known.where(known.notna() | answered["score"].notna(), 0.0)
    value = float(known.mean()) if known.notna().any() else None
    good = None if value is None else value >= rule.at_least
    title, why = f"verdicts read at least {rule.at_least:.1%}", "" if known.size else "no answer"
    n = len(known)
    return _fact("coverage", title, recipe, value, rule.at_least, n, good=good, why=why)


def beats(rule: Beats, sides: Sides) -> Outcome:
    """Above each of the others within this run; all of them must be beaten (intersection-union)."""
    title = f"above {', '.join(rule.others)}"
    own = samples.by_task(samples.scores(sides.new, rule.recipe))
    found = [
        (name, _ahead(own, samples.by_task(samples.scores(sides.new, name)), sides.policy))
        for name in rule.others
    ]
    if missing := [name for name, mean in found if mean is None]:
        return _open("beats", title, rule.recipe, 0.0, f"no common task with {', '.join(missing)}")
    means = [(name, mean) for name, mean in found if mean is not None]
    worst, mean = min(means, key=lambda item: item[1].value)
    made = [
        _of_means(title, "beats", rule.recipe, (m, m, m), 0.0, sides.policy, "", 1)
        for _, m in means
    ]
    if any(one.p_pass is None for one in made):
        return next(one for one in made if one.p_pass is None)
    closest = made[[name for name, _ in means].index(worst)]
    return Outcome(
        rule=title, kind="beats", recipe=rule.recipe, word="inconclusive", value=mean.value,
        low=closest.low, high=closest.high, limit=0.0, n=mean.n, why=f"closest: {worst}",
        needs=closest.needs, p_pass=max(one.p_pass or 0.0 for one in made),
        p_fail=min(1.0, len(made) * min(1.0 if one.p_fail is None else one.p_fail for one in made)),
    )  # fmt: skip


def _ahead(own: Samples, other: Samples, policy: Policy) -> Mean | None:
    tasks = common(own, other) if own and other else []
    if not tasks:
        return None
    mean = difference(own, other, tasks, policy.estimand)
    return difference(own, other, tasks, "new tasks") if math.isnan(mean.se) else mean


def _open(
    kind: str, name: str, recipe: str, limit: float, why: str, *,
    needs: str = "", value: float | None = None, n: int = 0,
) -> Outcome:  # fmt: skip
    return Outcome(rule=name, kind=kind, recipe=recipe, word="inconclusive", value=value, low=None,
                   high=None, limit=limit, n=n, why=why, needs=needs)  # fmt: skip


def _fact(
    kind: str, name: str, recipe: str, value: float | None, limit: float, n: int, *,
    good: bool | None, why: str,
) -> Outcome:  # fmt: skip
    """A rule that is kept or broken as a matter of fact; `good` None where nothing is known."""
    certain = None if good is None else float(not good)
    return Outcome(
        rule=name, kind=kind, recipe=recipe, word="inconclusive", value=value, low=None, high=None,
        limit=limit, n=n, why=why, p_pass=certain, p_fail=None if certain is None else 1 - certain,
    )  # fmt: skip
