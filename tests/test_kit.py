"""The provider's kit: settings and the host rule, reading, writing."""

from __future__ import annotations

import pickle
import re
import traceback
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from llmgate.errors import (
    DecodeError,
    InvalidRequestError,
    MissingKeyError,
    ProviderError,
    ServerError,
    UnsupportedError,
)
from llmgate.messages import MessageParam
from llmgate.provider import ProviderCall
from llmgate.provider.framing import Frame
from llmgate.provider.http import HttpRequest, HttpResponse, Secret
from llmgate.provider.kit import (
    Credential,
    Fields,
    NameMap,
    NativeContent,
    PartialObject,
    Settings,
    SideFields,
    ToolChoice,
    Vendor,
    add_frame,
    arguments_delta,
    arguments_object,
    base_url,
    check_text_only,
    drop_others,
    finish_reason,
    function_tools,
    headers,
    in_stream_error,
    json_request,
    key_from,
    merge_body,
    own_data,
    parameter,
    piece_chunk,
    read_json,
    read_response,
    stop_list,
    token_limit,
    variable,
)
from llmgate.report import Report
from llmgate.types import ChoiceDelta, Chunk, ChunkChoice, FunctionDelta, ToolCallDelta

KEY = "canary-5f1c7d2e9b40"
HOST = "https://api.acme.com/v1"
ELSEWHERE = "https://elsewhere.invalid/v1"
ACME = Vendor(
    name="Acme",
    hosts=("acme.com",),
    base_url=HOST,
    base_url_variables=("ACME_BASE_URL", "ACME_HOST"),
    endings=("/chat", "/v2"),
    credentials={
        "api_key": Credential(("ACME_API_KEY", "ACME_KEY"), "x-api-key", ""),
        "token": Credential(("ACME_TOKEN",)),
    },
    headers_variable="ACME_HEADERS",
)
BARE = Vendor(
    name="Bare",
    hosts=("bare.com",),
    base_url_variables=("BARE_URL",),
    credentials={"api_key": Credential(("BARE_KEY",))},
    needs_key=True,
    bare_hosts=("bare.com", "other.com"),
)
SIGNED = Vendor(
    name="Signed", base_url=HOST, credentials={"secret": Credential(("SIGNED_SECRET",), None)}
)
SHORT = Vendor(
    name="Short",
    base_url_variables=("SHORT_HOST",),
    credentials={"api_key": Credential(("SHORT_KEY",))},
    complete_address=lambda text: text if "://" in text else f"http://{text}:8000",
)
KEYLESS = Vendor(name="Keyless", hosts=("acme.com",), base_url=HOST)

HELLO: list[MessageParam] = [{"role": "user", "content": "Hi"}]


def call_with(parameters: Any = None, **fields: Any) -> ProviderCall:
    given: Any = parameters or {}
    return ProviderCall("m", HELLO, given, **fields)


def reported(call: ProviderCall) -> list[tuple[str, str]]:
    return [(each.kind, each.path) for each in call.report]


def sent_by(settings: Settings, path: str = "/chat", **given: str) -> dict[str, str]:
    """The headers of an authorized request."""
    names = frozenset(name.lower() for name in given)
    request = HttpRequest("POST", settings.url(path), given, given_headers=names)
    return {**settings.authorized(request).headers}


# --- settings: keys and the host rule -------------------------------------------------------


def test_a_key_is_sent_in_its_header() -> None:
    """The preferred one alone, where there are several."""
    assert {"x-api-key": "k"} == sent_by(Settings(ACME, api_key=" k\n", token="t"))
    assert {"Authorization": "Bearer t"} == sent_by(Settings(ACME, token=Secret("t")))
    assert "t" == (Settings(ACME, token="t").key("token") or Secret("-")).reveal()
    assert Settings(ACME, token="t").key() is None


