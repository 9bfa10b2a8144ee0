"""Hosts that a user adds: in code, in a package, and in a file, which is not trusted with keys."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llmgate import Client, add_host, completion
from llmgate._core import added as _added
from llmgate._core.registry import installed_providers
from llmgate.errors import InvalidRequestError, MissingKeyError
from llmgate.provider import Provider
from llmgate.provider.http import HttpRequest
from llmgate.testing import Canned, CannedTransport, FixedSigning, with_transport
from llmgate_compatible import CompatibleHost, host
from llmgate_compatible.custom import hosts_in

GREETING = [{"role": "user", "content": "Hi"}]
ROW = 'base_url = "https://acme.example/v1"\nkey = "ACME_API_KEY"\n'


@pytest.fixture(autouse=True)
def _anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What was added is forgotten after each test."""
    monkeypatch.delenv("ACME_API_KEY", raising=False)
    before = dict(_added.added_hosts)
    installed_providers.cache_clear()
    yield
    _added.added_hosts.clear()
    _added.added_hosts.update(before)
    installed_providers.cache_clear()


def test_one_row_is_enough() -> None:
    """Its models are asked for by its name; its key is looked for when they are."""
    add_host("acme", base_url="https://acme.example/v1", key="ACME_API_KEY")
    with pytest.raises(MissingKeyError, match="acme needs a key: set ACME_API_KEY"):
        completion("acme/large", GREETING)


def test_a_package_names_what_host_makes() -> None:
    """A class, as every provider."""
    made = host("acme", base_url="https://acme.example/v1", key=["ACME_API_KEY"], title="Acme")
    assert issubclass(made, CompatibleHost)
    assert ("acme", ("ACME_API_KEY",), "Acme") == (made.name, made.key_variables, made.row.title)


async def test_a_subclass_of_a_row_is_what_the_page_says() -> None:
    """The page about providers has one, which signs each request in a way of its own."""
    page = Path(__file__).parents[3].joinpath("docs", "providers.md").read_text("utf-8")
    block = next(code for code in page.split("```python\n") if "class Acme(host(" in code)
    made: dict[str, Any] = {}
    exec(block.partition("```")[0], made)  # noqa: S102 # our own documents
    signing = FixedSigning()
    provider: Provider = made["Acme"](api_key="key-1234567890")
    request = HttpRequest("POST", "https://api.acme.example/v1/chat/completions")
    sent = await provider.authorize(request, signing)
    expected = {
        "authorization": "Bearer key-1234567890",
        "x-acme-date": signing.now.isoformat(),
    }
    assert expected == {name.lower(): value for name, value in sent.headers.items()}


