"""Writes docs/providers/*.md: each provider's names, keys, settings and parameters, from what its
package declares, and behind them what the README of that package says in words.

python scripts/provider_pages.py            # write them
python scripts/provider_pages.py --check    # exit with 1 when one is not current
"""

from __future__ import annotations

import inspect
import os
import re
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from llmgate._core.registry import KnownProvider, installed_providers
from llmgate.options import MEANINGFUL, ChatParameters, EmbeddingParameters
from llmgate.provider import EmbeddingAbilities, Rule, Support

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "docs" / "providers"
KEYWORDS = ("api_key", "base_url", "api_version")
"""The settings that are arguments of a call."""
OPERATIONS = {
    "embed": "embeddings",
    "rerank": "rerankings",
    "list_models": "list of models",
    "count_tokens": "count of tokens",
}
TERMS = {
    Support.NATIVE: "sent unchanged",
    Support.TRANSLATED: "sent in the provider's own terms",
    Support.EMULATED: "emulated, and recorded",
    Support.UNSUPPORTED: "dropped, and recorded",
}
REFUSED = "refused: the result would mean something else"
DECLARED = ("## Settings\n", "## The key\n", "## Example\n")
"""Sections of a README that the tables of a page say."""
LEGACY = ("functions", "function_call")
"""What the core turns into tools, for providers that do not take it."""
HOST_RULE = "A key from the environment goes to the vendor's own hosts"


@dataclass(frozen=True)
class Subject:
    """A provider with a page: what it is called in prose, and models whose rules are shown.

    ``models`` begins with that of the example. ``made_with`` is what makes an instance of it, where
    it cannot be made without. ``details`` is the provider whose page has the README's text, and
    ``vectors`` a model for embeddings.
    """

    title: str
    models: tuple[str, ...]
    made_with: Mapping[str, Any] | None = None
    details: str = ""
    vectors: str = ""


SUBJECTS = {
    "anthropic": Subject("Anthropic", ("claude-sonnet-5-5",)),
    "azure": Subject(
        "Azure OpenAI",
        ("my-deployment", "gpt-5"),
        {"base_url": "https://a.openai.azure.com"},
        vectors="my-embeddings",
    ),
    "bedrock": Subject(
        "Amazon Bedrock",
        (
            "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "amazon.nova-pro-v1:0",
            "openai.gpt-oss-120b-1:0",
        ),
        vectors="amazon.titan-embed-text-v2:0",
    ),
    "cohere": Subject(
        "Cohere", ("command-a-03-2025", "command-a-reasoning-08-2025"), vectors="embed-v4.0"
    ),
    "gemini": Subject(
        "Gemini", ("gemini-3.6-flash", "gemini-2.5-flash"), vectors="gemini-embedding-001"
    ),
    "huggingface": Subject(
        "Hugging Face", ("Qwen/Qwen3-Coder-480B-A35B-Instruct",), vectors="BAAI/bge-small-en-v1.5"
    ),
    "local": Subject("Models on this machine", ("smollm2",), vectors="~/nomic-embed.gguf"),
    "mistral": Subject(
        "Mistral", ("mistral-small-latest", "magistral-medium-latest"), vectors="mistral-embed"
    ),
    "ollama": Subject("Ollama", ("qwen3:4b",), vectors="nomic-embed-text"),
    "openai": Subject("OpenAI", ("gpt-5.6", "o3", "gpt-4o"), vectors="text-embedding-3-small"),
    "replicate": Subject("Replicate", ("meta/meta-llama-3-70b-instruct",)),
    "vertex": Subject(
        "Vertex AI",
        ("gemini-3.6-flash", "claude-sonnet-4-5"),
        details="gemini",
        vectors="gemini-embedding-001",
    ),
}


def page(name: str) -> str:
    """The whole page of a provider."""
    subject, installed = SUBJECTS[name], installed_providers()[name]
    readme = Readme(installed.distribution)
    intro = readme.intro if not subject.details else _shared(subject, installed)
    parts = [
        f"# {subject.title}",
        f"Made from `{installed.distribution}` by `python scripts/provider_pages.py`; a test keeps "
        "it current.",
        intro,
        facts(name, installed),
        example(name, subject),
        settings(name, installed),
        parameters(name, subject, installed),
        embeddings(name, subject, installed),
        "" if subject.details else readme.details(),
    ]
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def _shared(subject: Subject, installed: KnownProvider) -> str:
    return (
        f"It is in the same package as `{subject.details}`, `{installed.distribution}`; the "
        f"[page of {subject.details}]({subject.details}.md) says how to install it, what becomes "
        "of a call and of a response, and where credentials come from."
    )