def test_a_key_comes_from_the_first_variable_that_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key in code wins over all of them."""
    monkeypatch.setenv("ACME_API_KEY", "")
    monkeypatch.setenv("ACME_KEY", "second")
    monkeypatch.setenv("ACME_TOKEN", "token")
    assert {"x-api-key": "second"} == sent_by(Settings(ACME))
    assert {"Authorization": "Bearer mine"} == sent_by(Settings(ACME, token="mine"))
    assert "second" == variable("ACME_API_KEY", "ACME_KEY")
    assert variable("ACME_NOTHING") is None


ENVIRONMENT = {"ACME_API_KEY": KEY, "ACME_HEADERS": "X-Team: seven\nnone\nX-Empty:"}


@pytest.mark.parametrize(
    ("address", "named", "is_trusted"),
    [
        (None, None, True),
        (None, ELSEWHERE, True),
        ("https://eu.api.acme.com", None, True),
        (ELSEWHERE, None, False),
        (ELSEWHERE, "https://another.invalid", False),
        (ELSEWHERE, "https://elsewhere.invalid:443/v2", True),
        (ELSEWHERE, "https://elsewhere.invalid:8443/v1", False),
        (ELSEWHERE, "no address: x", False),
        ("https://api.acme.com.evil.invalid", None, False),
        ("https://evilacme.com", None, False),
        ("https://evil.invalid/acme.com", None, False),
        ("https://acme.com@evil.invalid", None, False),
    ],
)
def test_the_host_rule(
    address: str | None, named: str | None, is_trusted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key from the environment goes to the vendor's own hosts and to an address that the
    environment names, never to an address given in code; so do headers."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    if named is not None:
        monkeypatch.setenv("ACME_BASE_URL", named)
    settings = Settings(ACME, base_url=address)
    expected = {"X-Team": "seven", "x-api-key": KEY} if is_trusted else {}
    assert expected == sent_by(settings)
    assert is_trusted == (settings.variable("ACME_API_KEY") == KEY)
    assert "mine" == sent_by(Settings(ACME, base_url=address, api_key="mine"))["x-api-key"]


def test_a_missing_key_names_the_variables() -> None:
    """Only the vendor's own hosts need one."""
    with pytest.raises(MissingKeyError, match=r"set ACME_API_KEY or ACME_KEY, or pass api_key="):
        sent_by(Settings(ACME))
    assert {} == sent_by(Settings(ACME, base_url=ELSEWHERE))
    assert {} == sent_by(Settings(KEYLESS))
    assert {} == sent_by(Settings(SIGNED, secret="s"))
    assert "pass secret=" in str(Settings(SIGNED).missing_key())
    only = Vendor(name="Only", credentials={"token": Credential(())})
    assert "Only needs a key: pass token=" == str(Settings(only).missing_key())


def test_a_withheld_key_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where every host needs a key, and the one that is set may not go to this one."""
    monkeypatch.setenv("BARE_KEY", KEY)
    with pytest.raises(
        MissingKeyError, match=r"BARE_KEY is not sent to https://elsewhere"
    ) as caught:
        sent_by(Settings(BARE, base_url=ELSEWHERE))
    assert KEY not in str(caught.value)


def test_what_the_caller_brings_is_sent_instead() -> None:
    """Then no key is missing, and none is added beside it."""
    assert {"X-API-Key": "own"} == sent_by(Settings(ACME), **{"X-API-Key": "own"})
    assert {"X-API-Key": "own"} == sent_by(Settings(ACME, api_key="k"), **{"X-API-Key": "own"})
    gateway = Settings(ACME, api_key="k", headers={"authorization": "Basic x"})
    assert {"authorization": "Basic x", "x-api-key": "k"} == sent_by(gateway)
    both = Settings(ACME, api_key="k", token="t")
    assert {"authorization": "own"} == sent_by(both, **{"authorization": "own"})
    made = both.authorized(HttpRequest("POST", f"{HOST}/chat"), {"Authorization": "made"})
    assert {"Authorization": "made"} == made.headers
    request = HttpRequest("POST", f"{HOST}/chat", {"X-API-Key": "before"})
    assert {"X-API-Key": "before"} == both.authorized(request).headers
    team = Settings(ACME, api_key="k", headers={"x-team": "7"})
    sent = team.authorized(HttpRequest("POST", HOST), {"X-Team": "8", "x-more": "1"})
    assert {"x-team": "7", "x-more": "1", "x-api-key": "k"} == sent.headers


@pytest.mark.parametrize(
    "name", ["Ocp-Apim-Subscription-Key", "x-functions-key", "X-Gateway-Key", "cf-access-token"]
)
def test_a_gateway_has_the_hosts_key(name: str) -> None:
    """Whoever brings the gateway's own key needs no other; one that there is, is sent beside it."""
    assert {name: "mine"} == sent_by(Settings(ACME), **{name: "mine"})
    assert {name: "mine", "x-api-key": "k"} == sent_by(
        Settings(ACME, api_key="k"), **{name: "mine"}
    )
    assert {name: "mine"} == sent_by(Settings(ACME, headers={name: "mine"}))
    with pytest.raises(MissingKeyError):
        sent_by(Settings(ACME), **{"x-team": "mine"})


def test_the_key_of_a_gateway_may_be_in_the_address() -> None:
    """Then none is missing, either."""
    settings = Settings(ACME, base_url=f"{HOST}?subscription-key=mine")
    request = settings.authorized(HttpRequest("POST", settings.url("/chat")))
    assert (f"{HOST}/chat?subscription-key=mine", {}) == (request.url, {**request.headers})


def test_settings_know_which_variable_named_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first that is set; none where the address was given, or is the vendor's."""
    assert Settings(ACME).named_by is None
    monkeypatch.setenv("ACME_HOST", "https://a.acme.com")
    assert "ACME_HOST" == Settings(ACME).named_by
    assert Settings(ACME, base_url=HOST).named_by is None
    monkeypatch.setenv("ACME_BASE_URL", "https://b.acme.com")
    assert "ACME_BASE_URL" == Settings(ACME).named_by


