"""The facts that are shipped: of the right form, with their date and their licence."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

from llmgate import ModelInfo, model_info
from llmgate_compatible.shipped import TABLE

FILE = TABLE.with_name("models.json")
SHIPPED: dict[str, Any] = json.loads(FILE.read_text("utf-8"))


def test_each_fact_is_a_field_of_the_result() -> None:
    """And nothing else is shipped of a model."""
    names = {each.name for each in fields(ModelInfo)} - {"name", "sources"}
    for models in SHIPPED["models"].values():
        for facts in models.values():
            assert names.issuperset(facts)
            assert None not in facts.values()


def test_their_licence_is_beside_them() -> None:
    """With the commit that they are from."""
    notice = FILE.with_name("models.LICENSE").read_text("utf-8")
    assert "MIT License" in notice
    assert SHIPPED["commit"] in notice
    assert SHIPPED["date"] in notice


def test_they_are_known_by_the_names_of_the_hosts() -> None:
    """With the date at which they were published."""
    info = model_info("groq/openai/gpt-oss-120b")
    assert (131072, True) == (info.context_window, info.reasoning)
    assert "models.dev, 2026-07-02" == info.sources["context_window"]
    assert model_info("groq/unheard-of").context_window is None
