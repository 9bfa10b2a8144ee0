"""Writes llmgate/__init__.pyi, which editors and type checkers read in place of the lazy module.

python scripts/stubs.py            # write it
python scripts/stubs.py --check    # exit with 1 when it is not current

The signatures and docstrings are those that ``help`` shows; what is not a call is imported from
where it is defined.
"""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from textwrap import indent
from typing import Any, NamedTuple

import llmgate
from llmgate import Client

STUB = Path(llmgate.__file__).with_suffix(".pyi")

EARLY_PROVIDERS = ("azure", "replicate")
"""The providers that calls of this API's early form name as ``azure=True``."""

HEAD = """\
# Made by scripts/stubs.py.
#
# The first overload that fits counts, and they overlap: ExactMessages are among MistakenMessages,
# and both among Messages, as llmgate/_typing.py explains. ``**unknown: Never`` takes nothing; by it
# pyright prefers these overloads for ``**settings`` of type ``dict[str, Any]``.
# mypy: disable-error-code="overload-overlap, override"
# pyright: reportOverlappingOverload=false, reportIncompatibleMethodOverride=false

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, Never, TypedDict, Unpack, overload

from pydantic import TypeAdapter
from typing_extensions import deprecated

from llmgate._core.client import Client as _Client
from llmgate._typing import ExactMessages, ForMypy, ForPyright, Given, Messages, MistakenMessages
from llmgate._typing import Parsed
from llmgate.embeddings import EmbeddingInput
from llmgate.hooks import Hook
from llmgate.messages import FunctionDefinition, MessageLike, ToolDefinition
from llmgate.provider.http import Secret
from llmgate.report import Policy
from llmgate.reranking import RerankDocuments
"""

FORMAT = "response_format"
ANY_MESSAGES = "Messages[Given]"
REFUSAL = '@deprecated("a message has a wrong role, a wrong key or a wrong value")'


class Result(NamedTuple):
    """What a function returns, by its argument ``stream``."""

    stream: str
    type: str
    format: str = ""
    """What ``response_format`` may be, where the overload is for that."""


WHOLE = "Literal[False] | None = False"
CHAT = (
    Result(WHOLE, "Completion[Any]"),
    Result(WHOLE, "Completion[Parsed]", "type[Parsed] | TypeAdapter[Parsed]"),
    Result(WHOLE, "Completion[Any]", "object"),
    Result("Literal[True]", "Stream"),
    Result("ForMypy | None", "Completion[Any] | Stream"),
)
SYNC_CHAT = tuple(each._replace(type=each.type.replace("Stream", "SyncStream")) for each in CHAT)
PREVIEW = (Result("bool | None = False", "Preview"),)


OPERATIONS = (
    *("acount_tokens", "count_tokens", "aembedding", "embedding", "arerank", "rerank"),
    *("alist_models", "list_models"),
)


def stub() -> str:
    """The whole text, formatted."""
    written = {"Client", "acompletion", "completion", *OPERATIONS}
    imported = [
        f"from {getattr(llmgate, name).__module__} import {name} as {name}"
        for name in llmgate.__all__
        if name not in written
    ]
    methods = [
        overloads(Client.acompletion, CHAT),
        overloads(Client.completion, SYNC_CHAT),
        overloads(Client.preview, PREVIEW),
        *(whole(getattr(Client, name)) for name in OPERATIONS),
    ]
    parts = [
        HEAD,
        *imported,
        f"__all__ = {sorted(llmgate.__all__)!r}",
        "__version__: str",
        "class _Others(TypedDict, total=False):",
        *(
            f"    {name}: {kind}"
            for name, kind in keywords(llmgate.acompletion).items()
            if name != FORMAT
        ),
        "class _Keywords(_Others, total=False):",
        f"    {FORMAT}: object",
        "class Client(_Client):",
        *(indent(method, "    ") for method in methods),
        overloads(llmgate.acompletion, CHAT),
        overloads(llmgate.completion, SYNC_CHAT),
        *(whole(getattr(llmgate, name)) for name in OPERATIONS),
    ]
    return formatted("\n".join(parts))


def whole(function: Callable[..., Any]) -> str:
    """A function that is not overloaded, as it is."""
    signature = inspect.signature(function)
    head = "async def" if inspect.iscoroutinefunction(function) else "def"
    own: list[str] = []
    for each in signature.parameters.values():
        if each.kind is each.KEYWORD_ONLY and "*" not in own:
            own.append("*")
        kind = "" if each.name == "self" else f": {each.annotation}"
        own.append(f"{each.name}{kind}{'' if each.default is each.empty else ' = None'}")
    doc = indent(f'"""{inspect.getdoc(function)}\n"""', "    ")
    return f"{head} {function.__name__}({', '.join(own)}) -> {signature.return_annotation}:\n{doc}"


def overloads(function: Callable[..., Any], results: Sequence[Result]) -> str:
    """A function that takes messages.

    Pyright shows the docstring of the first overload, and jedi that of the last.
    """
    known = [result for result in results if "ForMypy" not in result.stream]
    exact = [signature(function, "ExactMessages", result) for result in known]
    mistaken = [signature(function, "MistakenMessages", result) for result in known]
    others = [signature(function, ANY_MESSAGES, result) for result in results]
    heads = [*exact, *(f"{REFUSAL}\n{each}" for each in mistaken), *others]
    doc = indent(f'"""{inspect.getdoc(function)}\n"""', "    ")
    for place in (0, -1):
        heads[place] = f"{heads[place].removesuffix(' ...')}\n{doc}"
    return "\n".join(f"@overload\n{head}" for head in heads)


def signature(function: Callable[..., Any], messages: str, result: Result) -> str:
    """The head of a function; all keywords are listed unless the overload is for streams."""
    head = "async def" if inspect.iscoroutinefunction(function) else "def"
    parameters = inspect.signature(function).parameters
    own = ["self"] if "self" in parameters else []
    model = "str | Sequence[str]" if messages == ANY_MESSAGES else "ForPyright"
    own += [f"model: {model}", f"messages: {messages}", "*", f"stream: {result.stream}"]
    if result.format:
        own += [f"{FORMAT}: {result.format}", "**keywords: Unpack[_Others]"]
    elif result.stream == WHOLE:
        own += [f"{name}: {kind} = None" for name, kind in keywords(function).items()]
        own += ["**unknown: Never"]
    else:
        own += ["**keywords: Unpack[_Keywords]"]
    return f"{head} {function.__name__}({', '.join(own)}) -> {result.type}: ..."


def keywords(function: Callable[..., Any]) -> dict[str, str]:
    """The types of a function's keywords, but for ``stream``."""
    parameters = inspect.signature(function).parameters.values()
    named = {each.name: each.annotation for each in parameters if each.kind is each.KEYWORD_ONLY}
    del named["stream"]
    return (
        named | {FORMAT: "Mapping[str, Any] | None"} | dict.fromkeys(EARLY_PROVIDERS, "bool | None")
    )


def formatted(text: str) -> str:
    """The text as ``make format`` leaves it."""
    for command in (["check", "--quiet", "--fix-only", "--select=I"], ["format", "--quiet"]):
        text = subprocess.run(
            [sys.executable, "-m", "ruff", *command, f"--stdin-filename={STUB}", "-"],
            input=text,
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        ).stdout
    return text


def main() -> int:
    """Write the stub, or say whether it is current."""
    text = stub()
    if "--check" in sys.argv[1:]:
        return int(not STUB.exists() or STUB.read_text(encoding="utf-8") != text)
    STUB.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