def test_a_key_goes_to_no_other_host() -> None:
    """An address in a response must not lead it elsewhere; it may lead to the vendor's own."""
    settings = Settings(ACME, api_key=KEY)
    for url in (ELSEWHERE, "http://api.acme.com/v1", "https://acme.com.evil.invalid", "https://[x"):
        request = HttpRequest("GET", url)
        assert not settings.owns(url)
        assert request is settings.authorized(request)
    assert settings.owns("https://stream.acme.com/x")
    assert settings.owns("https://API.acme.com:443/x")
    own = Settings(ACME, base_url=ELSEWHERE)
    assert own.owns("https://elsewhere.invalid/other")
    assert not own.owns("https://elsewhere.invalid:8443/other")
    assert not own.owns(HOST)
    assert Settings(ACME, base_url="http://local.acme.com").owns("http://api.acme.com")


def test_settings_can_be_changed() -> None:
    """A key replaces those of every other kind; what is not named stays."""
    settings = Settings(ACME, token="t", base_url=ELSEWHERE, headers={"X-Team": "7"}, other=1)
    changed = settings.changed(api_key="k", other=2)
    assert {"x-api-key": "k", "X-Team": "7"} == sent_by(Settings(ACME, **changed))
    assert 2 == changed["other"]
    moved = Settings(ACME, **settings.changed(base_url=HOST))
    assert HOST == moved.base_url
    assert {"Authorization": "Bearer t", "X-Team": "7"} == sent_by(moved)


def test_a_key_of_the_environment_does_not_move_with_the_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is for its own host."""
    monkeypatch.setenv("ACME_API_KEY", KEY)
    settings = Settings(ACME, **Settings(ACME).changed(base_url=ELSEWHERE))
    assert {} == sent_by(settings)


# --- settings: the address ------------------------------------------------------------------


def test_an_address_is_taken_as_it_was_pasted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given, named by the environment, or the vendor's."""
    assert (HOST, True) == (Settings(ACME).base_url, Settings(ACME).is_official)
    monkeypatch.setenv("ACME_HOST", f" {ELSEWHERE}/v2/chat/ ")
    settings = Settings(ACME)
    assert (ELSEWHERE, False) == (settings.base_url, settings.is_official)
    assert f"{ELSEWHERE}/chat" == settings.url("/chat")
    assert "https://x.invalid" == Settings(ACME, base_url="https://x.invalid/v2/#part").base_url
    assert "https://x.invalid/a?b=c" == base_url("https://x.invalid/a/?b=c#d")


def test_without_an_address_there_is_advice() -> None:
    """When it is needed, not before."""
    settings = Settings(BARE)
    with pytest.raises(InvalidRequestError, match="set BARE_URL or pass base_url=") as caught:
        settings.url("/chat")
    assert "base_url" == caught.value.path
    assert settings.shown_url is None
    assert not settings.owns("https://bare.com")
    with pytest.raises(InvalidRequestError, match="an address: pass base_url="):
        _ = Settings(Vendor(name="None")).base_url


def test_a_portal_shows_hosts_without_a_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which only those of its domains may lack."""
    assert "https://my.bare.com/a" == Settings(BARE, base_url="my.bare.com/a/").base_url
    monkeypatch.setenv("BARE_KEY", KEY)
    monkeypatch.setenv("BARE_URL", "my.other.com")
    assert {"Authorization": f"Bearer {KEY}"} == sent_by(Settings(BARE))
    for address in ("my.foreign.com", "ftp://my.bare.com", 5):
        with pytest.raises(InvalidRequestError):
            Settings(BARE, base_url=address)
    with pytest.raises(InvalidRequestError):
        Settings(ACME, base_url="api.acme.com")


def test_a_short_address_is_completed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the vendor's own software does it, also where the environment names it."""
    assert "https://here" == Settings(SHORT, base_url="https://here/").base_url
    monkeypatch.setenv("SHORT_KEY", KEY)
    monkeypatch.setenv("SHORT_HOST", " here ")
    assert "http://here:8000" == Settings(SHORT).base_url
    assert {"Authorization": f"Bearer {KEY}"} == sent_by(Settings(SHORT, base_url="here"))
    assert {} == sent_by(Settings(SHORT, base_url="elsewhere"))


SECRETIVE = "https://me:hunter2@x.invalid/v1?version=1&api_key=hunter3&team=7"


def test_the_user_and_the_keys_of_an_address_are_added_at_last() -> None:
    """They are in no URL before, and no other host gets them."""
    settings = Settings(ACME, base_url=SECRETIVE)
    assert "https://x.invalid/v1/chat?version=1&team=7" == settings.url("/chat")
    sent = settings.authorized(HttpRequest("POST", settings.url("/chat")))
    assert "https://me:hunter2@x.invalid/v1/chat?version=1&team=7&api_key=hunter3" == sent.url
    bare = Settings(ACME, base_url="https://x.invalid?sig=hunter3")
    assert (
        "https://x.invalid/chat?sig=hunter3"
        == bare.authorized(HttpRequest("POST", bare.url("/chat"))).url
    )
    user = Settings(ACME, base_url="https://me@x.invalid")
    assert "https://me@x.invalid/a" == user.authorized(HttpRequest("GET", user.url("/a"))).url
    official = Settings(ACME, base_url="https://me:hunter2@api.acme.com", api_key="k")
    elsewhere = official.authorized(HttpRequest("GET", "https://stream.acme.com/x"))
    assert ("https://stream.acme.com/x", {"x-api-key": "k"}) == (elsewhere.url, elsewhere.headers)
    reason = "a key or a signature: leave one of them out"
    signed = HttpRequest("GET", user.url("/a"), {"Authorization": "signature"})
    with pytest.raises(InvalidRequestError, match=reason) as caught:
        user.authorized(signed)
    assert "base_url" == caught.value.path


