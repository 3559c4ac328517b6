"""Small logs of other harnesses, in our own words, with the shapes that their tools write."""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa


def inspect_sample(name: Any, value: Any, epoch: int = 1, **more: Any) -> dict[str, Any]:
    """One sample of Inspect: the answer, one scorer, usage of the model and of its grader."""
    usage = {"input_tokens": 30, "output_tokens": 20, "total_tokens": 50, "reasoning_tokens": 5}
    return {
        "id": name, "epoch": epoch, "input": f"What is {name}?", "target": "7",
        "output": {
            "model": "m-2026-01-01", "completion": f"It is {name}.",
            "choices": [{"message": {"content": "x"}, "stop_reason": "max_tokens"}],
        },
        "scores": {"match": {"value": value}, "style": {"value": 0.25}},
        "model_usage": {"m": usage | {"total_cost": 0.5}, "judge": usage},
        "working_time": 1.5, **more,
    }  # fmt: skip


def inspect_log(samples: list[dict[str, Any]], model: str = "m", **head: Any) -> dict[str, Any]:
    """A whole log; `judge` is a model that only scores."""
    return {
        "version": 2, "status": "success",
        "eval": {"task": "sums", "model": model, "created": "2026-01-02T03:04:05+00:00",
                 "model_roles": {"grader": {"model": "judge"}},
                 "packages": {"inspect_ai": "0.3.200"}, **head},
        "plan": {"config": {"max_tokens": 64}},
        "results": {"completed_samples": len(samples), "scores": [
            {"name": "match", "metrics": {}}, {"name": "style", "metrics": {}}]},
        "samples": samples,
    }  # fmt: skip


def eval_file(path: Path, log: Mapping[str, Any], *, zstd: bool = False) -> Path:
    """The log as `.eval`: header and samples as members of a ZIP file."""
    head = {k: v for k, v in log.items() if k != "samples"}
    members = {"header.json": head} | {
        f"samples/{s['id']}_epoch_{s['epoch']}.json": s for s in log["samples"]
    }
    if not zstd:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, value in members.items():
                archive.writestr(name, json.dumps(value))
        return path
    with path.open("wb") as file:
        directory = b""
        for name, value in members.items():
            raw = json.dumps(value).encode()
            packed = pa.compress(raw, "zstd", asbytes=True)
            fields = (63, 0, 93, 0, 0, zlib.crc32(raw), len(packed), len(raw), len(name), 0)
            at = file.tell()
            file.write(struct.pack("<4s5H3L2H", b"PK\3\4", *fields) + name.encode() + packed)
            directory += struct.pack("<4s6H3L5H2L", b"PK\1\2", 63, *fields, 0, 0, 0, 0, at)
            directory += name.encode()
        end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, len(members), len(members),
                          len(directory), file.tell(), 0)  # fmt: skip
        file.write(directory + end)
    return path


def lm_eval_row(number: int, score: float, filter_: str = "strict") -> dict[str, Any]:
    """One sample of lm-evaluation-harness."""
    return {
        "doc_id": number, "doc": {"question": f"q{number}"}, "doc_hash": f"h{number}",
        "arguments": {"gen_args_0": {"arg_0": f"Q: q{number}", "arg_1": {}}},
        "resps": [[f"answer {number}"]], "filtered_resps": ["7"], "filter": filter_,
        "metrics": ["exact_match", "f1"], "exact_match": score, "f1": 0.5,
    }  # fmt: skip


def promptfoo_row(test: int, provider: str, score: float, **more: Any) -> dict[str, Any]:
    """One result of promptfoo."""
    return {
        "cost": 0.002, "latencyMs": 250, "promptIdx": 0, "testIdx": test, "score": score,
        "success": score == 1, "failureReason": 0 if score == 1 else 1,
        "provider": {"id": provider, "label": ""}, "prompt": {"raw": f"Q{test}", "label": "p"},
        "response": {"output": f"out {test}", "finishReason": "stop"},
        "testCase": {"description": f"test {test}", "vars": {"q": str(test)}},
        "tokenUsage": {"prompt": 11, "completion": 9, "completionDetails": {"reasoning": 4}},
        "error": "wrong" if score < 1 else None, **more,
    }  # fmt: skip


def eee_row(name: str, score: float, **more: Any) -> dict[str, Any]:
    """One sample of Every Eval Ever."""
    return {
        "schema_version": "0.3.0", "evaluation_id": "e/m/1", "model_id": "org/m",
        "evaluation_name": "bench", "sample_id": name, "interaction_type": "single_turn",
        "input": {"raw": f"What is {name}?", "reference": ["7"]}, "output": {"raw": ["7"]},
        "answer_attribution": [], "evaluation": {"score": score, "is_correct": score == 1},
        "token_usage": {"input_tokens": 12, "output_tokens": 5, "total_tokens": 17},
        "performance": {"latency_ms": 1500}, **more,
    }  # fmt: skip


def lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    """JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path
