"""What the tests of this plugin share: what is sent for a call, and a home for credentials."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llmgate.provider.call import ProviderCall
from llmgate.provider.http import decode_json
from llmgate.testing.driving import call_of, first_request
from llmgate_bedrock import Bedrock

Sent = Callable[..., tuple[dict[str, Any], ProviderCall]]
HI = ({"role": "user", "content": "Hi"},)


@pytest.fixture
def sent() -> Sent:
    """The body that is sent for a call, and the call with its report."""
    provider = Bedrock(api_key="k", region="us-east-1")

    def body_of(
        messages: Any = HI, *, model: str = "us.anthropic.claude-sonnet-4-5-v1:0", **options: Any
    ) -> tuple[dict[str, Any], ProviderCall]:
        call = call_of(provider, {"model": model, "messages": list(messages), **options})
        return decode_json(first_request(provider.complete(call)).body), call

    return body_of


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without files, and no metadata service but one that a test names."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    tmp_path.joinpath(".aws").mkdir()
    return tmp_path


@pytest.fixture
def files(home: Path) -> Callable[..., None]:
    """Writes the shared files."""

    def write(credentials: str = "", config: str = "") -> None:
        home.joinpath(".aws/credentials").write_text(credentials)
        home.joinpath(".aws/config").write_text(config)

    return write
