"""An explanation as lines for a terminal; text of models loses whatever could act there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fusion_eval.core import inert
from fusion_eval.core.readable import dollars, points, seconds

Found = Mapping[str, Any]
_PROMPT, _TEXT, _REASON = 600, 900, 400
"""Characters that are shown of a prompt, of an answer, and of a grader's words."""


def lines(found: Found, *, full: bool = False) -> Iterator[str]:
    """What `explain` found, in words; `full` shows all text of prompts, answers and replies."""
    if found["simulated"]:
        yield "SIMULATED"
    say = {"trial": _trial, "verdict": _verdict, "call": _call}[found["what"]]
    yield from say(found, full)


def safe(text: object) -> list[str]:
    """Lines of text without control or direction characters, which a terminal would obey."""
    return inert(text).split("\n")


def line(text: object) -> str:
    """The same on one line."""
    return " ".join(" ".join(safe(text)).split())


def _trial(found: Found, full: bool) -> Iterator[str]:
    where = f"{line(found['task'])}/{line(found['recipe'])}/{found['repeat']}"
    yield f"Trial {where} of run {line(found['run_id'])} ({line(found['strategy'] or 'imported')})"
    yield ""
    yield from _asked(found, full)
    yield from _seats(found["seats"])
    yield from _outcome(found)
    yield from _calls("Calls behind the answer", found["calls"], full)
    if found["answer"] is not None:
        yield from _text("Answer", found["answer"], _TEXT, full)
    yield from _arithmetic(found)
    yield from _calls("Calls of the grader", found["grading"], full=False)


def _asked(found: Found, full: bool) -> Iterator[str]:
    if not found["asked"]:
        yield "Asked: the run holds no text of this task."
        return
    for message in found["asked"]:
        yield from _text(f"Asked ({line(message['role'])})", message["content"], _PROMPT, full)
    if found.get("form"):
        yield from _text("Form that is asked for with it", found["form"], _PROMPT, full)
    if found["target"] is not None:
        yield f"Target: {line(found['target'])}"


def _seats(seats: Mapping[str, Any] | None) -> Iterator[str]:
    if seats:
        parts = (f"{line(name)} {line(_value(value))}" for name, value in seats.items())
        yield f"Recipe: {'; '.join(parts)}"


