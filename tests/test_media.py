"""Media in messages: URLs and types in other spellings, and files that are read for a call."""

from __future__ import annotations

import asyncio
import base64
import os
import threading
from pathlib import Path
from typing import Any

import pytest

import llmgate
from llmgate import Client
from llmgate._core.check import check_messages
from llmgate.errors import DeadlineExceededError, InvalidRequestError
from llmgate.media import MOST_BYTES, LocalFile
from tests.faults.calls import KEY
from tests.faults.server import COMPLETION, FaultServer, reply
from tests.plain_provider import PlainProvider

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
WAV = b"RIFF\x24\x00\x00\x00WAVEfmt "
WEBP = b"RIFF\x24\x00\x00\x00WEBPVP8 "


def part_of(part: Any) -> Any:
    """A part as a provider reads it."""
    message: Any = check_messages([{"role": "user", "content": [part]}])[0]
    return message["content"][0]


def inline(part: Any) -> tuple[str, bytes]:
    """The type and the bytes of a part that is inline."""
    url = part.get("image_url", {}).get("url") or part["file"]["file_data"]
    head, _, data = url.partition(",")
    return head, base64.b64decode(data)


# --- spellings ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("https://a.test/X.png", "https://a.test/X.png"),
        ("HTTPS://a.test/X.png", "https://a.test/X.png"),
        ("Http://a.test/x.png", "http://a.test/x.png"),
        ("gs://bucket/X.png", "gs://bucket/X.png"),
        ("data:image/png;base64,AAAA", "data:image/png;base64,AAAA"),
        ("DATA:image/png;base64,aAAA", "data:image/png;base64,aAAA"),
        ("Data:IMAGE/PNG;BASE64,aAAA", "data:image/png;base64,aAAA"),
        ("data:image/jpg;base64,/9j/", "data:image/jpeg;base64,/9j/"),
        ("data:image/pjpeg;base64,/9j/", "data:image/jpeg;base64,/9j/"),
        ("data:image/x-png;base64,AAAA", "data:image/png;base64,AAAA"),
        ("data:image/JPG;charset=utf-8;base64,/9j/", "data:image/jpeg;charset=utf-8;base64,/9j/"),
    ],
)
def test_the_url_of_an_image(given: str, sent: str) -> None:
    """Schemes and types know no case, and old names of a type are those of the same; a mere text
    stands for its object."""
    for image in (given, {"url": given}):
        assert {"url": sent} == part_of({"type": "image_url", "image_url": image})["image_url"]


@pytest.mark.parametrize(
    "url",
    [
        "cat.png",
        "/etc/passwd",
        "file:///etc/passwd",
        "FILE:///etc/passwd",
        "C:\\cat.png",
        "data",
        " DATA ",
        "",
    ],
)
@pytest.mark.parametrize("bare", [False, True])
def test_a_path_is_never_read_by_itself(url: str, bare: bool) -> None:
    """The error names the helper that does."""
    with pytest.raises(InvalidRequestError) as caught:
        part_of({"type": "image_url", "image_url": url if bare else {"url": url}})
    assert "llmgate.image(path)" in str(caught.value) or not url


@pytest.mark.parametrize("url", ["data:image/png,AAAA", "data:image/png;base64", "DATA:x"])
def test_inline_data_that_is_no_base64(url: str) -> None:
    """It says what is expected."""
    with pytest.raises(InvalidRequestError, match="expected data:<mime type>;base64,<data>"):
        part_of({"type": "image_url", "image_url": {"url": url}})


