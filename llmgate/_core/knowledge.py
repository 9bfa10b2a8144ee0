"""Facts about models, and their sources; no call depends on them.

Packages that ship such facts have an entry point in the group ``llmgate.knowledge``: a function of
a provider's name and a model's that returns the facts, and where they are from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from functools import cache
from typing import TYPE_CHECKING, Any

from llmgate._core.registry import Registry
from llmgate.cost import rates_of
from llmgate.errors import InvalidRequestError, UnknownProviderError, describe_value
from llmgate.models import ModelInfo

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmgate.models import Model


def model_info(
    model: str,
    *,
    entries: Mapping[str, Mapping[str, Any]] | None = None,
    listed: Iterable[Model] = (),
) -> ModelInfo:
    """The facts known of a model: limits, abilities, and whether it is deprecated.

    Each value comes from the first source that knows it: ``entries``, then ``listed``, then the
    facts that installed packages ship, such as llmgate-compatible. ``sources`` says which source
    that was. An unknown value is None, which does not mean "no": an unknown model may still be
    called.

    Args:
        model: ``provider/model``, or an unprefixed name that some provider claims.
        entries: Your own facts, by model names, with the fields of the result.
        listed: The models that a host listed: ``llmgate.list_models("groq")``.

    Raises:
        InvalidRequestError: for an entry that has a field of another name.
    """
    name = _full_name(model)
    info = ModelInfo(name)
    for facts, source in _sources(model, name, entries or {}, listed):
        for field, value in facts.items():
            if value is not None and getattr(info, field) is None:
                setattr(info, field, value)
                info.sources[field] = source
    return info


def _full_name(model: str) -> str:
    """The name with its provider; unchanged if no provider has it."""
    try:
        target = Registry().target(model)
    except UnknownProviderError:
        return model
    return f"{target.provider}/{target.model}"


def _sources(
    model: str, name: str, entries: Mapping[str, Mapping[str, Any]], listed: Iterable[Model]
) -> Iterator[tuple[Mapping[str, Any], str]]:
    for own in (model, name):
        yield _checked(entries.get(own, {}), own), "entries"
    for each in listed:
        if each.name == name:
            yield _listed_facts(each), f"the models that {each.provider} lists"
    provider, _, rest = name.partition("/")
    for facts_of in _shipped():
        yield facts_of(provider, rest)
    rates = rates_of(provider, (rest,))
    if rates is not None:
        yield {"prices": rates.known()}, rates.source


def _listed_facts(model: Model) -> dict[str, Any]:
    limits = {"context_window": model.context_window, "max_output": model.max_output}
    able: Mapping[str, Any] = model.capabilities or {}
    said = {fact: able.get(name) for fact, name in _CAPABILITIES.items()}
    return {**limits, **said}


_CAPABILITIES = {
    "tools": "tools",
    "vision": "vision",
    "audio": "audio_in",
    "schema": "json_schema",
    "reasoning": "reasoning",
}


def _checked(facts: Mapping[str, Any], model: str) -> Mapping[str, Any]:
    for field in facts:
        if field not in _FACTS:
            reason = f"there is no fact {describe_value(field)}: it is one of {', '.join(_FACTS)}"
            raise InvalidRequestError(reason, path=f"entries[{model!r}]")
    return facts


_FACTS = tuple(each.name for each in fields(ModelInfo) if each.name not in ("name", "sources"))


@cache
def _shipped() -> tuple[Callable[[str, str], tuple[Mapping[str, Any], str]], ...]:
    from importlib.metadata import entry_points  # noqa: PLC0415 - slow to import

    return tuple(point.load() for point in entry_points(group="llmgate.knowledge"))