def test_settings_show_no_secret() -> None:
    """Neither their repr, nor that of anything that they hold, nor a pickle."""
    settings = Settings(ACME, base_url=SECRETIVE, api_key=KEY, headers={"x-auth": KEY})
    held = [repr(getattr(settings, name)) for name in Settings.__slots__]
    everything = " ".join([repr(settings), *held, repr(settings.changed())])
    for secret in (KEY, "hunter2", "hunter3"):
        assert secret not in everything
    assert "Settings(Acme, base_url='https://x.invalid/v1')" == repr(settings)
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(settings)


class Provider:
    """A constructor such as a provider has."""

    def __init__(self, **given: Any) -> None:
        given = {"api_key": key_from(given.pop("api_key", None)), **given}
        self.settings = Settings(ACME, **given)


BAD: list[dict[str, Any]] = [
    {"api_key": KEY, "base_url": f"ftp://me:{KEY}@x.invalid?key={KEY}"},
    {"api_key": KEY, "headers": {"x-key": f"{KEY}\n"}},
    {"api_key": f"{KEY}\n{KEY}"},
    {"token": f"{KEY}é", "base_url": f"https://x.invalid?key={KEY}"},
]


@pytest.mark.parametrize("given", BAD)
def test_a_setting_that_is_refused_is_in_no_frame_of_the_kit(given: dict[str, Any]) -> None:
    """A traceback with its locals shows it only where the user's own code has it."""
    with pytest.raises(InvalidRequestError) as caught:
        Provider(**given)
    assert KEY not in str(caught.value)
    frames = [frame for frame, _ in traceback.walk_tb(caught.value.__traceback__)]
    ours = [frame for frame in frames if "llmgate" in frame.f_globals["__name__"]]
    assert ours
    assert KEY not in "".join(f"{frame.f_locals!r}" for frame in ours)


def test_an_address_of_the_environment_that_is_none_is_in_no_frame(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It may hold a password."""
    monkeypatch.setenv("ACME_HOST", f"ftp://me:{KEY}@x.invalid?key={KEY}")
    with pytest.raises(InvalidRequestError, match="base_url") as caught:
        Settings(ACME)
    frames = [frame for frame, _ in traceback.walk_tb(caught.value.__traceback__)]
    assert KEY not in "".join(f"{frame.f_locals!r}" for frame in frames[1:])


def test_a_key_of_the_environment_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its variable, and not quoted."""
    monkeypatch.setenv("ACME_KEY", f"{KEY}\n{KEY}")
    with pytest.raises(InvalidRequestError, match="ACME_KEY: the key has a line end") as caught:
        Settings(ACME)
    frames = [frame for frame, _ in traceback.walk_tb(caught.value.__traceback__)]
    assert KEY not in "".join(f"{frame.f_locals!r}" for frame in frames[1:])


@pytest.mark.parametrize(
    "given", [{"X": "a\nb"}, {"X": "é"}, {"X\n": "a"}, {"X Y": "a"}, {"X": 5}, {5: "a"}]
)
def test_headers_that_cannot_be_sent_are_refused(given: Any) -> None:
    """By their names."""
    with pytest.raises(InvalidRequestError, match="printable ASCII") as caught:
        headers(given)
    assert caught.value.path.startswith("headers.")


def test_headers_without_a_value_are_none() -> None:
    """And values show nowhere."""
    made = headers({"x-key": KEY, "a": None, "b": ""})
    assert {"x-key": KEY} == made
    assert KEY not in repr(made)
    wrong: Any = ["x"]
    with pytest.raises(InvalidRequestError, match="must be a dictionary, not list"):
        Settings(ACME, headers=wrong)


# --- reading --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'{"a": "b"}', {"a": "b"}),
        (rb'["\ud83d\ude00"]', ["\U0001f600"]),
        (rb'["a\ud83d"]', ["a\ufffd"]),
        (rb'["\ude00\ud83d"]', ["\ufffd\ufffd"]),
        (rb'{"\udc00": NaN, "b": "\ud83d\ude00\ud83d"}', None),
    ],
)
def test_a_lone_surrogate_is_replaced(data: bytes, value: Any) -> None:
    """Pairs are one character, and everything else is read as always."""
    read = read_json(data)
    assert read == value or {"\ufffd", "b"} == set(read)


@pytest.mark.parametrize("data", [b"{", rb'["\ud83d"', b'["\\ud83d", ' + b"[" * 5000])
def test_what_is_not_json_is_a_decode_error(data: bytes) -> None:
    """With the bytes, whether it has a lone surrogate or not."""
    with pytest.raises(DecodeError) as caught:
        read_json(data)
    assert data == caught.value.frame


