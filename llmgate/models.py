"""What a provider says of its models, in one shape; values that do nothing.

Source: OpenAI's "The model object", November 2026, and what other providers add to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from llmgate._text.shape import Extra, JsonObject, Shape, shape
from llmgate.errors import LLMGateError

__all__ = ["Model", "ModelList"]


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

    ``errors`` holds, by provider, why its models are not among them, where several were asked.
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
