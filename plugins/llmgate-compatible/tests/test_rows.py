"""The table of hosts: its shape, its entry points, and that one row is read without the others."""

from __future__ import annotations

import importlib.util
import tomllib
from fnmatch import fnmatchcase
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

import llmgate_compatible
from llmgate.errors import InvalidRequestError
from llmgate_compatible.columns import row_of
from llmgate_compatible.rows import Chat, Operation, Row, chat_of
from llmgate_compatible.shipped import TABLE, shipped_row

ROOT = Path(__file__).parents[3]
TEXT = TABLE.read_text("utf-8")
ROWS: dict[str, Any] = tomllib.loads(TEXT)
PAGE = (ROOT / "docs" / "hosts.md").read_text("utf-8")
EACH = pytest.mark.parametrize("name", sorted(ROWS))


def test_there_is_a_row_for_each_of_the_hosts_that_people_use() -> None:
    """Services, gateways and servers for one's own machine."""
    assert len(ROWS) >= 60
    assert {"groq", "deepseek", "together", "openrouter", "perplexity", "litellm"} < {*ROWS}
    assert {"vllm", "sglang", "tgi", "lmstudio", "llamacpp", "llamafile", "localai"} < {*ROWS}
    assert sorted(ROWS) == [*ROWS]


@EACH
def test_a_row_is_read_alone(name: str) -> None:
    """It is at most ten lines, and what is read is what the whole table says."""
    block = TEXT[TEXT.index(f"[{name}]\n") :].partition("\n\n")[0]
    assert len(block.splitlines()) <= 10
    assert row_of(name, ROWS[name]) == shipped_row(name)


def test_a_name_that_no_row_has_is_none() -> None:
    """Neither of a row, nor of the package."""
    assert shipped_row("acme") is None
    with pytest.raises(AttributeError, match="has no attribute 'acme'"):
        _ = llmgate_compatible.acme


@EACH
def test_each_row_has_its_entry_points(name: str) -> None:
    """By which it is known without importing anything."""
    target = f"llmgate_compatible:{name.replace('-', '_')}"
    (point,) = entry_points(group="llmgate.providers", name=name)
    assert target == point.value
    assert name == point.load().name
    for group, column in (("llmgate.models", "claims"), ("llmgate.keys", "key")):
        named = {each.name for each in entry_points(group=group) if each.value == target}
        assert {*ROWS[name].get(column, ())} == named


