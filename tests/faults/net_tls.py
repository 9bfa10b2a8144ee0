"""TLS: certificates of every kind, handshakes that fail, mistaken protocols, cut connections."""

from __future__ import annotations

import itertools
import ssl
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import trustme

from llmgate.errors import (
    ConnectError,
    DeadlineExceededError,
    InvalidRequestError,
    LLMGateError,
    ReadError,
    TLSError,
)
from tests.faults.calls import AT_ONCE, limits
from tests.faults.networks import AUTHORITY, at, server_tls, shaking, trusting
from tests.faults.peer import Peer, Step
from tests.faults.server import close, hang, head, reset, then, trickle
from tests.faults.table import (
    Case,
    Check,
    Outcome,
    Player,
    Scene,
    answers,
    calling,
    check_always,
    raises,
)

__all__ = ["CASES"]

TRUSTED = {"verify": trusting()}
SECURE = {"tls": server_tls()}
SECURELY = at("https://127.0.0.1:{port}/v1")


def refused(name: str, tls: ssl.SSLContext, verify: Any = TRUSTED["verify"]) -> Case:
    """A certificate or handshake for which no connection is made, once only."""
    return Case(
        name,
        _once,
        unary=lambda d: [d.reply()],
        stream=lambda d: [d.streamed()],
        settings={"verify": verify, "retry": AT_ONCE},
        server={"tls": tls},
        requests=0,
    )


def demanding(name: str, tls: ssl.SSLContext, verify: ssl.SSLContext) -> Case:
    """A server that refuses the client, and says why by an alert."""
    return Case(
        name,
        _once,
        unary=lambda d: [d.reply()],
        stream=lambda d: [d.streamed()],
        settings={"verify": verify, "retry": AT_ONCE},
        server={"on_connect": shaking(tls)},
        address=SECURELY,
        requests=0,
    )


def _once(outcome: Outcome) -> None:
    """A TLSError, which is not tried again: it would fail again."""
    raises(TLSError)(outcome)
    assert isinstance(outcome.error, LLMGateError)
    assert 1 == len(outcome.error.attempts)


def well(name: str, **more: Any) -> Case:
    """A case that goes well."""
    more = {"settings": TRUSTED, "server": SECURE, **more}
    return Case(
        name, answers(), unary=lambda d: [d.reply()], stream=lambda d: [d.streamed()], **more
    )


# --- certificates -------------------------------------------------------------------------


def loaded(*pems: bytes) -> ssl.SSLContext:
    """A server's context with just these certificates, the key first."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        pem = Path(folder, "server.pem")
        pem.write_bytes(b"".join(pems))
        context.load_cert_chain(str(pem))
    return context


def self_signed() -> ssl.SSLContext:
    """A server whose certificate is signed by itself."""
    own = trustme.CA()
    return loaded(own.private_key_pem.bytes(), own.cert_pem.bytes())


def without_intermediate() -> ssl.SSLContext:
    """A server that keeps back the certificate of the authority between."""
    leaf = AUTHORITY.create_child_ca().issue_cert("127.0.0.1")
    return loaded(leaf.private_key_pem.bytes(), leaf.cert_chain_pems[0].bytes())


def with_intermediate() -> ssl.SSLContext:
    """A server that sends it."""
    return server_tls(authority=AUTHORITY.create_child_ca())


def with_common_name_only() -> ssl.SSLContext:
    """A server whose certificate has its name where names stood in the last century."""
    leaf = AUTHORITY.issue_cert(common_name="127.0.0.1")
    return loaded(leaf.private_key_pem.bytes(), leaf.cert_chain_pems[0].bytes())


def server_that(change: Callable[[ssl.SSLContext], object]) -> ssl.SSLContext:
    """A good certificate in a context that was changed."""
    context = server_tls.__wrapped__()
    change(context)
    return context


def client_that(change: Callable[[ssl.SSLContext], object]) -> ssl.SSLContext:
    """A client that trusts, with a context that was changed."""
    context = trusting()
    change(context)
    return context


def versions(lowest: ssl.TLSVersion, highest: ssl.TLSVersion) -> Callable[[ssl.SSLContext], None]:
    """These versions of the protocol alone."""

    def change(context: ssl.SSLContext) -> None:
        context.minimum_version, context.maximum_version = lowest, highest

    return change


TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


def ask_for_certificate(context: ssl.SSLContext) -> None:
    """Whoever connects must show one."""
    context.verify_mode = ssl.CERT_REQUIRED
    AUTHORITY.configure_trust(context)  # pyright: ignore[reportUnknownMemberType]


def ask_for_certificate_12(context: ssl.SSLContext) -> None:
    """Likewise, in the handshake itself."""
    ask_for_certificate(context)
    context.maximum_version = TLS12


def show_certificate(context: ssl.SSLContext) -> None:
    """Show one."""
    AUTHORITY.issue_cert("me.example").configure_cert(context)  # pyright: ignore[reportUnknownMemberType]


def _unknown(*_: object) -> int:
    return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME


def drop_name(context: ssl.SSLContext) -> None:
    """Hang up on whoever asks, by the name it asks for."""
    context.sni_callback = _unknown


def others_ciphers(context: ssl.SSLContext) -> None:
    """Ciphers that the certificate's key does not fit."""
    context.maximum_version = TLS12
    context.set_ciphers("ECDHE-RSA-AES256-GCM-SHA384")


