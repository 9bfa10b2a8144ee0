"""What a provider says about its models, in one shape; plain values.

Source: OpenAI's "The model object", November 2026, and what other providers add to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from decimal import Decimal

from llmgate._text.dataclass import slotted
from llmgate._text.shape import Extra, JsonObject, Shape, shape
from llmgate.errors import LLMGateError

__all__ = ["Model", "ModelInfo", "ModelList", "TokenCount"]


@shape
class Model(Shape):
    """One model of a provider, as the provider describes it: what it does not say is None.

    ``id`` is what may stand behind ``provider/`` in ``model=``. ``created`` is in seconds since the
    epoch. ``context_window`` is the largest number of tokens of prompt and completion together, and
    ``max_output`` that of a completion alone. ``capabilities`` holds what the provider says that it
    can or cannot do: ``chat``, ``completion``, ``embedding``, ``rerank``, ``tools``, ``vision``,
    ``audio_in``, ``audio_out``, ``reasoning``, ``json_schema``, ``streaming``, ``pdf``,
    ``fine_tuning``, ``moderation``; one that is absent is not known. ``extra`` holds the rest.
    """

    id: str
    object: str = "model"
    created: int | None = None
    owned_by: str | None = None
    context_window: int | None = None
    max_output: int | None = None
    capabilities: JsonObject = JsonObject()
    provider: str = ""
    extra: Extra = Extra()

    @property
    def name(self) -> str:
        """The name for ``model=``: ``provider/id``."""
        return f"{self.provider}/{self.id}" if self.provider else self.id


class ModelList(list[Model]):
    """Models, in the order in which their providers list them.

    If several providers were asked, ``errors`` says, by provider, why its models are missing.
    """

    def __init__(
        self, models: Iterable[Model] = (), errors: Mapping[str, LLMGateError] | None = None
    ) -> None:
        super().__init__(models)
        self.errors: dict[str, LLMGateError] = dict(errors or {})

    @property
    def data(self) -> list[Model]:
        """The models, under the name that OpenAI's client has for them."""
        return self


@slotted
class TokenCount:
    """How many tokens the prompt of a call has: by the provider's own count, or an estimate.

    An estimate divides the prompt's bytes by the bytes per token of the model's earlier calls;
    ``basis`` says what it is based on.
    """

    tokens: int
    is_estimate: bool = False
    basis: str = ""

    def __int__(self) -> int:
        return self.tokens


@slotted
class ModelInfo:
    """What is known about a model; None means not known, and does not mean "no".

    ``context_window`` and ``max_output`` are in tokens. ``tools``, ``vision``, ``audio``,
    ``schema`` (of a response, as a JSON schema) and ``reasoning`` say whether the model has them.
    ``status`` is such as ``deprecated``. ``prices`` are those of a million tokens, in the fields of
    :class:`~llmgate.cost.Rates`; longer prompts and other service tiers may cost more. ``sources``
    says, for each known field, where it comes from and its date.
    """

    name: str
    context_window: int | None = None
    max_output: int | None = None
    tools: bool | None = None
    vision: bool | None = None
    audio: bool | None = None
    schema: bool | None = None
    reasoning: bool | None = None
    status: str | None = None
    prices: dict[str, Decimal] | None = None
    sources: dict[str, str] = field(default_factory=dict[str, str])
