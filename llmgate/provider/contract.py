"""The contract that a provider's package implements; a provider does no I/O and keeps no state of
calls.

The core uses nothing of a provider beyond what is declared here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from enum import StrEnum
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    NoReturn,
    Protocol,
    Self,
    TypeVar,
    runtime_checkable,
)

from llmgate._text.dataclass import slotted
from llmgate.errors import ProviderError, error_class, excerpt

if TYPE_CHECKING:
    from datetime import datetime

    from llmgate.embeddings import EmbeddingCall, Embeddings
    from llmgate.models import Model, TokenCount
    from llmgate.options import ChatParameters
    from llmgate.provider.call import ProviderCall
    from llmgate.provider.framing import Frame, Framer
    from llmgate.provider.http import Flow, HttpRequest, HttpResponse, Secret, Transport
    from llmgate.reranking import RerankCall, Reranking
    from llmgate.types import Chunk, Completion

__all__ = [
    "ACCEPTED_PROTOCOLS",
    "PROTOCOL",
    "AccessToken",
    "Configurable",
    "Decoder",
    "Embedder",
    "EmbeddingAbilities",
    "Expiring",
    "LegacyFunctions",
    "MayBeUnconfigured",
    "ModelLister",
    "Provider",
    "RerankAbilities",
    "Reranker",
    "Rule",
    "Signing",
    "Support",
    "TokenCounter",
    "status_error",
]

PROTOCOL = 2
"""The version of this contract, which a provider's ``protocol`` states."""
ACCEPTED_PROTOCOLS = range(2, PROTOCOL + 1)
"""The versions that this core supports. A provider with any other version is refused."""

Piece_co = TypeVar("Piece_co", covariant=True)


class Support(StrEnum):
    """How a provider takes a parameter."""

    NATIVE = "native"  # sent unchanged
    TRANSLATED = "translated"  # sent in the provider's own terms
    EMULATED = "emulated"  # done by other means, reported
    UNSUPPORTED = "unsupported"  # refused or dropped by the core, reported


@slotted
class Rule:
    """How one model takes a parameter that its provider supports.

    The core applies it and records it in the report. ``allowed`` holds the values that the model
    accepts; None means all. Any other value is dropped, or refused if the caller asked for that or
    if dropping it would change the meaning. ``to`` is the name under which the provider's code
    finds the parameter, unless the caller gave that parameter as well. ``reason`` completes the
    sentence "temperature is not supported: …".
    """

    reason: str
    allowed: Collection[Any] | None = None
    to: str | None = None


class Decoder(Protocol[Piece_co]):
    """Decodes one stream into pieces, such as chunks. Each stream has its own decoder, which holds
    its state."""

    @property
    def framer(self) -> Framer:
        """The framer that splits the bytes into frames."""
        ...

    @property
    def finished(self) -> bool:
        """Whether the provider's terminator has come; nothing is read after it."""
        ...

    def feed(self, frame: Frame) -> Iterable[Piece_co]:
        """The pieces decoded from one frame.

        Raises:
            ProviderError: for an error that the provider sends inside the stream.
            DecodeError: for a frame that cannot be read.
        """
        ...

    def close(self) -> Iterable[Piece_co]:
        """The last pieces, when the bytes have ended.

        Raises:
            StreamTruncatedError: when the provider's terminator never came.
        """
        ...


class Expiring(Protocol):
    """A token, or several credentials, with their time of expiry."""

    @property
    def expires(self) -> datetime | None:
        """The time of expiry, with a time zone; None for never."""
        ...


Token = TypeVar("Token", bound=Expiring)


@slotted
class AccessToken:
    """One secret that expires."""

    secret: Secret
    expires: datetime | None = None


class Signing(Protocol):
    """What ``authorize`` may use besides the request: a provider's only clock and network."""

    @property
    def now(self) -> datetime:
        """The time, as an aware datetime in UTC."""
        ...

    @property
    def model(self) -> str:
        """The provider's own name of the call's model."""
        ...

    @property
    def previous(self) -> HttpResponse | None:
        """The response to the previous attempt at the same request, if there was one: its ``date``
        can correct a wrong clock, and its status shows whether a token was rejected."""
        ...

    async def send(self, request: HttpRequest) -> HttpResponse:
        """The response to a request for a token, whatever its status, within the call's deadline.

        It is sent once, unchanged: ``authorize`` is not called for it.

        Raises:
            TransportError: when there is no complete response.
        """
        ...

    async def once(self, key: str, make: Callable[[], Awaitable[Token]]) -> Token:
        """The token of ``make``, shared by a client's calls to this provider, on any event loop.

        ``make`` is called when there is no token for that ``key`` yet, when the token is about to
        expire, or when the previous attempt with it was rejected (401 or 403). Other calls that
        need the token meanwhile wait for the same one. The end of the call that started it does not
        cancel it.

        Raises:
            DeadlineExceededError: when ``make`` takes longer than a minute.
        """
        ...


