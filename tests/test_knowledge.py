"""What is known of a model, by whom, and that nothing is refused for it."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator
from typing import Any

import pytest

from llmgate import Model, ModelInfo, model_info
from llmgate._core import knowledge as _knowledge
from llmgate.errors import InvalidRequestError


class Point:
    """The entry point of a package that ships facts."""

    def load(self) -> Any:
        """What it ships."""
        return _facts_of


def _facts_of(provider: str, model: str) -> tuple[dict[str, Any], str]:
    known = {"context_window": 100, "max_output": 10, "tools": True, "status": "deprecated"}
    return (known if (provider, model) == ("openai", "gpt-9") else {}), "a data set, 2026-07-02"


@pytest.fixture(autouse=True)
def _shipped(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One package ships facts."""
    real = importlib.metadata.entry_points

    def entry_points(**named: str) -> Any:
        return [Point()] if named.get("group") == "llmgate.knowledge" else real(**named)

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)
    _knowledge._shipped.cache_clear()
    yield
    _knowledge._shipped.cache_clear()


@pytest.mark.parametrize("name", ["openai/gpt-9", "gpt-9"])
def test_what_is_shipped_is_known_with_its_source(name: str) -> None:
    """By the whole name, and by one that a provider claims."""
    info = model_info(name)
    assert ("openai/gpt-9", 100, 10, True) == (
        info.name,
        info.context_window,
        info.max_output,
        info.tools,
    )
    assert "a data set, 2026-07-02" == info.sources["status"]
    assert info.vision is None
    assert "vision" not in info.sources


def test_ones_own_entries_are_asked_first_and_then_the_hosts_list() -> None:
    """Of each field, the first who knows it."""
    listed = [
        Model("other", provider="openai", context_window=1),
        Model(
            "gpt-9",
            provider="openai",
            context_window=50,
            max_output=5,
            capabilities={"vision": True, "json_schema": False},
        ),
    ]
    info = model_info("gpt-9", entries={"openai/gpt-9": {"context_window": 7}}, listed=listed)
    assert (7, 5, True, True, False) == (
        info.context_window,
        info.max_output,
        info.tools,
        info.vision,
        info.schema,
    )
    assert {
        "context_window": "entries",
        "max_output": "the models that openai lists",
        "vision": "the models that openai lists",
        "schema": "the models that openai lists",
        "tools": "a data set, 2026-07-02",
        "status": "a data set, 2026-07-02",
    } == info.sources


@pytest.mark.parametrize("name", ["openai/unheard-of", "nobody/x", "nobody-1"])
def test_of_an_unknown_model_nothing_is_known(name: str) -> None:
    """Which is no error: whether it exists, its provider says."""
    assert ModelInfo(name) == model_info(name)


def test_an_entry_has_the_fields_of_the_result() -> None:
    """Another one would say nothing."""
    with pytest.raises(InvalidRequestError, match="no fact 'window': it is one of context"):
        model_info("openai/gpt-9", entries={"openai/gpt-9": {"window": 1}})