CERTIFICATES = (
    refused("an unknown authority", server_tls(authority=trustme.CA())),
    refused("an unknown authority, with the system's ones trusted", server_tls(), True),
    refused("a self-signed certificate", self_signed()),
    refused("an expired certificate", server_tls(days=-30)),
    refused("a certificate that is not yet valid", server_tls(days=30)),
    refused("a certificate for another host", server_tls("other.example")),
    refused("a certificate for another address", server_tls("127.0.0.2")),
    refused("a certificate for any host of a domain", server_tls("*.example")),
    refused("a certificate with the old kind of name", with_common_name_only()),
    refused("a chain with a link missing", without_intermediate()),
    *(
        demanding(f"a server that {what}", server_that(change), verify)
        for what, change, verify in (
            ("speaks another version", versions(TLS12, TLS12), client_that(versions(TLS13, TLS13))),
            ("has no cipher in common", others_ciphers, TRUSTED["verify"]),
            ("knows no such name", drop_name, TRUSTED["verify"]),
            ("demands a certificate in the handshake", ask_for_certificate_12, TRUSTED["verify"]),
            ("demands a certificate after it", ask_for_certificate, TRUSTED["verify"]),
        )
    ),
    well("a whole chain", server={"tls": with_intermediate()}),
    well(
        "a client that shows a certificate",
        server={"tls": server_that(ask_for_certificate)},
        settings={"verify": client_that(show_certificate)},
    ),
    well("TLS 1.2", server={"tls": server_that(versions(TLS12, TLS12))}),
    well("TLS 1.3", server={"tls": server_that(versions(TLS13, TLS13))}),
    well(
        "nothing verified, as was asked for",
        server={"tls": self_signed()},
        settings={"verify": False},
    ),
)


# --- whom to trust ------------------------------------------------------------------------


def bundles(folder: Path) -> list[tuple[str, Check]]:
    """Files and folders of authorities, and what comes of trusting them."""
    mine, several, none = folder / "ca.pem", folder / "all.pem", folder / "none"
    mine.write_bytes(AUTHORITY.cert_pem.bytes())
    several.write_bytes(trustme.CA().cert_pem.bytes() + b"\n# mine\n" + mine.read_bytes())
    none.mkdir()
    return [
        (str(mine), answers()),
        (str(several), answers()),
        (str(none), raises(TLSError)),
        (str(folder / "missing.pem"), raises(InvalidRequestError, path="verify")),
        (__file__, raises(InvalidRequestError, path="verify")),
    ]


async def _by_path(player: Player) -> None:
    """The path of a CA bundle, or of a folder of them, says whom to trust."""
    dialect = player.dialect
    good = dialect.streamed() if player.stream else dialect.reply()
    with (
        tempfile.TemporaryDirectory() as folder,
        dialect.serve(good, tls=server_tls()) as server,
    ):
        for verify, check in bundles(Path(folder)):
            async with calling(player, server.url, {"verify": verify}) as client:
                outcome = await player.call(client, server)
            check_always(outcome)
            check(outcome)


