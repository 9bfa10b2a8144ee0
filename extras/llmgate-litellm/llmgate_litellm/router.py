"""Several models under one name, with fallbacks from one name to another."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Any

from llmgate.provider.http import is_object
from llmgate_litellm import exceptions as theirs
from llmgate_litellm._responses import aresponses, responses
from llmgate_litellm._text import atext_completion, text_completion
from llmgate_litellm.main import (
    acompletion,
    aembedding,
    arerank,
    completion,
    embedding,
    rerank,
)

__all__ = ["Router"]


class Router:
    """Spreads calls over the entries of a name, at random; a failed one is left for another entry,
    then for the names that ``fallbacks`` lists.

    Args:
        model_list: ``{"model_name": …, "litellm_params": {"model": …, …}}`` for each entry.
        fallbacks: ``{"main": ["spare"]}`` for each name that has some.
        default_fallbacks: What follows every name.
        num_retries: How often each entry is asked again.
        context_window_fallbacks: As ``fallbacks``, for prompts that are too long.
        model_group_alias: Other names of names.

    A ``model_name`` with ``*`` stands for every name that fits; a ``*`` in its ``model`` is what
    the star stood for. How entries are chosen (``routing_strategy``) and how long failed ones rest
    (``cooldown_time``) cannot be set: ``llmgate.Client(models=…)`` has both.

    Raises:
        ValueError: for an entry without a name, or without a model.
    """

    def __init__(
        self,
        model_list: Iterable[Mapping[str, Any]] | None = None,
        fallbacks: Iterable[Mapping[str, list[str]]] | None = None,
        default_fallbacks: list[str] | None = None,
        num_retries: int | None = None,
        context_window_fallbacks: Iterable[Mapping[str, list[str]]] | None = None,
        model_group_alias: Mapping[str, str | Mapping[str, Any]] | None = None,
        **settings: Any,
    ) -> None:
        self.set_model_list(model_list or ())
        self.model_group_alias = dict(model_group_alias or {})
        self.fallbacks = [dict(entry) for entry in fallbacks or ()]
        self.context_window_fallbacks = [dict(entry) for entry in context_window_fallbacks or ()]
        self.default_fallbacks = default_fallbacks or []
        self.num_retries = num_retries
        self._settings = {
            name: value
            for name, value in settings.items()
            if name in {"timeout", "stream_timeout", "drop_params"}
        }

    @property
    def model_names(self) -> list[str]:
        """The names that calls may use."""
        return [*dict.fromkeys(entry["model_name"] for entry in self.model_list)]

    def get_model_names(self) -> list[str]:
        """The names that calls may use."""
        return [*self.model_names, *self.model_group_alias]

    def set_model_list(self, model_list: Iterable[Mapping[str, Any]]) -> None:
        """Have these entries in place of those that there are.

        Raises:
            ValueError: for an entry without a name, or without a model.
        """
        self.model_list: list[dict[str, Any]] = [
            _checked(entry, f"model_list[{number}]") for number, entry in enumerate(model_list)
        ]

    def add_deployment(self, deployment: Any) -> None:
        """Have one entry more.

        Raises:
            ValueError: when it has no name, or no model.
        """
        given = deployment.model_dump() if hasattr(deployment, "model_dump") else deployment
        self.model_list.append(_checked(given, "deployment"))

    def get_model_list(self, model_name: str | None = None) -> list[dict[str, Any]]:
        """The entries, or those of one name."""
        return [e for e in self.model_list if model_name in {None, e["model_name"]}]

    def completion(self, model: str, messages: Iterable[Any] = (), **kwargs: Any) -> Any:
        """A chat call."""
        return self._ask(completion, model, {"messages": list(messages), **kwargs})

    async def acompletion(self, model: str, messages: Iterable[Any] = (), **kwargs: Any) -> Any:
        """A chat call, async."""
        return await self._aask(acompletion, model, {"messages": list(messages), **kwargs})

    def embedding(self, model: str, input: Any = (), **kwargs: Any) -> Any:
        """Vectors."""
        return self._ask(embedding, model, {"input": input, **kwargs})

    async def aembedding(self, model: str, input: Any = (), **kwargs: Any) -> Any:
        """Vectors, async."""
        return await self._aask(aembedding, model, {"input": input, **kwargs})

    def text_completion(self, model: str, prompt: Any = "", **kwargs: Any) -> Any:
        """A text that goes on."""
        return self._ask(text_completion, model, {"prompt": prompt, **kwargs})

    async def atext_completion(self, model: str, prompt: Any = "", **kwargs: Any) -> Any:
        """A text that goes on, async."""
        return await self._aask(atext_completion, model, {"prompt": prompt, **kwargs})

    def rerank(self, model: str, query: str, documents: Any = (), **kwargs: Any) -> Any:
        """Documents by relevance."""
        return self._ask(rerank, model, {"query": query, "documents": documents, **kwargs})

    async def arerank(self, model: str, query: str, documents: Any = (), **kwargs: Any) -> Any:
        """Documents by relevance, async."""
        return await self._aask(arerank, model, {"query": query, "documents": documents, **kwargs})

    def responses(self, model: str, input: Any = "", **kwargs: Any) -> Any:
        """A response."""
        return self._ask(responses, model, {"input": input, **kwargs})

    async def aresponses(self, model: str, input: Any = "", **kwargs: Any) -> Any:
        """A response, async."""
        return await self._aask(aresponses, model, {"input": input, **kwargs})

    def _ask(self, call: Callable[..., Any], model: str, kwargs: dict[str, Any]) -> Any:
        failures: list[Exception] = []
        for arguments in self._tries(model, kwargs, failures):
            try:
                return call(**arguments)
            except Exception as error:  # noqa: BLE001 - the next one is tried, then it is raised
                failures.append(error)
        raise failures[0]

    async def _aask(
        self, call: Callable[..., Awaitable[Any]], model: str, kwargs: dict[str, Any]
    ) -> Any:
        failures: list[Exception] = []
        for arguments in self._tries(model, kwargs, failures):
            try:
                return await call(**arguments)
            except Exception as error:  # noqa: BLE001 - the next one is tried, then it is raised
                failures.append(error)
        raise failures[0]

    def _tries(
        self, model: str, kwargs: dict[str, Any], failures: list[Exception]
    ) -> Iterator[dict[str, Any]]:
        """The arguments of one call after another: the name's entries, then its fallbacks'."""
        yield from self._entries(model, kwargs)
        too_long = isinstance(failures[-1], theirs.ContextWindowExceededError)
        longer = _after(model, self.context_window_fallbacks) if too_long else []
        for other in longer or _after(model, self.fallbacks) or self.default_fallbacks:
            yield from self._entries(other, kwargs)

    def _fitting(self, model: str) -> list[dict[str, Any]]:
        """The entries whose names stand for many, with what the star stands for filled in."""
        found: list[dict[str, Any]] = []
        for entry in self.model_list:
            before, star, after = entry["model_name"].partition("*")
            if star and model.startswith(before) and model.endswith(after):
                part = model[len(before) : len(model) - len(after)]
                params = entry["litellm_params"]
                params = {**params, "model": params["model"].replace("*", part, 1)}
                found.append({**entry, "litellm_params": params})
        return found

    def _entries(self, model: str, kwargs: dict[str, Any]) -> Iterator[dict[str, Any]]:
        alias = self.model_group_alias.get(model, model)
        model = alias if isinstance(alias, str) else alias["model"]
        entries = self.get_model_list(model) or self._fitting(model)
        if not entries:
            raise theirs.BadRequestError(
                message=f"litellm.BadRequestError: no entry of model_list is named {model!r} "
                f"(there are {', '.join(self.get_model_names())})",
                model=model,
                llm_provider="",
            )
        for entry in random.sample(entries, len(entries)):
            fixed = {**self._settings, **entry["litellm_params"]}
            if self.num_retries is not None:
                fixed.setdefault("num_retries", self.num_retries)
            yield {**fixed, **{name: value for name, value in kwargs.items() if value is not None}}


def _checked(entry: Mapping[str, Any], path: str) -> dict[str, Any]:
    found = dict(entry)
    if not isinstance(found.get("model_name"), str):
        raise ValueError(f"{path} has no model_name")
    params: Any = found.get("litellm_params")
    if hasattr(params, "model_dump"):
        params = found["litellm_params"] = params.model_dump(exclude_none=True)
    if not is_object(params) or not isinstance(params.get("model"), str):
        raise ValueError(f'{path} has no litellm_params: {{"model": "provider/model", …}}')
    return found


def _after(model: str, fallbacks: list[dict[str, list[str]]]) -> list[str]:
    """The names that follow one; ``"*"`` stands for every name."""
    named = [other for entry in fallbacks for other in entry.get(model, ())]
    return named or [other for entry in fallbacks for other in entry.get("*", ())]