async def test_a_file_that_the_environment_names_adds_hosts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the same words."""
    file = tmp_path / "hosts.toml"
    file.write_text(
        f'[acme]\n{ROW}chat = {{ without = ["seed"] }}\n[own]\nbase_url = "http://[::1]:1/"\n'
    )
    monkeypatch.setenv("LLMGATE_HOSTS", str(file))
    assert {"acme", "own", "groq"} < {*installed_providers()}
    made = installed_providers()["acme"].load()
    choice = {"message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}
    transport = CannedTransport([Canned(200, body=json.dumps({"choices": [choice]}).encode())])
    provider = with_transport(made(api_key="k"), transport)
    async with Client(providers={"acme": provider}) as client:
        answer = await client.acompletion("acme/m", GREETING, seed=1)
    assert ["seed"] == [each.path for each in answer.report]
    assert "https://acme.example/v1/chat/completions" == transport.requests[0].url


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"[groq]\n{ROW}", "groq.*an installed provider has this name"),
        (f"[openai]\n{ROW}", "openai.*an installed provider has this name"),
        (
            f"[acme]\n{ROW.replace('ACME', 'GROQ')}",
            "GROQ_API_KEY is the key of an installed provider",
        ),
        (f"[acme]\n{ROW.replace('ACME', 'OPENAI')}", "OPENAI_API_KEY is the key of an installed"),
        (
            '[acme]\nbase_url = "https://{a}.acme.example"\nsettings = { a = "OPENAI_API_KEY" }\n',
            "OPENAI_API_KEY is the key of an installed",
        ),
        (
            '[acme]\nbase_url = "https://acme.example"\naddress = ["ANTHROPIC_API_KEY"]\n',
            "ANTHROPIC_API_KEY is the key of an installed",
        ),
        (
            f"[acme]\n{ROW.replace('https', 'http')}",
            "expected an https address, or one of this mach",
        ),
        (f"[acme]\n{ROW.replace('https://', 'http://10.0.0.1/')}", "expected an https address"),
        ('[acme]\nbase_url = "/v1"\naddress = "ACME_URL"\n', "expected an https address"),
        ("[acme]\ncolor = 1\n", "a host needs an address"),
        ("acme = 1\n", "expected tables, got 'acme' ="),
        ("[acme\n", "the file of hosts .* cannot be read"),
    ],
)
def test_a_row_of_a_file_that_could_lead_a_key_elsewhere_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, expected: str
) -> None:
    """As is one that is wrong; the error names the file, and comes with the first call."""
    file = tmp_path / "hosts.toml"
    file.write_text(text)
    monkeypatch.setenv("LLMGATE_HOSTS", str(file))
    with pytest.raises(InvalidRequestError, match=expected) as caught:
        completion("acme/m", GREETING)
    assert str(file) in str(caught.value)


PLUGINS = Path(__file__).parents[2]
AWS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


def variables_of_keys() -> Iterator[str]:
    """Each variable that a plugin of this repository reads a key from."""
    for file in sorted(PLUGINS.glob("llmgate-*/llmgate_*/**/*.py")):
        for names in re.findall(r"Credential\(\s*\(([^)]*)\)", file.read_text("utf-8")):
            yield from re.findall('"([A-Z_]+)"', names)
    yield from AWS


@pytest.mark.parametrize("variable", sorted({*variables_of_keys()}))
def test_no_key_of_another_provider_is_named_by_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """Neither the usual variable of its key, nor any other that may hold one."""
    file = tmp_path / "hosts.toml"
    file.write_text(f'[acme]\nbase_url = "https://acme.example"\nkey = "{variable}"\n')
    monkeypatch.setenv("LLMGATE_HOSTS", str(file))
    with pytest.raises(InvalidRequestError, match=f"{variable} is the key of an installed"):
        installed_providers()


def test_the_variables_of_keys_are_found() -> None:
    """Those of every plugin that has a key, or the test above would show nothing."""
    expected = {"OPENAI_API_KEY", "AZURE_API_KEY", "ANTHROPIC_AUTH_TOKEN", "GOOGLE_API_KEY"}
    assert expected < {*variables_of_keys()}
    assert 15 <= len({*variables_of_keys()})


@pytest.mark.parametrize(
    "address", ["https://a.example", "http://localhost:1", "http://127.9.9.9/v1"]
)
def test_https_and_this_machine_are_safe(tmp_path: Path, address: str) -> None:
    """What is sent there, nobody else reads."""
    file = tmp_path / "hosts.toml"
    file.write_text(f'[acme]\nbase_url = "{address}"\n')
    assert ["acme"] == [*hosts_in(str(file), (), ())]


def test_the_rows_may_be_a_table_of_a_file(tmp_path: Path) -> None:
    """Beside what else that file holds; without that table, there are none."""
    file = tmp_path / "config.toml"
    file.write_text(f'model = "x"\n[hosts.acme]\n{ROW}')
    assert ["acme"] == [*hosts_in(str(file), (), (), table="hosts")]
    assert [] == [*hosts_in(str(file), (), (), table="others")]


def test_what_stands_in_place_of_that_table_is_refused(tmp_path: Path) -> None:
    """The error names the file."""
    file = tmp_path / "config.toml"
    file.write_text("hosts = 5")
    with pytest.raises(InvalidRequestError, match=r"config\.toml: expected tables"):
        hosts_in(str(file), (), (), table="hosts")


def test_a_file_that_is_missing_is_an_error(tmp_path: Path) -> None:
    """It was named: without it, calls would go to nobody."""
    with pytest.raises(InvalidRequestError, match="cannot be read"):
        hosts_in(str(tmp_path / "none"), (), ())


def test_nothing_is_read_from_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A checkout must not add hosts to whoever works in it."""
    monkeypatch.chdir(tmp_path)
    tmp_path.joinpath("hosts.toml").write_text(f"[acme]\n{ROW}")
    assert "acme" not in installed_providers()