def test_the_entry_points_are_made_of_the_table() -> None:
    """``python scripts/hosts.py`` writes them."""
    spec = importlib.util.spec_from_file_location("hosts", ROOT / "scripts" / "hosts.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.PROJECT.read_text("utf-8") == module.text()
    page = module.PAGE.read_text("utf-8")
    assert page == module.page()
    for name, row in ROWS.items():
        section = page.partition(f"\n## {row['title']}\n")[2].partition("\n## ")[0]
        code = section.partition("```python\n")[2].partition("```")[0]
        assert f'"{name}/MODEL"' in code
        compile(code, name, "exec")
        assert all(f"`{variable}`" in section for variable in row.get("key", ()))


def test_no_two_hosts_claim_the_same_name() -> None:
    """A bare name would lead to neither of them."""
    claims = [glob for row in ROWS.values() for glob in row.get("claims", ())]
    assert sorted({*claims}) == sorted(claims)
    for glob in claims:
        plain = glob.replace("*", "x")
        assert [glob] == [each for each in claims if fnmatchcase(plain, each)]


def test_each_column_and_quirk_is_explained() -> None:
    """On the page for those who write a row."""
    columns = {*Row._fields} - {"name"} | {*Chat._fields, *Operation._fields}
    quirks = {quirk for row in ROWS.values() for quirk in row.get("chat", {}).get("quirks", ())}
    assert [] == [name for name in sorted(columns | quirks) if f"`{name}`" not in PAGE]


@EACH
def test_a_host_that_needs_a_key_says_where_it_is_looked_for(name: str) -> None:
    """A server on this machine may need none; none is sent without TLS."""
    row = row_of(name, ROWS[name])
    assert row.key or row.keyless
    assert row.keyless or row.base_url.startswith(("https://", "/"))


# --- what is added by others ---

ACME: dict[str, Any] = {"base_url": "https://acme.example/v1"}


def test_a_row_may_be_an_address_alone() -> None:
    """It then departs from the format in nothing."""
    row = row_of("acme", ACME)
    assert ("acme", "https://acme.example/v1", Chat()) == (row.title, row.base_url, row.chat)
    assert ("ACME_KEY",) == row_of("acme", {**ACME, "key": "ACME_KEY"}).key


WRONG: dict[str, tuple[dict[str, Any], str, str]] = {
    "name": ({}, "Acme!", "'Acme!' is not a host's name"),
    "acme.base_url": ({"base_url": None}, "acme", "a host needs an address"),
    "acme.color": ({"color": 1}, "acme", "no such column: it is one of title, base_url"),
    "acme.key": (
        {"key": "sk-secret"},
        "acme",
        r"expected names of variables, such as ACME_API_KEY$",
    ),
    "acme.keyless": ({"keyless": 1}, "acme", "expected true or false, got 1"),
    "acme.paths": ({"paths": ["images"]}, "acme", "expected embeddings, models, rerank or tokens"),
    "acme.headers": ({"headers": {"a b": "c"}}, "acme", "expected text by header$"),
    "acme.settings": ({"settings": {"region": "ACME_REGION"}}, "acme", "each {placeholder}"),
    "acme.hosts": ({"hosts": ["http://a"]}, "acme", "expected names of hosts"),
    "acme.claims": ({"claims": 7}, "acme", "expected globs of models, got 7"),
    "acme.chat": ({"chat": []}, "acme", "expected a table"),
    "acme.rerank": ({"rerank": 1}, "acme", "expected a table"),
    "acme.rerank.most": ({"rerank": {"most": 0}}, "acme", "expected a number of inputs, got 0"),
    "acme.embedding.without": ({"embedding": {"without": ["n"]}}, "acme", "expected names of"),
    "acme.chat.echo": ({"chat": {"echo": "always"}}, "acme", "expected given or none or"),
    "acme.chat.without": ({"chat": {"without": ["tempo"]}}, "acme", "expected names of parameters"),
    "acme.chat.values": ({"chat": {"values": {"n": 1}}}, "acme", "expected lists by parameter"),
    "acme.chat.effort": ({"chat": {"effort": {"none": 0}}}, "acme", "expected words or tables"),
    "acme.chat.renames": ({"chat": {"renames": 1}}, "acme", "expected names by parameter"),
    "acme.when.x*.quirks": ({"when": {"x*": {"quirks": ["odd"]}}}, "acme", "expected some of"),
}


@pytest.mark.parametrize("path", WRONG)
def test_a_wrong_column_is_named(path: str) -> None:
    """With what it may hold, and without what may be a secret."""
    columns, name, expected = WRONG[path]
    with pytest.raises(InvalidRequestError, match=expected) as caught:
        row_of(name, {**ACME, **columns})
    assert path == caught.value.path
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [
        ("ftp://acme.example", "'ftp://acme.example' is not an http"),
        ("https://u:secret@acme.example", "an address without user and query"),
        ("https://acme.example?key=secret", "an address without user and query"),
        ("/v1", "a path alone needs the variable of a host"),
    ],
)
def test_an_address_that_cannot_be_one_is_refused(base_url: str, expected: str) -> None:
    """As is one that holds a secret, which would be shown."""
    with pytest.raises(InvalidRequestError, match=expected) as caught:
        row_of("acme", {"base_url": base_url})
    assert "acme.base_url" == caught.value.path
    assert "secret" not in str(caught.value)


def test_what_holds_for_a_model_is_added_to_what_holds_for_all() -> None:
    """Lists and tables grow; everything else is replaced."""
    chat = {"quirks": ["no_names"], "values": {"n": [1]}, "asks_usage": True}
    when = {
        "a*": {"quirks": ["one_system"], "values": {"seed": [1]}},
        "*b": {"limit": "max_tokens"},
    }
    row = row_of("acme", {**ACME, "chat": chat, "when": when})
    assert row.chat == chat_of(row, "x")
    assert "max_tokens" == chat_of(row, "ab").limit
    both = chat_of(row, "ab")
    assert (("no_names", "one_system"), {"n": (1,), "seed": (1,)}, True) == (
        both.quirks,
        both.values,
        both.asks_usage,
    )


RULES: dict[tuple[str, str], dict[str, Any]] = {
    ("xai", "grok-4.5"): {"stop": False, "reasoning_effort": ("low", "medium", "high")},
    ("xai", "grok-4.20-non-reasoning"): {"stop": True, "presence_penalty": False},
    ("groq", "llama-3.3-70b-versatile"): {"reasoning_effort": False, "n": (1,)},
    ("groq", "openai/gpt-oss-120b"): {"reasoning_effort": ("low", "medium", "high"), "n": (1,)},
    ("moonshot", "kimi-k2.5"): {"temperature": (1, 0.6), "tool_choice": ("auto", "none")},
    ("moonshot", "kimi-k3"): {"temperature": True, "tool_choice": True},
    ("perplexity", "sonar"): {"tools": False, "stop": True},
    ("zai", "glm-5.3"): {"reasoning_effort": ("low", "high", "max")},
    ("cerebras", "kimi-k3"): {"reasoning_effort": ("low", "high", "max")},
}


@pytest.mark.parametrize(("name", "model"), RULES)
def test_a_model_takes_what_its_host_says(name: str, model: str) -> None:
    """All values of a parameter, some of them, or none."""
    provider = getattr(llmgate_compatible, name)(api_key="k")
    abilities = provider.abilities(model, {})
    for parameter, expected in RULES[name, model].items():
        found = abilities[parameter]
        if isinstance(expected, tuple):
            assert expected == found.allowed
        else:
            assert expected is (found != "unsupported")