def test_an_error_says_what_could_not_be_read() -> None:
    """And keeps the bytes."""
    error = DecodeError("it is empty")
    add_frame(error, "the event is not a message", b"{}\n")
    assert r"the event is not a message (it is empty): {}\n" == error.message == str(error)
    assert b"{}\n" == error.frame


PAYLOAD = {
    "id": "a",
    "n": 3.0,
    "none": None,
    "inner": {"text": "t", "bad": 5},
    "list": [{"x": 1}, {"x": True}],
    "big": 2**63,
}


def test_fields_are_read_as_their_types() -> None:
    """What is absent or null is None, or nothing."""
    fields = Fields(PAYLOAD)
    assert ("a", "a", None, None) == (
        fields.text("id"),
        fields.optional_text("id"),
        fields.optional_text("none"),
        fields.optional_text("missing"),
    )
    assert (3, 3, None) == (
        fields.integer("n"),
        fields.optional_integer("n"),
        fields.optional_integer("none"),
    )
    assert "t" == fields.object("inner").text("text")
    inner = fields.optional_object("inner")
    assert inner is not None
    assert PAYLOAD["inner"] is inner.payload
    assert fields.optional_object("none") is None
    assert [{"x": 1}, {"x": True}] == fields.array("list")
    assert [] == fields.array("none") == fields.objects("missing")
    assert 1 == fields.objects("list")[0].integer("x")
    assert {"id": "a", "n": 3.0} == fields.others("none", "inner", "list", "big")


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (lambda: Fields([]), "it must be an object, not an array"),
        (lambda: Fields("x" * 99, "delta"), "delta must be an object, not 'xxx"),
        (lambda: Fields(PAYLOAD).text("none"), "none must be a string, not null"),
        (lambda: Fields(PAYLOAD).optional_text("n"), "n must be a string, not 3.0"),
        (lambda: Fields(PAYLOAD).integer("big"), "big must be an integer, not 9223372036854775808"),
        (lambda: Fields(PAYLOAD).integer("inner"), "inner must be an integer, not an object"),
        (lambda: Fields(PAYLOAD).object("id"), "id must be an object, not 'a'"),
        (lambda: Fields(PAYLOAD).object("inner").text("bad"), "inner.bad must be a string, not 5"),
        (lambda: Fields(PAYLOAD).array("id"), "id must be an array, not 'a'"),
        (
            lambda: Fields(PAYLOAD).objects("list")[1].integer("x"),
            r"list\[1\].x must be an integer, not True",
        ),
    ],
)
def test_a_field_of_another_type_is_a_decode_error(
    read: Callable[[], object], message: str
) -> None:
    """With its path, and what stands there."""
    with pytest.raises(DecodeError, match=f"^{message}"):
        read()


@pytest.mark.parametrize(
    ("kind", "given", "read"),
    [
        ("text", 5, "5"),
        ("text", 0.5, "0.5"),
        ("text", True, None),
        ("text", 2**63, None),
        ("text", ["a"], None),
        ("integer", "7", 7),
        ("integer", "9" * 19, None),
        ("integer", "٣", None),
        ("integer", 1.6, 2),
        ("integer", 1e300, None),
        ("integer", 2**63, None),
        ("integer", True, None),
        ("integer", {"a": 1}, None),
        ("array", {"a": 1}, []),
        ("objects", {"a": 1}, []),
        ("objects", [{"a": 1}, 5], []),
    ],
)
def test_an_odd_value_beside_the_content_is_recorded(kind: str, given: Any, read: Any) -> None:
    """It is converted or left out, stays as it was sent for ``extra``, and is in the report."""
    report = Report()
    fields = SideFields({"x": given, "more": 1}, report, "usage")
    assert read == getattr(fields, kind)("x")
    assert read == getattr(fields, kind)("x")
    assert {"x": given, "more": 1} == fields.others("x")
    is_none = read is None or read == []
    expected = [("dropped" if is_none else "converted", "response.usage.x")]
    assert expected == [(each.kind, each.path) for each in report]
    assert read == getattr(SideFields({"x": given}), kind)("x")


def test_what_is_beside_the_content_is_read_as_its_type() -> None:
    """A value of the expected type is nothing to record; null and absent fields are the same."""
    report = Report()
    payload = {"id": "a", "count": 3, "float": 4.0, "list": [1], "none": None, "in": {"id": 5}}
    fields = SideFields(payload, report)
    assert ("a", 3, 4) == (fields.text("id"), fields.integer("count"), fields.integer("float"))
    assert [1] == fields.array("list")
    assert [{"a": 1}] == SideFields({"list": [{"a": 1}]}, report).objects("list")
    assert (None, None) == (fields.text("none"), fields.integer("absent"))
    assert ([], {}) == (fields.array("none"), fields.object("none").payload)
    assert {"none": None} == fields.others("id", "count", "float", "list", "in")
    assert not report
    assert "5" == fields.object("in").text("id")
    assert ["response.in.id"] == [each.path for each in report]
    assert {} == fields.object("id").payload
    assert {} == SideFields(5, report).payload