def _value(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(_value(item) for item in value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {_value(item)}" for name, item in value.items()) + "}"
    return str(value)


def _outcome(found: Found) -> Iterator[str]:
    o = found["outcome"]
    yield ""
    if o["failure"] is not None:
        yield f"No answer: {line(o['failure'])}. {line(found['detail'] or '')}".rstrip()
        yield "It has no score. Where recipes are compared as deployed, it counts 0."
    elif o["score"] is None:
        yield "No score: no verdict could be read."
    else:
        yield f"Score: {points(o['score'])} points of 100 ({o['score']!r})"
    if o["degraded"]:
        yield f"Steps down on the way: {line(o['degraded'])}"
    yield (
        f"Cost of the answer: {dollars(o['cost_usd'])} alone, of which this run paid "
        f"{dollars(o['spent_usd'])}; grading {dollars(o['grading_usd'])}, paid "
        f"{dollars(o['grading_spent_usd'])}"
    )
    if o["possibly_paid_usd"]:
        yield f"Possibly paid for attempts without an answer: {dollars(o['possibly_paid_usd'])}"
    if o["latency_s"] is not None:
        source = f", {line(o['latency_source'])}" if o["latency_source"] else ""
        yield f"Time: {seconds(o['latency_s'])} on the longest path{source}"
    others = [
        f"{r['repeat']}: {line(r['failure']) if r['failure'] else points(r['score'])}"
        for r in found["repeats"]
        if r["repeat"] != found["repeat"]
    ]
    if others:
        yield f"Other repeats: {', '.join(others)}"


def _arithmetic(found: Found) -> Iterator[str]:
    sums = found["arithmetic"]
    if sums is None:
        if found["outcome"]["failure"] is None:
            yield ""
            yield "The run holds no verdicts of this trial: its score was given from outside."
        return
    yield ""
    yield f"How the score comes about (policy {line(sums['policy'])}: {line(sums['source'])})"
    for row in found["verdicts"]:
        yield from _reading(row)
    for grading in sums["gradings"]:
        yield (
            f"By {line(grading['grader'])}, pass {grading['grader_pass']}: "
            f"{grading['read']} of {grading['criteria']} criteria were read"
        )
        for step in grading["steps"]:
            yield f"  {step['what']} = {line(step['how'])} = {step['value']:.12g}"
        if grading["score"] is None:
            yield "  nothing was read that could carry a score"
    if sums["combine"] != "runs":
        yield f"Several verdicts on a criterion were joined first, by {line(sums['combine'])}."
    if len(sums["gradings"]) > 1:
        yield f"Score = mean of {len(sums['gradings'])} gradings = {sums['score']!r}"
    yield from _check(sums["score"], found["outcome"]["score"])


def _check(ours: float | None, stored: float | None) -> Iterator[str]:
    same = ours == stored or (ours is not None and stored is not None and abs(ours - stored) < 1e-9)
    if not same:
        yield (
            f"This gives {ours!r}, and the run says {stored!r}: the verdicts here are not all that "
            "its score was made of."
        )


def _reading(row: Found) -> Iterator[str]:
    what = "error" if row["weight"] < 0 else "point"
    product = "open" if row["value"] is None else f"{row['weight'] * row['value'] + 0.0:+g}"
    again = f", pass {row['grader_pass']}" if row["grader_pass"] else ""
    yield (
        f"  {product:>6}  {line(row['criterion'])}: {row['verdict']} ({what} of weight "
        f"{row['weight']:+g}, by {line(row['grader'])}{again})"
    )
    if row.get("requirement"):
        yield f"          asked: {_short(row['requirement'], _REASON)}"
    if row["reason"]:
        yield f"          grader: {_short(row['reason'], _REASON)}"


def _calls(title: str, calls: Sequence[Found], full: bool) -> Iterator[str]:
    if not calls:
        return
    yield ""
    yield f"{title}: {len(calls)}"
    for call in calls:
        yield f"  {_of_call(call)}"
        if call.get("thoughts"):
            yield from _thoughts(call["thoughts"], call["tokens_reasoning"], full, "      ")
        if call.get("text") and full:
            yield from (f"      {row}" for row in safe(call["text"]))


def _of_call(call: Found) -> str:
    tokens = [call[n] or 0 for n in ("tokens_input", "tokens_cache_read", "tokens_cache_write")]
    out = (call["tokens_output"] or 0) + (call["tokens_reasoning"] or 0)
    served = call["model_served"]
    other = f", served {line(served)}" if served not in (None, call["model_requested"]) else ""
    hit = "from the ledger" if call["cached"] else f"paid {dollars(call['spent_usd'])}"
    many = f", {call['attempt']:g} attempts" if (call["attempt"] or 0) > 1 else ""
    why = f" ({line(call['detail'])})" if call.get("detail") else ""
    ended = f"; {line(call['finish'])}"
    if call["failure"]:
        ended = f"; FAILED: {line(call['failure'])}{why}"
    return (
        f"{call['key'][:12]}  {line(call['role'])} {line(call['model'])} (draw {line(call['draw'])}"
        f"{other}): {sum(tokens):,} tokens in, {out:,} out, {dollars(call['cost_usd'])} "
        f"({line(call['cost_source'] or 'price unknown')}), {seconds(call['latency_s'])}, "
        f"{hit}{many}{ended}"
    )


def _verdict(found: Found, full: bool) -> Iterator[str]:
    where = f"{line(found['task'])}/{line(found['recipe'])}/{found['repeat']}"
    yield f"Verdict on {line(found['criterion'])} of {where} in run {line(found['run_id'])}"
    yield ""
    asked = found["requirement"] or "the run holds no text of this criterion"
    sort = "an error: met means that it is there" if found["weight"] < 0 else "a point"
    yield f"Criterion ({sort}, weight {found['weight']:+g}): {line(asked)}"
    if found["section"]:
        yield f"Section: {line(found['section'])}"
    if found["protocol"]:
        yield f"Protocol: {line(found['protocol'])}"
    for row in found["readings"]:
        value = "open" if row["value"] is None else f"value {row['value']:g}"
        yield ""
        yield f"{line(row['grader'])}, pass {row['grader_pass']}: {row['verdict']} ({value})"
        if row["reason"]:
            yield from _text("  explanation", row["reason"], _TEXT, full)
    for call in found["calls"]:
        yield ""
        yield f"  {_of_call(call)}"
        if call["ledger"]:
            yield from _text("  reply", call["ledger"]["reply"]["text"], _TEXT, full)
    if not found["calls"]:
        yield "No call of the run stands behind it (it was computed, or imported)."
    if found["answer"] is not None:
        yield from _text("Answer", found["answer"], _TEXT, full)


def _call(found: Found, full: bool) -> Iterator[str]:
    yield f"Call {found['key']} in run {line(found['run_id'])}"
    yield ""
    for use in found["uses"]:
        yield f"  {line(use['task'])}/{line(use['recipe'])}/{use['repeat']}: {_of_call(use)}"
    record = found["ledger"]
    if record is None:
        yield "The ledger beside this run holds no reply to it."
        return
    ours = "this run" if record["run"] == found["run_id"] else f"run {line(record['run'])}"
    yield f"In the ledger since {record['at']}; {ours} paid for it."
    yield from _why_paid(record["nearest"])
    for role, content, *_ in record["request"]["request"]["messages"]:
        yield from _text(f"Asked ({line(role)})", content, _PROMPT, full)
    params = record["request"]["request"]["params"]
    yield f"Parameters: {line(_value(params))}; draw {line(record['request'].get('draw'))}"
    reply = record["reply"]
    for attempt in reply["attempts"]:
        if attempt["failure"]:
            yield f"Attempt {attempt['number']} failed: {line(attempt['failure'])}"
    if thoughts := reply.get("thoughts"):
        yield from _thoughts(thoughts, (reply["usage"] or {}).get("reasoning"), full, "")
    yield from _text(f"Replied ({line(reply['finish'])})", reply["text"], _TEXT, full)


def _why_paid(nearest: Found | None) -> Iterator[str]:
    """Why no earlier reply could serve: the nearest request, and where it differs."""
    if nearest is None:
        yield "No earlier request to this model was there that could have served."
        return
    yield f"The nearest earlier request, {nearest['key'][:12]}, differs in:"
    for name, pair in nearest["differs"].items():
        theirs, ours = (_short(pair[side], 80) for side in ("theirs", "ours"))
        yield f"  {line(name)}: {theirs} -> {ours}"


def _text(title: str, text: str, most: int, full: bool) -> Iterator[str]:
    whole = text if full or len(text) <= most else text[:most]
    yield f"{title}:"
    yield from (f"    {row}" for row in safe(whole))
    if len(whole) < len(text):
        yield f"    … {len(text) - len(whole):,} characters more (--full)"


def _thoughts(thoughts: str, tokens: float | None, full: bool, indent: str) -> Iterator[str]:
    """What a model thought before it wrote, which nobody grades and no other model reads."""
    counted = f"{tokens:,.0f} tokens" if tokens else "tokens not told apart by the provider"
    title = f"Thought before ({len(thoughts):,} characters, {counted})"
    yield from (f"{indent}{row}" for row in _text(title, thoughts, _REASON, full))


def _short(text: object, most: int) -> str:
    flat = line(text)
    return flat if len(flat) <= most else f"{flat[:most]}…"
