"""What a run has paid according to its ledger, and at whose price a shared call was sent."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from fusion_eval.bench.refuse import models_used
from fusion_eval.core import Bench, Model, total
from fusion_eval.engine import prices
from fusion_eval.engine.budget import Budget
from fusion_eval.engine.ledger import Ledger

Names = Mapping[str, Mapping[str, Model]]
"""Identity of a model -> its names in the bench file, which share their calls."""


def names_of(bench: Bench) -> Names:
    """All models that a bench can reach, by identity and name."""
    found: defaultdict[str, dict[str, Model]] = defaultdict(dict)
    for model in models_used(bench):
        found[model.identity][model.name] = model
    return found


def payer(ledger: Ledger, key: str, model: Model, names: Names) -> Model:
    """The model under whose name a call was sent; it matters where several names share calls."""
    mine = names.get(model.identity, {})
    return mine.get(ledger.sent_as(key), model) if len(mine) > 1 else model


def run_money(
    ledger: Ledger, run: str, bench: Bench, budget: Budget, shown_usd: float
) -> dict[str, Any]:
    """What goes into the manifest under `money`; `shown_usd` is what the tables show as spent."""
    bills = [usd for usd, _ in ledger.bills(run, models_used(bench))]
    lost = ledger.failed_attempts(run).values()
    paid = math.fsum(usd for usd in bills if usd is not None)
    unfinished = paid - shown_usd
    return {
        "spent_usd": paid,
        "possibly_paid_usd": total(prices.possibly(attempts) for attempts in lost),
        "unfinished_usd": unfinished if unfinished > 1e-9 else 0.0,
        "calls_of_unknown_price": bills.count(None),
        "budget_usd": bench.limits.budget_usd,
        "counted_against_budget_usd": budget.spent,
        "misbilled": budget.misbilled,
        "above_worst_case": {
            model: {"calls": calls, "usd": usd}
            for model, (calls, usd) in sorted(budget.above.items())
        },
    }