def test_the_data_of_a_file() -> None:
    """Likewise; what is no URL is left as it is."""
    for given, sent in (
        ("DATA:Application/X-PDF;base64,JVBE", "data:application/pdf;base64,JVBE"),
        ("JVBERi0x", "JVBERi0x"),
    ):
        assert sent == part_of({"type": "file", "file": {"file_data": given}})["file"]["file_data"]


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("UklGRg==", {"data": "UklGRg==", "format": "wav"}),
        ("data:audio/wav;base64,UklGRg==", {"data": "UklGRg==", "format": "wav"}),
        ("SUQzBA==", {"data": "SUQzBA==", "format": "mp3"}),
        ("//uQ", {"data": "//uQ", "format": "mp3"}),
    ],
)
def test_a_sound_that_is_a_mere_text(given: str, sent: Any) -> None:
    """Its beginning says what it is."""
    assert sent == part_of({"type": "input_audio", "input_audio": given})["input_audio"]


def test_a_sound_that_does_not_say_what_it_is() -> None:
    """It is refused with the right shape."""
    with pytest.raises(InvalidRequestError, match="'format': 'wav' or 'mp3'"):
        part_of({"type": "input_audio", "input_audio": "AAAA"})


# --- files of this machine ----------------------------------------------------------------


async def asked(part: Any, **options: Any) -> Any:
    """What the provider is asked, of a call with this part."""
    earlier: Any = {"role": "assistant", "content": "Yes?", "name": "model"}
    messages: list[Any] = [
        {"role": "user", "content": [{"type": "text", "text": "?"}, part]},
        earlier,
    ]
    with FaultServer(reply(body=COMPLETION)) as server:
        provider = PlainProvider(api_key=KEY, base_url=server.url)
        async with Client(providers={"openai": provider}) as client:
            await client.acompletion("openai/m", messages, **options)
            seen = server.requests[0].json
            assert seen == await asyncio.to_thread(
                lambda: client.preview("openai/m", messages).json()
            )
            await asyncio.to_thread(lambda: client.completion("openai/m", messages))
            assert seen == server.requests[1].json
    assert part is messages[0]["content"][1], "the caller's own messages stay as they are"
    return seen["messages"][0]["content"][1]


@pytest.mark.parametrize(
    ("name", "data", "head"),
    [
        ("cat.png", PNG, "data:image/png;base64"),
        ("cat", b"\xff\xd8\xff\xe0", "data:image/jpeg;base64"),
        ("cat.jpg", PNG, "data:image/png;base64"),
        ("cat.webp", WEBP, "data:image/webp;base64"),
        ("cat.tiff", b"II*\0", "data:image/tiff;base64"),
    ],
)
async def test_an_image(tmp_path: Path, name: str, data: bytes, head: str) -> None:
    """By its path, whole or streamed, sync or async: what it holds says what it is."""
    (tmp_path / name).write_bytes(data)
    for source in (tmp_path / name, str(tmp_path / name), (tmp_path / name).as_uri()):
        part = await asked(llmgate.image(source, detail="low"))
        assert (head, data) == inline(part)
        assert "low" == part["image_url"]["detail"]


async def test_a_document_and_a_sound(tmp_path: Path) -> None:
    """A document has its name; a sound has its format."""
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7")
    (tmp_path / "a.m4a").write_bytes(bytes(8))
    document = await asked(llmgate.file(tmp_path / "a.pdf"))
    assert ("data:application/pdf;base64", b"%PDF-1.7") == inline(document)
    assert "a.pdf" == document["file"]["filename"]
    assert "m4a" == (await asked(llmgate.audio(tmp_path / "a.m4a")))["input_audio"]["format"]
    given = llmgate.audio(tmp_path / "a.m4a", format="aac")
    assert "aac" == (await asked(given))["input_audio"]["format"]


def test_bytes_and_addresses_are_parts_at_once() -> None:
    """There is nothing to be read."""
    assert ("data:image/png;base64", PNG) == inline(llmgate.image(PNG))
    assert {"url": "https://a.test/x"} == llmgate.image("https://a.test/x")["image_url"]
    assert {"data": base64.b64encode(WAV).decode(), "format": "wav"} == llmgate.audio(WAV)[
        "input_audio"
    ]
    notes = llmgate.file(b"notes", filename="a.txt")
    assert ("data:text/plain;base64", b"notes") == inline(notes)
    assert "a.txt" == notes["file"]["filename"]
    assert ("data:application/octet-stream;base64", WAV) == inline(llmgate.file(WAV))