class Provider(Protocol):
    """One vendor's wire format. Inherit from it to get defaults for what is optional.

    ``protocol`` is the version of the contract for which the provider was written: 2. ``models``
    are glob patterns of the unprefixed model names that are this provider's own; an installed
    package repeats them as entry points of the group ``llmgate.models``, so that they are known
    without importing it. ``parameters`` says how each chat parameter is taken; one that is absent
    is unsupported, and None means that all are taken unchanged.
    """

    protocol: ClassVar[int]
    name: str
    models: ClassVar[tuple[str, ...]] = ()
    parameters: ClassVar[Mapping[str, Support] | None] = None

    def abilities(
        self,
        model: str,  # noqa: ARG002 - this and the next are for those that override it
        parameters: ChatParameters,  # noqa: ARG002
        /,
    ) -> Mapping[str, Support | Rule] | None:
        """How this model takes each parameter of a call with these parameters.

        By default, and for an unknown model, this is the provider's own table. It must be pure.
        """
        return self.parameters

    def complete(self, call: ProviderCall) -> Flow[Completion]:
        """The flow of a call that is not streamed."""
        ...

    def stream(self, call: ProviderCall) -> Flow[Decoder[Chunk]]:
        """The flow of a streamed call: its last response is streamed, and it returns the
        decoder."""
        ...

    async def authorize(
        self,
        request: HttpRequest,
        signing: Signing,  # noqa: ARG002 - it is for those that override this
        /,
    ) -> HttpRequest:
        """The request with its credentials; called on each attempt, as the last step before
        sending.

        Raises:
            MissingKeyError: naming the variable to set.
        """
        return request

    def error(self, response: HttpResponse, /) -> ProviderError:
        """The error for a response with a status of 300 or more."""
        return status_error(response)

    @property
    def transport(self) -> Transport | None:
        """The provider's own transport, if it does not use HTTP.

        Each client asks a provider once, and closes what it got when it is closed itself. A client
        holds 64 providers with settings of single calls, and no transport longer than its provider:
        one that is collected before is not closed. A provider that has a transport must be
        hashable, and open to weak references.
        """
        return None

    def __getstate__(self) -> NoReturn:
        """Refuse to be pickled or copied: keys, and addresses that contain keys, stay in this
        process."""
        raise TypeError("a provider is not pickled: it may hold credentials; make another")


@slotted
class EmbeddingAbilities:
    """What a model that makes embeddings takes.

    ``parameters`` says how each embedding parameter is taken, as a provider's ``parameters`` do for
    chat. ``max_batch`` is the largest number of inputs in one request: the core splits more inputs
    into several requests. ``takes_tokens`` says whether token ids are accepted in place of text.
    """

    parameters: Mapping[str, Support | Rule] | None = None
    max_batch: int | None = None
    takes_tokens: bool = False


@runtime_checkable
class Embedder(Protocol):
    """The ability of a provider to make embeddings. Inherit from it to get the default of what is
    optional."""

    def embed(self, call: EmbeddingCall) -> Flow[Embeddings]:
        """The flow of a call for embeddings; it returns one embedding for each input.

        The core sorts them by their ``index``, and refuses missing or duplicate ones.
        """
        ...

    def embedding_abilities(self, model: str) -> EmbeddingAbilities:  # noqa: ARG002 - others need it
        """What this model takes; by default all parameters as they are, and texts alone. Pure."""
        return EmbeddingAbilities()


@slotted
class RerankAbilities:
    """What a model that reranks documents takes.

    ``parameters`` says how each parameter of a reranking is taken, as a provider's ``parameters``
    do for chat; results are cut to ``top_n`` where it is not among them. ``takes_objects`` says
    whether documents may be objects; if not, the provider reads only strings.
    """

    parameters: Mapping[str, Support | Rule] | None = None
    takes_objects: bool = False


@runtime_checkable
class Reranker(Protocol):
    """The ability of a provider to rerank documents. Inherit from it to get the default of what is
    optional."""

    def rerank(self, call: RerankCall) -> Flow[Reranking]:
        """The flow of a call for a reranking, with a result for each document or for the best ones.

        The core sorts them by score, cuts them to ``top_n``, adds the documents if the caller asked
        for them, and refuses results for documents that it did not send.
        """
        ...

    def rerank_abilities(self, model: str) -> RerankAbilities:  # noqa: ARG002 - others need it
        """What this model takes; by default all parameters as they are, and texts alone. Pure."""
        return RerankAbilities()


@runtime_checkable
class ModelLister(Protocol):
    """The ability of a provider to list its models."""

    def list_models(self) -> Flow[list[Model]]:
        """The flow that lists all models; it follows pages to the end."""
        ...


@runtime_checkable
class TokenCounter(Protocol):
    """The ability of a provider to count the tokens of a prompt."""

    def count_tokens(self, call: ProviderCall) -> Flow[TokenCount]:
        """The flow that returns how many tokens the prompt of this call has.

        It raises :class:`~llmgate.errors.UnsupportedError` if the host has no such endpoint: the
        core then estimates.
        """
        ...


@runtime_checkable
class MayBeUnconfigured(Protocol):
    """The ability of a provider to say that its settings are missing.

    It is for a provider that needs no key, such as a server on this machine: a list of all
    providers' models leaves it out until its address or key is configured.
    """

    def is_configured(self) -> bool:
        """Whether it has the settings that it needs, such as a key."""
        ...


@runtime_checkable
class LegacyFunctions(Protocol):
    """The ability of a provider to take ``functions`` and ``function_call`` natively.

    For every other provider the core converts them to tools, and the completion back.
    """

    def takes_legacy_functions(self) -> bool:
        """Whether this instance, with its settings, takes them."""
        ...


@runtime_checkable
class Configurable(Protocol):
    """The ability of a provider instance passed by the user to take the settings of one call."""

    def configured(self, **settings: Any) -> Self:
        """A copy of this provider with these settings (``api_key``, ``base_url``, …) changed."""
        ...


def status_error(response: HttpResponse) -> ProviderError:
    """The error for a status alone; its message is the beginning of the body."""
    text = excerpt(response.body) or "no text"
    if 300 <= response.status < 400:
        target = excerpt(response.headers.get("location", "nowhere"))
        text = f"redirected to {target}, which is not followed; set base_url to the right address"
    return error_class(response.status)(
        f"the provider answered with status {response.status}: {text}",
        status=response.status,
        retryable=False if response.status < 400 else None,
    )