def test_an_odd_value_is_recorded_once_for_each_path() -> None:
    """A stream may repeat it with each of its events."""
    report = Report()
    for _ in range(3):
        assert 7 == SideFields({"index": "7"}, report).integer("index")
    SideFields({"logprobs": {"a": 1}}, report).drop("logprobs", "log probabilities")
    assert [("converted", "response.index"), ("dropped", "response.logprobs")] == [
        (each.kind, each.path) for each in report
    ]


@pytest.mark.parametrize(
    ("arguments", "sent", "reason"),
    [
        ('{"a": 1}', {"a": 1}, None),
        ("", {}, None),
        (" \n", {}, None),
        ('{"a": "b', {"arguments": '{"a": "b'}, "Unterminated string"),
        ("[1]", {"arguments": "[1]"}, "not a JSON object"),
        ('{"a": NaN}', {"arguments": '{"a": NaN}'}, "NaN is no JSON number"),
        ('{"a": -Infinity}', {"arguments": '{"a": -Infinity}'}, "-Infinity"),
        ("[" * 100_000, {"arguments": "[" * 100_000}, "not valid JSON"),
    ],
)
def test_arguments_of_earlier_calls_are_an_object(arguments: str, sent: Any, reason: Any) -> None:
    """A text that is none, since it was cut or is malformed, is kept in one and reported."""
    call = call_with()
    assert sent == arguments_object(arguments, "messages[1].arguments", call)
    expected = [] if reason is None else [("converted", "messages[1].arguments")]
    assert expected == reported(call)
    assert reason is None or reason in call.report[0].reason


def test_finish_reasons_are_translated() -> None:
    """A word that is not known is ``other``; a stop with calls is for their sake."""
    words: Mapping[str, Any] = {"END": "stop", "MAX": "length"}
    assert None is finish_reason(None, words) is finish_reason("", words)
    assert "stop" == finish_reason("END", words)
    assert "tool_calls" == finish_reason("END", words, has_calls=True)
    assert "length" == finish_reason("MAX", words, has_calls=True)
    assert "other" == finish_reason("NEW", words)


@pytest.mark.parametrize(
    ("native", "expected"),
    [
        *((word, "stop") for word in ("stop", "STOP", "eos_token", "end-turn", "Complete")),
        *((word, "length") for word in ("length", "MAX_TOKENS", "model_length")),
        *((word, "content_filter") for word in ("SAFETY", "content-filter", "refusal")),
        ("function_call", "function_call"),
        ("pause_turn", "other"),
    ],
)
def test_customary_finish_reasons_need_no_table(native: str, expected: str) -> None:
    """In any case, and with a dash in place of an underscore."""
    assert expected == finish_reason(native, {})


@pytest.mark.parametrize("native", ["tool_calls", "TOOL_CALL", "function_calls", "tool_use"])
def test_calls_decide_whether_a_response_calls(native: str) -> None:
    """Whoever waits for calls that are not there would wait in vain."""
    assert "tool_calls" == finish_reason(native, {}, has_calls=True)
    assert "stop" == finish_reason(native, {})
    for other in ("stop", "eos_token", "what is new"):
        assert "tool_calls" == finish_reason(other, {}, has_calls=True)
    assert "length" == finish_reason("max_tokens", {}, has_calls=True)


def error_in(payload: Any) -> ProviderError | None:
    return ServerError(payload["error"], in_stream=True) if "error" in payload else None


def test_a_response_is_read() -> None:
    """An error that it holds is raised, as one of a whole response."""
    response = HttpResponse(200, body=b'{"n": 5}')
    assert 5 == read_response(response, lambda payload: Fields(payload).integer("n"), "no number")
    assert {"n": 5} == read_response(response, dict, "no number", error_in)
    with pytest.raises(ServerError, match="overloaded") as caught:
        read_response(HttpResponse(200, body=b'{"error": "overloaded"}'), dict, "no", error_in)
    assert not caught.value.in_stream


def test_a_response_that_cannot_be_read_is_the_frame() -> None:
    """And the message says what it should have held."""
    with pytest.raises(DecodeError) as caught:
        read_response(HttpResponse(200, body=b"[]"), Fields, "it has no models")
    assert "it has no models (it must be an object, not an array): []" == caught.value.message
    assert b"[]" == caught.value.frame


@pytest.mark.parametrize(
    ("data", "event", "message"),
    [
        (b'{"error": "no"}', "", None),
        (b"[1]", "", None),
        (b"  ", "", None),
        (b"5", "", None),
        (b" upstream failed ", "", "upstream failed"),
        (b'"upstream failed"', "", "upstream failed"),
        (b'{"error": "no"}', "error", "no"),
        (b'{"other": "no"}', "error", '{"other": "no"}'),
        (b"{cut", "error", "{cut"),
        (b"\xff", "error", r"\xff"),
        (b" ", "error", "the provider sent an error"),
    ],
)
def test_an_event_can_be_an_error(data: bytes, event: str, message: str | None) -> None:
    """By its name, or by being text where JSON should be."""
    error = in_stream_error(Frame(data, event), error_in)
    assert message == (None if error is None else error.message)
    assert error is None or error.in_stream


