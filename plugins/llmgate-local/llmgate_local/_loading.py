"""Loads a model in a thread of its own; the only module that knows xllamacpp, which is untyped."""

from __future__ import annotations

import importlib
import os
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, TypeVar

from llmgate_local._core import Core, Server, live
from llmgate_local._errors import closed_error, engine_error
from llmgate_local._jobs import exiting
from llmgate_local.gguf import GgufMetadata, read_metadata
from llmgate_local.settings import Settings

__all__ = ["HttpApi", "loading", "start_load"]

_DEFAULT_CONTEXT = 4096
# Tokens of a prompt that are read in one go, during which nothing can be stopped and no other
# generation goes on. Above this the reading gets hardly faster.
_BATCH = 256
_READ_SIZE = 8 * 1024 * 1024
_SILENT = -1


class HttpApi(NamedTuple):
    """llama.cpp's HTTP server, as OpenAI clients want it: base_url is the address plus "/v1"."""

    address: str
    """Such as "http://127.0.0.1:40123"; loopback only."""
    key: str
    """The bearer token that requests must carry, random for each engine."""


Loaded = TypeVar("Loaded")
Make: TypeAlias = Callable[[Core, GgufMetadata, HttpApi], Loaded]

loading: set[threading.Thread] = set()
"""The threads that are loading a model."""


def start_load(path: Path, settings: Settings, make: Make[Loaded]) -> Future[Loaded]:
    """Load a GGUF file.

    Args:
        path: the file.
        settings: how to load it.
        make: what makes the result, in the thread that loads.

    Raises:
        EngineError: the process ends.
    """
    if exiting.is_set():
        raise closed_error()
    future: Future[Loaded] = Future()

    def run() -> None:
        try:
            loaded = _load(path, settings, make)
        except BaseException as error:  # noqa: BLE001 - it is the waiting tasks'
            future.set_exception(error)
        else:
            future.set_result(loaded)
        finally:
            loading.discard(thread)

    thread = threading.Thread(target=run, name="llmgate-local load", daemon=True)
    loading.add(thread)
    thread.start()
    return future


def _load(path: Path, settings: Settings, make: Make[Loaded]) -> Loaded:
    path = path.expanduser().absolute()
    metadata = read_metadata(path)
    _read_ahead(path)
    key = secrets.token_urlsafe(32)
    try:
        server = _open_server(metadata, settings, key)
    except RuntimeError as error:
        message = f"{path}: llama.cpp cannot load this model ({metadata.architecture}): {error}"
        raise engine_error(500, "server_error", message) from error
    core = Core(server, settings.parallel)
    live.add(core)
    return make(core, metadata, HttpApi(server.listening_address, key))


def _read_ahead(path: Path) -> None:
    """Have the system read the file into memory, which does not need the GIL that Server holds."""
    block = bytearray(_READ_SIZE)
    with path.open("rb", buffering=0) as file:
        while file.readinto(block):
            if exiting.is_set():
                raise closed_error()


def _open_server(metadata: GgufMetadata, settings: Settings, key: str) -> Server:
    """Load the model, in all silence. The result has the types that xllamacpp lacks.

    Raises:
        RuntimeError: llama.cpp cannot load it.
    """
    xllamacpp: Any = importlib.import_module("xllamacpp")
    parameters = xllamacpp.CommonParams()
    _set_model(parameters, metadata, settings)
    _set_http(parameters, key)
    parameters.verbosity = _SILENT
    server: Server = xllamacpp.Server(parameters)
    return server


def _set_model(parameters: Any, metadata: GgufMetadata, settings: Settings) -> None:
    context = settings.context or min(metadata.context_length or _DEFAULT_CONTEXT, _DEFAULT_CONTEXT)
    parameters.model.path = str(metadata.path)
    parameters.model_alias = {metadata.path.stem}  # or answers would name the path
    parameters.n_ctx = context * settings.parallel
    parameters.n_parallel = settings.parallel
    parameters.n_batch = parameters.n_ubatch = _BATCH
    # As many threads as cores wait for each other for ever where another process takes a core.
    threads = settings.threads or max(1, (os.cpu_count() or 1) // 2)
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = threads
    # Each of these would load or run the model once more while the GIL is held.
    parameters.warmup = parameters.fit_params = False
    # In OpenAI's format an answer never continues the last message, not even an assistant's.
    parameters.prefill_assistant = False
    # A second cache of prompts, of up to 8 GiB, next to the one that each slot has.
    parameters.cache_ram_mib = 0
    parameters.cache_idle_slots = False


def _set_http(parameters: Any, key: str) -> None:
    """Let nobody use the server over HTTP but who was given the key."""
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.api_keys = [key]
    parameters.n_threads_http = 1
    parameters.ui = False
    parameters.endpoint_slots = False
