"""The contract that a provider's package fulfils; a provider does no I/O and keeps no call's state.

What is declared here is all that the core ever asks of a provider.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, NoReturn, Protocol, runtime_checkable

from llmgate._text.dataclass import slotted
from llmgate.errors import ProviderError, error_class, excerpt

if TYPE_CHECKING:
    from llmgate.embeddings import EmbeddingCall, Embeddings
    from llmgate.models import Model
    from llmgate.provider.call import ProviderCall
    from llmgate.provider.framing import Frame, Framer
    from llmgate.provider.http import Flow, HttpRequest, HttpResponse, Transport
    from llmgate.types import Chunk, Completion

__all__ = [
    "PROTOCOL",
    "Decoder",
    "Embedder",
    "EmbeddingAbilities",
    "LegacyFunctions",
    "ModelLister",
    "Provider",
    "Support",
    "status_error",
]

PROTOCOL = 1
"""The version of this contract. A provider with another one is refused, naming both."""


class Support(StrEnum):
    """How a provider takes a parameter."""

    NATIVE = "native"  # sent as it is
    TRANSLATED = "translated"  # said in the provider's own terms
    EMULATED = "emulated"  # done by other means, reported
    UNSUPPORTED = "unsupported"  # refused or dropped by the core, reported


class Decoder(Protocol):
    """Reads one stream; there is one for each, and it keeps that stream's state."""

    @property
    def framer(self) -> Framer:
        """What cuts the bytes into frames."""
        ...

    @property
    def finished(self) -> bool:
        """Whether the provider's end mark has come; nothing is read after it."""
        ...

    def feed(self, frame: Frame) -> Iterable[Chunk]:
        """The chunks that this frame stands for.

        Raises:
            ProviderError: for an error that the provider sends inside the stream.
            DecodeError: for a frame that cannot be read.
        """
        ...

    def close(self) -> Iterable[Chunk]:
        """The chunks that the end of the bytes completes.

        Raises:
            StreamTruncatedError: when the provider's end mark never came.
        """
        ...


class Provider(Protocol):
    """One vendor's wire format. Inherit from it to have what is optional.

    ``models`` are glob patterns of the bare model names that are this provider's own; an installed
    package repeats them as entry points of the group ``llmgate.models``, so that they are known
    without importing it. ``parameters`` says how each chat parameter is taken; one that is absent
    is unsupported, and None takes all of them as they are.
    """

    protocol: ClassVar[int] = PROTOCOL
    name: str
    models: ClassVar[tuple[str, ...]] = ()
    parameters: ClassVar[Mapping[str, Support] | None] = None

    def complete(self, call: ProviderCall) -> Flow[Completion]:
        """The flow of a call that is answered whole."""
        ...

    def stream(self, call: ProviderCall) -> Flow[Decoder]:
        """The flow that ends with a reply to be streamed, and the decoder of it."""
        ...

    async def authorize(self, request: HttpRequest) -> HttpRequest:
        """The request with its credentials; called on each attempt, last of all.

        Raises:
            MissingKeyError: naming the variable to set.
        """
        return request

    def error(self, reply: HttpResponse) -> ProviderError:
        """What a reply with a status of 400 or more means."""
        return status_error(reply)

    @property
    def transport(self) -> Transport | None:
        """What carries the requests when that is not HTTP.

        Each client asks a provider once, and closes what it got when it is closed itself. A
        provider that has a transport must be hashable, and open to weak references.
        """
        return None

    def __getstate__(self) -> NoReturn:
        """Refuse to be pickled or copied: keys, and addresses with keys in them, stay here."""
        raise TypeError("a provider is not pickled: it may hold credentials; make another")


@slotted
class EmbeddingAbilities:
    """What a model that makes embeddings takes.

    ``parameters`` says how each embedding parameter is taken, as a provider's ``parameters`` do for
    chat. ``max_batch`` is the largest number of inputs in one request: the core sends more in
    several requests. ``takes_tokens`` says whether token ids are taken in place of text.
    """

    parameters: Mapping[str, Support] | None = None
    max_batch: int | None = None
    takes_tokens: bool = False


@runtime_checkable
class Embedder(Protocol):
    """The ability of a provider to make embeddings. Inherit from it to have what is optional."""

    def embed(self, call: EmbeddingCall) -> Flow[Embeddings]:
        """The flow of a call for embeddings, of which there is one for each input.

        The core puts them in order by their ``index``, and refuses what is missing or doubled.
        """
        ...

    def embedding_abilities(self, model: str) -> EmbeddingAbilities:  # noqa: ARG002 - others need it
        """What this model takes; by default all parameters as they are, and texts alone. Pure."""
        return EmbeddingAbilities()


@runtime_checkable
class ModelLister(Protocol):
    """The ability of a provider to list its models."""

    def list_models(self) -> Flow[list[Model]]:
        """The flow that asks for all of them; pages are followed to the end."""
        ...


@runtime_checkable
class LegacyFunctions(Protocol):
    """The ability of a provider to take ``functions`` and ``function_call`` natively.

    For every other provider the core turns them into tools, and the answer back.
    """

    def takes_legacy_functions(self) -> bool:
        """Whether this instance, as it is set up, takes them."""
        ...


def status_error(reply: HttpResponse) -> ProviderError:
    """The error that a status alone stands for; the body's beginning is its text."""
    said = excerpt(reply.body) or "no text"
    if 300 <= reply.status < 400:
        target = excerpt(reply.headers.get("location", "nowhere"))
        said = f"redirected to {target}, which is not followed; set base_url to the right address"
    return error_class(reply.status)(
        f"the provider answered with status {reply.status}: {said}",
        status=reply.status,
        retryable=False if reply.status < 400 else None,
    )