async def _one_client_two_servers(player: Player) -> None:
    """A server that is not trusted does not spoil the connections to one that is."""
    dialect = player.dialect
    good = dialect.streamed() if player.stream else dialect.reply()
    bad_name = server_tls("other.example")
    with dialect.serve(good, tls=server_tls()) as server, dialect.serve(good, tls=bad_name) as bad:
        async with calling(player, server.url, {**TRUSTED, "limit": 1}) as client:
            for _ in range(3):
                answers()(await player.call(client, server))
                raises(TLSError)(await player.call(client, server, base_url=bad.url))
        assert 1 == server.connections


# --- handshakes ---------------------------------------------------------------------------

SERVER_HELLO = bytes.fromhex("160303007a0200007603030000")
ALERT = bytes.fromhex("15030300020228")


def met_with(name: str, step: Step, check: Check, **more: Any) -> Case:
    """A server where TLS is asked for, and this happens as soon as the client has spoken."""

    async def met(peer: Peer) -> None:
        await peer.arrived()
        if isinstance(step, bytes):
            await peer.send(step)
            await peer.gone.wait()
        else:
            await step(peer)

    return Case(
        name,
        check,
        unary=lambda d: [d.reply()],
        stream=lambda d: [d.streamed()],
        server={"on_connect": met},
        address=SECURELY,
        requests=0,
        **more,
    )


SHORT = {"timeout": limits(total=0.2)}
HASTY = {"timeout": limits(total=5, connect=0.15)}
LATE = raises(DeadlineExceededError, phase="connect")

HANDSHAKES = (
    met_with("a handshake that is never answered", hang, LATE, settings=SHORT, within=0.2),
    met_with(
        "a handshake that is never answered, by the limit of connecting",
        hang,
        LATE,
        settings=HASTY,
        within=0.15,
    ),
    met_with(
        "a handshake that stops half-way",
        then(SERVER_HELLO, last=hang),
        LATE,
        settings=SHORT,
        within=0.2,
    ),
    met_with(
        "a handshake of one byte now and then",
        trickle(b"\x16\x03\x03\x40\x00", pieces=itertools.repeat(b"\x02\x00"), pause=0.02),
        LATE,
        settings=SHORT,
        within=0.2,
    ),
    met_with("a handshake that ends at once", close, raises(TLSError, ConnectError, ReadError)),
    met_with("a handshake that is reset", reset, raises(TLSError, ConnectError, ReadError)),
    met_with(
        "a handshake that ends half-way",
        then(SERVER_HELLO, last=close),
        raises(TLSError, ConnectError, ReadError),
    ),
    met_with(
        "a handshake that is reset half-way",
        then(SERVER_HELLO, last=reset),
        raises(TLSError, ConnectError, ReadError),
    ),
    met_with("a handshake that fails by an alert", then(ALERT, last=close), raises(TLSError)),
    met_with("a handshake of nonsense", then(bytes(range(256)) * 8, last=hang), raises(TLSError)),
    met_with("HTTP where TLS is asked for", head(400, content_length="0"), raises(TLSError)),
    met_with("a page where TLS is asked for", b"<html>no</html>\r\n\r\n", raises(TLSError)),
    met_with(
        "a server that waits for HTTP where TLS is asked for",
        hang,
        LATE,
        settings=SHORT,
        within=0.2,
    ),
    Case(
        "TLS where HTTP is spoken",
        raises(ReadError),
        unary=lambda d: [d.reply()],
        stream=lambda d: [d.streamed()],
        server=SECURE,
        address=at("http://127.0.0.1:{port}/v1"),
        requests=0,
    ),
)


CASES: tuple[Case | Scene, ...] = (
    *CERTIFICATES,
    Scene("authorities by path", _by_path),
    Scene("one client, a server that is trusted and one that is not", _one_client_two_servers),
    *HANDSHAKES,
)