@pytest.mark.parametrize(
    ("make", "name", "reason"),
    [
        (llmgate.image, "none.png", "cannot be read: No such file"),
        (llmgate.image, "\0.png", "cannot be read: it is not a path"),
        (llmgate.file, "", "cannot be read: Is a directory"),
        (llmgate.image, "empty", "is empty"),
        (llmgate.file, "large", f"is larger than {MOST_BYTES:,} bytes"),
        (llmgate.image, "notes.txt", "which type of image"),
        (llmgate.audio, "notes", "which type of audio"),
    ],
)
async def test_a_file_that_cannot_be_read(
    tmp_path: Path, make: Any, name: str, reason: str
) -> None:
    """The error names the part; nothing is sent."""
    (tmp_path / "empty").touch()
    (tmp_path / "notes.txt").write_text("notes")
    (tmp_path / "notes").write_text("notes")
    with (tmp_path / "large").open("wb") as large:
        large.truncate(MOST_BYTES + 1)
    with pytest.raises(InvalidRequestError) as caught:
        await asked(make(f"{tmp_path}/{name}"))
    assert "messages[0].content[1]" == caught.value.path
    assert reason in caught.value.message


async def test_a_file_is_read_within_the_deadline_and_off_the_loop(tmp_path: Path) -> None:
    """A pipe that nobody writes to holds up neither the loop nor the call."""
    os.mkfifo(tmp_path / "pipe")
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0.01)

    ticking = asyncio.ensure_future(tick())
    with pytest.raises(DeadlineExceededError, match="a file in the messages did not load"):
        await asked(llmgate.file(tmp_path / "pipe"), timeout=0.3)
    ticking.cancel()
    assert ticks > 5
    threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(b"x",), daemon=True).start()


@pytest.mark.parametrize("url", ["https://a.test/report.pdf", "HTTP://a.test/x.mp3"])
def test_an_address_is_no_file(url: str) -> None:
    """What is loaded is for the caller to say; an image's address alone is every provider's."""
    for make in (llmgate.file, llmgate.audio):
        with pytest.raises(InvalidRequestError, match="is not a file: load it, and pass the bytes"):
            make(url)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (llmgate.image, "the bytes are no image of a known type"),
        (llmgate.audio, "the bytes are no audio of a known type; pass format="),
    ],
)
def test_bytes_that_are_something_else(make: Any, reason: str) -> None:
    """There is no name to go by."""
    with pytest.raises(InvalidRequestError) as caught:
        make(b"hello")
    assert reason == caught.value.message


async def test_a_file_in_place_of_a_list_of_parts() -> None:
    """The error says what to write."""
    messages: Any = [{"role": "user", "content": llmgate.image("cat.png")}]
    with pytest.raises(InvalidRequestError, match=r"write \[part\]") as caught:
        await Client(providers={"plain": PlainProvider()}).acompletion("plain/m", messages)
    assert "messages[0].content" == caught.value.path


def test_what_is_no_source() -> None:
    """It is refused at once."""
    source: Any = 5
    with pytest.raises(InvalidRequestError, match="expected a path or bytes, got 5"):
        llmgate.image(source)
    assert isinstance(llmgate.image("~/cat.png"), LocalFile)
    assert not llmgate.image("~/cat.png").path.startswith("~")


@pytest.mark.parametrize("beginning", [b"ID3", b"\xff\xfb", b"\xff\xfa", b"\xff\xf3", b"\xff\xf2"])
def test_the_bytes_of_an_mp3(beginning: bytes) -> None:
    """With tags before it or without, of MPEG 1 or 2, with checksums or without."""
    assert "mp3" == llmgate.audio(beginning + b"\x84\xc4")["input_audio"]["format"]