class Readme:
    """What the README of a package says that is not made from its declarations."""

    def __init__(self, distribution: str) -> None:
        text = (ROOT / "plugins" / distribution / "README.md").read_text(encoding="utf-8")
        text = text.replace("](../../docs/", "](../")
        text = re.sub(r"\]\(\.\./llmgate-(\w+)/README\.md", r"](\1.md", text)
        body, *sections = re.split(r"^(?=## )", text, flags=re.MULTILINE)
        blocks = [*_blocks(body)][1:]  # behind the title
        opening = next(at for at, block in enumerate(blocks) if block.startswith("```sh"))
        self.intro = "\n\n".join(blocks[: opening + 1])
        self._first = blocks[opening + 1 :]
        self._sections = [each for each in sections if not each.startswith(DECLARED)]

    def details(self) -> str:
        """All but the introduction and the settings; the text before the first heading has one."""
        kept = [block for block in self._first if not _is_declared(block)]
        first = "\n\n".join(["## In more detail", *kept]) + "\n\n" if kept else ""
        return first + "".join(self._sections)


def _blocks(text: str) -> Iterator[str]:
    """Paragraphs, tables and whole fenced blocks."""
    for found in re.finditer(
        r"^```.*?^```$|^(?=\S).+?(?=\n\n|\n```|\Z)", text.strip(), re.M | re.S
    ):
        yield found[0].strip("\n")


def _is_declared(block: str) -> bool:
    """Whether a block says what the tables of the page say."""
    return block.startswith(
        (
            "| setting |",
            "Model names that need no prefix",
            "Models: `",
            "`api_key` and `base_url` can",
        )
    )


def facts(name: str, installed: KnownProvider) -> str:
    """What a call needs to know."""
    factory = installed.load()
    unprefixed = ", ".join(f"`{each}`" for each in installed.models)
    rows = {
        "models": f"`{name}/…`" + (f"; unprefixed: {unprefixed}" if unprefixed else ""),
        "key": ", ".join(f"`{each}`" for each in installed.keys) or _keyless(factory),
        "beside chat": ", ".join(
            said for each, said in OPERATIONS.items() if hasattr(factory, each)
        ),
    }
    return "| | |\n|---|---|\n" + "\n".join(
        f"| {what} | {said} |" for what, said in rows.items() if said
    )


def _keyless(factory: Any) -> str:
    return "" if "api_key" in inspect.signature(factory).parameters else "none"


def example(name: str, subject: Subject) -> str:
    """A call that can be copied, and what it prints."""
    model = f"{name}/{subject.models[0]}"
    call = f'response = completion("{model}", messages)'
    printed = "…" if name == "local" else "Hello."
    return (
        "## An example\n\n```python\nfrom llmgate import completion\n\n"
        'messages = [{"role": "user", "content": "Say hello."}]\n'
        f"{call}\nprint(response.text)\n```\n\n```text\n{printed}\n```"
    )


def settings(name: str, installed: KnownProvider) -> str:
    """The table of what the factory takes, in its docstring's words."""
    factory = installed.load()
    rows = [f"| `{each}` | {said} |" for each, said in arguments_of(factory)]
    keywords = [each for each in KEYWORDS if each in inspect.signature(factory).parameters]
    own = next(
        (each for each in inspect.signature(factory).parameters if each not in KEYWORDS), "headers"
    )
    listed = _listed([f"`{each}`" for each in keywords])
    be = "is an argument" if len(keywords) == 1 else "are arguments"
    opening = f"{listed} {be} of a call. " if keywords else ""
    return (
        f"## Settings\n\n{opening}Each setting can be given for one call in `provider_settings={{"
        f'"{own}": …}}`, or for a client with `Client(providers={{"{name}": '
        f"{factory.__name__}({own}=…)}})`; `{factory.__name__}` is in `{_module(factory)}`.\n\n"
        "| setting | meaning |\n|---|---|\n" + "\n".join(rows) + _host_rule(factory)
    )


def _module(factory: Any) -> str:
    module: str = factory.__module__
    return module.partition(".")[0]


def _host_rule(factory: Any) -> str:
    """Where credentials go: each provider with a key says so in its docstring."""
    text = " ".join((inspect.getdoc(factory) or "").split())
    if HOST_RULE not in text:
        return ""
    return "\n\n" + HOST_RULE + text.partition(HOST_RULE)[2].partition(" Args:")[0]


def arguments_of(factory: Any) -> Iterator[tuple[str, str]]:
    """The arguments of a factory, with what its docstring says of each."""
    documented = (inspect.getdoc(factory) or "").partition("Args:\n")[2].partition("\n\n")[0]
    for found in re.finditer(r"^    (\w+): (.*?)(?=^    \w|\Z)", documented, re.M | re.S):
        said = re.sub(r":\w+:`([^`]+)`", r"`\1`", " ".join(found[2].split()))
        yield found[1], said.replace("``", "`").replace("|", "\\|")


