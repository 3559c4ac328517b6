"""A run at other prices, without a call: tokens are kept, dollars are worked out again.

The run itself stays as it is. A copy beside it has the new dollars, and its manifest says which
prices they come from. What was spent stays what the provider billed; where we had worked out the
bill ourselves, that is worked out again too.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from fusion_eval.core import Price, Usage, digest, dollars_of_trial
from fusion_eval.errors import InputError
from fusion_eval.loading.bench import load_price_file, price_from
from fusion_eval.store import Run, read_rows, read_run, write_manifest, write_table

Row = dict[str, Any]

_CALCULATED = ("bench file", "genai-prices", "unknown", "prices file")


def reprice(run: Run | str | Path, prices: str | Path | Mapping[str, Price]) -> Run:
    """A copy of a run at other prices: `results/<run-id>-at-<hash>`. Makes no call.

    `prices` is a file (`prices: {heron: {input: 1, output: 2}}`, US$ per million tokens, by name
    or id of the model) or values. Models that it does not name keep their dollars. Raises
    InputError for a model that the run has not, BenchFileError for a file that cannot be read.
    """
    opened = run if isinstance(run, Run) else read_run(run)
    chosen = prices if isinstance(prices, Mapping) else _from_file(prices)
    calls = read_rows(opened, "calls")
    known = {name for call in calls for name in (call["model"], call["model_requested"])}
    if unknown := sorted(chosen.keys() - known):
        there = ", ".join(sorted(str(name) for name in known))
        raise InputError(f"{opened.path}: no model {', '.join(unknown)}; the run has {there}")
    asked = {name: (held or {}).get("tier") for name, held in _prices_of(opened).items()}
    repriced = [_call(call, chosen, asked) for call in calls]
    trials = _trials(read_rows(opened, "trials"), repriced, opened.manifest)
    return _written(opened, chosen, repriced, trials)


def _from_file(path: str | Path) -> dict[str, Price]:
    entries = load_price_file(path).prices
    return {name: price_from(entry, source="prices file") for name, entry in entries.items()}


def _prices_of(run: Run) -> Mapping[str, Any]:
    """The prices that a run was made at, by the name of the model."""
    return run.manifest.get("prices") or {}


def _call(call: Row, prices: Mapping[str, Price], asked: Mapping[str, str | None]) -> Row:
    price = prices.get(call["model"]) or prices.get(call["model_requested"])
    if price is None or call["cost_source"] == "not billed":
        return call
    ours = str(call["cost_source"]).startswith(_CALCULATED)
    usage = _usage(call)
    price = replace(price, tier=asked.get(call["model"]) or price.tier)
    at, served = _seconds(call["price_date"]), call.get("service_tier")
    rate = price.rate(usage.tokens_in, at, served) if usage is not None else None
    if usage is None or rate is None:
        spent = None if ours and not call["cached"] else call["spent_usd"]
        return {**call, "cost_usd": None, "cost_source": "unknown", "spent_usd": spent}
    billed = rate.dollars(usage)
    spent = 0.0 if call["cached"] else billed
    return {
        **call,
        "cost_usd": billed + rate.cache_help(usage),
        "cost_source": price.source,
        "rate_input": rate.input,
        "rate_output": rate.output,
        "spent_usd": spent if ours else call["spent_usd"],
    }


def _usage(call: Row) -> Usage | None:
    if call["tokens_input"] is None:
        return None
    names = ("input", "cache_read", "cache_write", "cache_write_1h", "output", "reasoning")
    return Usage(**{name: call.get(f"tokens_{name}") or 0 for name in names})


def _seconds(date: str | None) -> float | None:
    return datetime.fromisoformat(date).timestamp() if date else None


def _trials(trials: list[Row], calls: list[Row], manifest: Mapping[str, Any]) -> list[Row]:
    """Trials with the dollars of their calls; answers that were only graded keep their own cost."""
    kept = ("cost_usd",) if manifest.get("graded") else ()
    found: dict[tuple[Any, ...], list[Row]] = {}
    for call in calls:
        found.setdefault((call["task"], call["recipe"], call["repeat"]), []).append(call)
    return [
        {
            **trial,
            **dollars_of_trial(found.get((trial["task"], trial["recipe"], trial["repeat"]), [])),
            **{name: trial[name] for name in kept},
        }
        for trial in trials
    ]


def _written(run: Run, prices: Mapping[str, Price], calls: list[Row], trials: list[Row]) -> Run:
    """The copy: other tables of dollars, the same answers and verdicts."""
    chosen = {name: asdict(price) for name, price in prices.items()}
    mark = digest(chosen)[:8]
    folder = run.path.parent / f"{run.path.name}-at-{mark}"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("verdicts.parquet", "tasks.jsonl", "answers.jsonl", "replies.jsonl", "bench.yaml"):
        if (run.path / name).exists():
            shutil.copyfile(run.path / name, folder / name)
    facts = {"run_id": folder.name, "simulated": run.simulated}
    write_table(folder, "calls", calls, facts)
    write_table(folder, "trials", trials, facts)
    held = {**_prices_of(run), **chosen}
    manifest = {
        **run.manifest,
        "run_id": folder.name,
        "repriced_from": run.id,
        "inputs_hash": f"{run.manifest.get('inputs_hash')} at {mark}",
        "prices": held,
        "prices_hash": digest(held)[:16],
    }
    manifest.pop("money", None)
    return write_manifest(folder, manifest)
