"""What OpenAI's HTTP API looks like on the wire, as plain values: for servers of ours, not clients.

Nothing here calls, reads or keeps anything; the simulator and `serve` both answer through it.
"""

from __future__ import annotations

from fusion_eval.openai_api.errors import BadRequestError, error_body, error_kind

__all__ = ["BadRequestError", "error_body", "error_kind"]
