"""`tap`: a counting proxy for what stands behind a product."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from typer import Option

from fusion_eval.errors import InputError


def tap(
    upstream: Annotated[str, Option("--upstream", help="Where the product's calls are to go.")],
    log: Annotated[Path, Option("--log", help="File of what was counted.")] = Path("tap.jsonl"),
    host: Annotated[
        str, Option("--host", help="Address to bind; loopback by default.")
    ] = "127.0.0.1",
    port: Annotated[int, Option("--port", min=1, max=65535)] = 8800,
) -> None:
    """Count every call, model, token and dollar behind a self-hosted product.

    Give the product this address as its upstream, and its endpoint in the bench file `tap: FILE`.

    Example: fusion-eval tap --upstream https://openrouter.ai/api/v1 --log tap.jsonl
    """
    import uvicorn

    from fusion_eval.loading.urls import check_url
    from fusion_eval.tapping.proxy import Tap

    try:
        check_url(upstream)
    except ValueError as problem:
        raise InputError(f"--upstream: {problem}") from None
    counting = Tap(upstream, log)
    print(f"counts into {log}: http://{host}:{port}/v1 -> {upstream}", file=sys.stderr)
    try:
        uvicorn.run(counting.app(), host=host, port=port, log_level="warning")
    finally:
        usd = "an unknown cost" if counting.usd is None else f"${counting.usd:.6f}"
        print(f"{counting.calls:,} calls, {usd}", file=sys.stderr)