def test_native_content_is_kept_where_it_is_needed() -> None:
    """From the first item on that says more than text, with those before it."""

    def is_plain(item: Mapping[str, Any], place: int) -> bool:
        return place == 0 and set(item) == {"text"}

    plain: dict[str, Any] = {"text": "a"}
    content = NativeContent(is_plain)
    assert [] == content.add(plain)
    assert [plain, {"thought": "b"}] == content.add({"thought": "b"})
    assert [{"text": "c"}] == content.add({"text": "c"})
    content = NativeContent(lambda item, place: True)
    assert [] == content.add(plain)
    assert [plain] == content.release()
    assert [plain] == content.add(plain)


def test_an_object_grows_with_a_stream() -> None:
    """Its texts continue what was there, and are joined when it is whole."""
    given = {"type": "text", "text": "a", "n": 1}
    partial = PartialObject(given)
    partial.pieces("text").append("b")
    partial.pieces("text").append("c")
    partial.pieces("signature").append("s")
    partial.fields["n"] = 2
    whole = {"type": "text", "text": "abc", "n": 2, "signature": "s"}
    assert whole == partial.join()
    partial.pieces("text").append("d")
    assert {**whole, "text": "abcd"} == partial.join()
    assert {"type": "text", "text": "a", "n": 1} == given


# --- writing --------------------------------------------------------------------------------


def test_a_request_is_a_post_of_json() -> None:
    """With further headers, if there are any."""
    request = json_request(HOST, {"a": 1}, {"x-version": "2"}, stream=True)
    assert ("POST", HOST, b'{"a":1}', True) == (
        request.method,
        request.url,
        request.body,
        request.stream,
    )
    assert {"content-type": "application/json", "x-version": "2"} == request.headers
    assert {"content-type": "application/json"} == json_request(HOST, {}).headers


def test_extra_body_is_merged_deeply() -> None:
    """Objects recursively; everything else is replaced, and nothing is changed in place."""
    body = {"a": {"b": 1, "c": {"d": 2}}, "e": [1], "f": {"g": 1}, "h": 5}
    extra = {"a": {"c": {"x": 3}}, "e": [2], "f": None, "h": {"i": 1}, "new": {"j": 1}}
    assert {
        "a": {"b": 1, "c": {"d": 2, "x": 3}},
        "e": [2],
        "f": None,
        "h": {"i": 1},
        "new": {"j": 1},
    } == merge_body(body, extra)
    assert {"b": 1, "c": {"d": 2}} == body["a"]


def test_parameters_are_read() -> None:
    """One that was not given is None."""
    assert 1 == parameter(call_with({"seed": 1}), "seed")
    assert parameter(call_with(), "seed") is None
    assert ["a"] == stop_list(call_with({"stop": "a"}))
    assert ["a", "b"] == stop_list(call_with({"stop": ["a", "b"]}))
    assert [] == stop_list(call_with())


@pytest.mark.parametrize(
    ("parameters", "limit", "report"),
    [
        ({}, None, []),
        ({"max_tokens": 5}, ("max_tokens", 5), []),
        ({"max_completion_tokens": 5}, ("max_completion_tokens", 5), []),
        ({"max_completion_tokens": 5, "max_tokens": 5}, ("max_completion_tokens", 5), []),
        (
            {"max_completion_tokens": 5, "max_tokens": 6},
            ("max_completion_tokens", 5),
            [("dropped", "max_tokens")],
        ),
    ],
)
def test_one_limit_counts(parameters: Any, limit: Any, report: Any) -> None:
    """The newer name wins."""
    call = call_with(parameters)
    assert limit == token_limit(call)
    assert report == reported(call)


def test_text_is_all_that_some_can_do() -> None:
    """Asking for it is no more than that; asking for another kind is refused."""
    call = call_with({"modalities": ["text"]})
    check_text_only(call, "Acme")
    check_text_only(call_with(), "Acme")
    assert [("dropped", "modalities")] == reported(call)
    with pytest.raises(UnsupportedError, match="Acme"):
        check_text_only(call_with({"modalities": ["audio"]}), "Acme")


def test_unknown_fields_are_dropped() -> None:
    """Null says nothing; who wants none dropped gets an error."""
    call = call_with()
    fields = {"role": "user", "mood": "good", "nothing": None}
    drop_others(fields, {"role"}, "messages[0]", call, "there is no such field")
    assert [("dropped", "messages[0].mood")] == reported(call)
    with pytest.raises(UnsupportedError):
        drop_others(fields, {"role"}, "m", call_with(report=Report("raise")), "no such field")


def test_own_data_is_found() -> None:
    """And that of others is reported."""
    call = call_with()
    message = {"provider_data": {"acme": {"a": 1}, "other": {}}}
    assert {"a": 1} == own_data(message, "acme", "messages[0]", call)
    assert [("dropped", "messages[0].provider_data.other")] == reported(call)
    assert own_data({"provider_data": None}, "acme", "m", call) is None
    assert own_data({"provider_data": {}}, "acme", "m", call) is None
    wrong_data: list[tuple[Any, str]] = [
        ("x", "m.provider_data"),
        ({"acme": []}, "m.provider_data.acme"),
    ]
    for wrong, path in wrong_data:
        with pytest.raises(InvalidRequestError, match="must be a dictionary") as caught:
            own_data({"provider_data": wrong}, "acme", "m", call)
        assert path == caught.value.path


