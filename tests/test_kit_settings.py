"""The kit of providers: settings, which key goes to which host, and addresses."""

from __future__ import annotations

import pickle
import traceback
from typing import Any

import pytest

from llmgate.errors import (
    InvalidRequestError,
    MissingKeyError,
)
from llmgate.provider.http import HttpRequest, Secret
from llmgate.provider.kit import (
    Credential,
    Settings,
    Vendor,
    base_url,
    headers,
    key_from,
    variable,
)
from tests.kit_calls import HOST

KEY = "canary-5f1c7d2e9b40"
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