def parameters(name: str, subject: Subject, installed: KnownProvider) -> str:
    """How the parameters of a chat are taken, and what single models do with them."""
    factory = installed.load()
    everything = dict.fromkeys(ChatParameters.__annotations__, Support.NATIVE)
    declared: Mapping[str, Support] = getattr(factory, "parameters", None) or everything
    names = sorted({*ChatParameters.__annotations__} - {"stream_options"})
    if "tools" in declared and not hasattr(factory, "takes_legacy_functions"):
        declared = {**declared, **dict.fromkeys(LEGACY, Support.TRANSLATED)}
    how = {each: declared.get(each, Support.UNSUPPORTED) for each in names}
    groups: dict[str, list[str]] = {term: [] for term in [*TERMS.values(), REFUSED]}
    for each in names:
        is_refused = how[each] is Support.UNSUPPORTED and each in MEANINGFUL
        groups[REFUSED if is_refused else TERMS[how[each]]].append(each)
    rows = [
        f"| {what} | {', '.join(f'`{each}`' for each in found)} |"
        for what, found in groups.items()
        if found
    ]
    return (
        "## Parameters of a chat\n\nWhat is recorded is in `response.report`; under "
        '`unsupported="raise"`, what would be dropped is refused, too.\n\n'
        "| | parameters |\n|---|---|\n" + "\n".join(rows) + by_model(name, subject, installed, how)
    )


def embeddings(name: str, subject: Subject, installed: KnownProvider) -> str:
    """How the parameters of embeddings are taken; empty where there are none."""
    factory = installed.load()
    if not hasattr(factory, "embed"):
        return ""
    with patch.dict(os.environ, clear=True):
        provider: Any = factory(**(subject.made_with or {}))
        declared: EmbeddingAbilities = provider.embedding_abilities(subject.vectors)
    how = {
        **dict.fromkeys(EmbeddingParameters.__annotations__, Support.UNSUPPORTED),
        **(declared.parameters or {}),
    }
    rows = [
        f"| `{each}` | {_how_taken(ability, each == 'dimensions')} |"
        for each, ability in sorted(how.items())
    ]
    most = {None: "any number of inputs", 1: "one input"}.get(
        declared.max_batch, f"up to {declared.max_batch:,} inputs" if declared.max_batch else ""
    )
    several = "; more become several requests" if declared.max_batch else ""
    tokens = "are taken" if declared.takes_tokens else "are refused"
    return (
        f"## Embeddings\n\nFor `{name}/{subject.vectors}`, whose requests have {most}"
        f"{several}. Lists of token ids {tokens}.\n\n"
        "| parameter | |\n|---|---|\n" + "\n".join(rows)
    )


def _how_taken(ability: Support | Rule, is_meaningful: bool) -> str:
    if isinstance(ability, Rule):
        return said_of(ability, is_meaningful)
    return REFUSED if ability is Support.UNSUPPORTED and is_meaningful else TERMS[ability]


def by_model(
    name: str, subject: Subject, installed: KnownProvider, how: Mapping[str, Support]
) -> str:
    """The table of what some models do otherwise; empty where none does."""
    with patch.dict(os.environ, clear=True):
        provider: Any = installed.load()(**(subject.made_with or {}))
        rows = [
            f"| `{name}/{model}` | {', '.join(f'`{each}`' for each in which)} | {said} |"
            for model in subject.models
            for said, which in differences(provider.abilities(model, {}) or {}, how).items()
        ]
    if not rows:
        return ""
    return (
        "\n\nWhat single models do otherwise; these stand for their families:\n\n"
        "| model | parameters | what becomes of them |\n|---|---|---|\n" + "\n".join(rows)
    )


def differences(
    abilities: Mapping[str, Support | Rule], how: Mapping[str, Support]
) -> dict[str, list[str]]:
    """What becomes of parameters that a model takes otherwise than its provider says."""
    found: dict[str, list[str]] = {}
    for parameter in sorted((how.keys() & abilities.keys()).difference(LEGACY)):
        ability = abilities[parameter]
        if isinstance(ability, Rule):
            found.setdefault(said_of(ability, parameter in MEANINGFUL), []).append(parameter)
        elif ability is not how[parameter]:
            found.setdefault(TERMS[ability], []).append(parameter)
    return found


def said_of(rule: Rule, is_meaningful: bool) -> str:
    """A rule in words."""
    if rule.to is not None:
        return f"sent as `{rule.to}`: {rule.reason}"
    what = "refused" if is_meaningful else "dropped"
    if not rule.allowed:
        return f"{what}: {rule.reason}" if rule.allowed is not None else rule.reason
    return f"{what}, but for {_values(rule.allowed)}: {rule.reason}"


def _values(allowed: Collection[Any]) -> str:
    return _listed(sorted("`" + repr(value).replace("'", '"') + "`" for value in allowed))


def _listed(items: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(items[:-1]), *items[-1:]]))


def main() -> int:
    """Write the pages, or check them."""
    pages = {PAGES / f"{name}.md": page(name) for name in SUBJECTS}
    if "--check" in sys.argv[1:]:
        is_current = {*PAGES.glob("*.md")} == pages.keys() and all(
            path.read_text(encoding="utf-8") == text for path, text in pages.items()
        )
        return int(not is_current)
    PAGES.mkdir(exist_ok=True)
    for path, text in pages.items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