def function(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


TOOLS = [function("a"), function("b")]
CUSTOM: dict[str, Any] = {"type": "custom", "custom": {"name": "c"}}


def allowed(mode: str, *names: str) -> dict[str, Any]:
    tools = [function(name) for name in names]
    return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": tools}}


@pytest.mark.parametrize(
    ("given", "expected", "selected"),
    [
        ("auto", ToolChoice("auto"), [0, 1]),
        ("none", ToolChoice("none"), [0, 1]),
        ("required", ToolChoice("required"), [0, 1]),
        (function("b"), ToolChoice("required", function="b"), [1]),
        (allowed("auto", "a"), ToolChoice("auto", allowed=("a",)), [0]),
        (allowed("required", "b", "a"), ToolChoice("required", allowed=("b", "a")), [0, 1]),
    ],
)
def test_a_tool_choice_is_read(given: Any, expected: ToolChoice, selected: list[int]) -> None:
    """In each of its forms."""
    call = call_with({"tools": TOOLS, "tool_choice": given})
    choice = ToolChoice.of(call, "Acme")
    assert expected == choice
    assert selected == [place for place, _ in expected.select(function_tools(call, "Acme"))]


@pytest.mark.parametrize(
    ("given", "tools", "message"),
    [
        ("required", [], "there is no tool to call"),
        (function("c"), TOOLS, "'c' is not among the tools"),
        (allowed("auto", "c"), TOOLS, "'c' is not among the tools"),
        (allowed("often", "a"), TOOLS, "names no function"),
        ({"type": "function"}, TOOLS, "names no function"),
        ("sometimes", TOOLS, "names no function"),
    ],
)
def test_what_is_no_choice_is_refused(given: Any, tools: Any, message: str) -> None:
    """Naming the parameter."""
    with pytest.raises(InvalidRequestError, match=message) as caught:
        ToolChoice.of(call_with({"tools": tools, "tool_choice": given}), "Acme")
    assert "tool_choice" == caught.value.path


def test_a_choice_may_be_absent_or_among_tools_of_the_body() -> None:
    """Which nobody here can know."""
    assert ToolChoice.of(call_with({"tools": TOOLS}), "Acme") is None
    call = call_with({"tool_choice": function("z")}, extra_body={"tools": []})
    assert ToolChoice("required", function="z") == ToolChoice.of(call, "Acme")


def test_custom_tools_are_refused() -> None:
    """For a vendor that has functions only; without tools there are none."""
    with pytest.raises(UnsupportedError, match=r"tools\[1\]: Acme supports functions only"):
        function_tools(call_with({"tools": [*TOOLS[:1], CUSTOM]}), "Acme")
    with pytest.raises(UnsupportedError, match="tool_choice"):
        ToolChoice.of(call_with({"tools": [CUSTOM], "tool_choice": CUSTOM}), "Acme")
    assert [] == function_tools(call_with(), "Acme")
    own = {"type": "search"}
    call = call_with({"tools": [own, *TOOLS[:1]]})
    assert [(1, TOOLS[0])] == function_tools(call, "Acme", ("search",))
    with pytest.raises(UnsupportedError, match="Acme supports functions and crawl, not 'search'"):
        function_tools(call, "Acme", ("crawl",))


def test_names_are_sent_in_the_characters_that_are_accepted() -> None:
    """One for one, and back; a change is in the report."""
    accepted = re.compile("[A-Za-z_][A-Za-z0-9_]*")
    given = ["fine", "a-b", "a b", "a_b", "7up", "x" * 9, "x" * 10, "fine"]
    names = NameMap(given, accepted, "Acme takes letters", longest=8)
    call = call_with()
    sent = [names.sent(name, "tools[0]", call) for name in given]
    assert ["fine", "a_b_", "a_b__", "a_b", "_7up", "x" * 8, "x" * 7 + "_", "fine"] == sent
    assert given == [names.given(name) for name in sent]
    assert 5 == len(call.report)
    assert ("converted", "tools[0]", "a-b", "a_b_") == (
        call.report[0].kind,
        call.report[0].path,
        call.report[0].given,
        call.report[0].sent,
    )


def test_a_piece_of_a_stream_is_a_chunk() -> None:
    """It is equal to a chunk made of all its parts, and has none of what was not given."""
    head = ("id-1", 1_764_000_000, "model-1")
    fragment = ToolCallDelta(2, function=FunctionDelta(None, "{"))
    assert fragment == arguments_delta(2, "{")
    assert Chunk([ChunkChoice(ChoiceDelta("Hi"))], *head) == piece_chunk(head, "Hi")
    delta = ChoiceDelta(reasoning_content="Hm", tool_calls=[fragment])
    made = piece_chunk(head, None, "Hm", [arguments_delta(2, "{")], 3)
    assert Chunk([ChunkChoice(delta, 3)], *head) == made
    assert Chunk([ChunkChoice(delta, 3)], *head).model_dump() == made.model_dump()
