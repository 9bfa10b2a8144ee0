"""Runs one model as an HTTP server on loopback: the program of the child process, and no more.

``python -m llmgate_local.serve`` reads one line of JSON from its standard input, which holds the
key, so that no command line and no environment does. It writes the server's address to its standard
output, and ends when its standard input does. It must import nothing of llmgate.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

__all__ = ["READY", "main"]

READY = b"llmgate-local listens at "
"""What the line with the address begins with; all other lines are llama.cpp's and Python's."""

_DEFAULT_CONTEXT = 4096
# Tokens of a prompt that are read in one go, during which nothing can be stopped and no other
# generation goes on. Above this the reading gets hardly faster.
_BATCH = 256
_METADATA = 64 * 1024 * 1024
"""Where a model's file says what it is, vocabulary included."""
_ERRORS_ONLY = 2
_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Serve until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's ^C is for the parent
    order: dict[str, Any] = json.loads(sys.stdin.buffer.readline())
    _end_with(order["parent"])
    try:
        server = _start(order)
    except RuntimeError as error:
        _end_within(1.0)  # llama.cpp may wait for its own threads for ever
        sys.exit(str(error))
    sys.stdout.buffer.write(b"\n%s%s\n" % (READY, server.listening_address.encode()))
    sys.stdout.buffer.flush()
    sys.stdin.buffer.read()
    os._exit(0)  # freeing the server may wait for ever, and the system frees its memory anyway


def _end_with(parent: int) -> None:
    """Have the kernel end this process when its parent ends, however that ends.

    While llama.cpp loads a model, it holds Python's lock, and the end of standard input is not
    noticed.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.name == "posix" and os.getppid() != parent:  # it ended before
        os._exit(1)


def _end_within(seconds: float) -> None:
    timer = threading.Timer(seconds, os._exit, [1])
    timer.daemon = True
    timer.start()


def _start(order: dict[str, Any]) -> Any:
    """Load the model and listen.

    Raises:
        RuntimeError: llama.cpp cannot load it; it has written why to standard error.
    """
    xllamacpp: Any = importlib.import_module("xllamacpp")
    parameters = xllamacpp.CommonParams()
    _set_model(parameters, order)
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.api_keys = [order["key"]]
    parameters.ui = False
    parameters.verbosity = _ERRORS_ONLY
    return xllamacpp.Server(parameters)


def _set_model(parameters: Any, order: dict[str, Any]) -> None:
    parallel: int = order["parallel"]
    parameters.model.path = order["path"]
    parameters.model_alias = {Path(order["path"]).stem}  # or completions would name the path
    # llama.cpp itself lowers the context to what the model was trained for.
    parameters.n_ctx = (order["context"] or _DEFAULT_CONTEXT) * parallel
    parameters.n_parallel = parallel
    parameters.n_batch = parameters.n_ubatch = _BATCH
    if order["embeds"]:
        _make_embed(parameters, Path(order["path"]))
    # As many threads as cores wait for each other for ever where another process takes a core.
    threads = order["threads"] or max(1, (os.cpu_count() or 1) // 2)
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = threads
    # Each of these would load or run the model once more.
    parameters.warmup = parameters.fit_params = False
    # In OpenAI's format a completion never continues the last message, not even an assistant's.
    parameters.prefill_assistant = False
    # A second cache of prompts, of up to 8 GiB, beside the one that each slot has.
    parameters.cache_ram_mib = 0
    parameters.cache_idle_slots = False


def _make_embed(parameters: Any, path: Path) -> None:
    """Have a model make embeddings, by averaging where it does not say how."""
    parameters.embedding = True
    # A text is read in one go, whatever its length.
    parameters.n_batch = parameters.n_ubatch = parameters.n_ctx // parameters.n_parallel
    with path.open("rb") as file:
        names_pooling = b".pooling_type" in file.read(_METADATA)
    if not names_pooling:
        pooling: Any = importlib.import_module("xllamacpp").llama_pooling_type
        parameters.pooling_type = pooling.LLAMA_POOLING_TYPE_MEAN


if __name__ == "__main__":
    main()
