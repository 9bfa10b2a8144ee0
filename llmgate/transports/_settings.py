"""How a client speaks HTTP, checked; it knows no HTTP library."""

from __future__ import annotations

import os
import ssl
import sys
from typing import Any, cast
from urllib.parse import urlsplit

from llmgate._text.dataclass import slotted
from llmgate._text.redact import HiddenUrl, hide_address
from llmgate.errors import InvalidRequestError

_MAX_CONNECTIONS = 1000


@slotted
class HttpSettings:
    """How a client speaks HTTP.

    ``verify`` is True for the system's certificates, a path of a CA bundle or of a folder of
    them, an ``SSLContext``, or False for none. ``proxy`` is a URL, which is hidden where it has
    a password. ``trust_env`` lets the environment name proxies (and ``NO_PROXY`` exceptions).
    ``limit`` is the number of connections to one host at a time; None stands for 1,000, or for
    half of the files that this process may open if that is less. ``fast_path`` says whether
    requests may take a faster path than aiohttp's public API where the installed version allows
    it; None leaves that to the environment, where ``LLMGATE_FAST_PATH=0`` forbids it.

    Raises:
        InvalidRequestError: naming the setting that is invalid.
    """

    verify: bool | str | os.PathLike[str] | ssl.SSLContext = True
    proxy: str | HiddenUrl | None = None
    trust_env: bool = False
    limit: int | None = None
    fast_path: bool | None = None

    def __post_init__(self) -> None:
        self._check_types(self.verify, self.proxy, self.trust_env)
        if isinstance(self.proxy, str):
            self.proxy = hide_address(self.proxy)
        proxy = self.proxy_url()
        if proxy is not None and scheme_and_host(proxy) is None:
            del proxy  # or a traceback may show it
            raise InvalidRequestError("expected the http URL of a proxy", path="proxy")
        if self.limit is not None and (type(self.limit) is not int or self.limit < 1):
            raise InvalidRequestError.expected("a positive integer", self.limit, "limit")

    def _check_types(self, verify: Any, proxy: Any, trust_env: Any) -> None:
        if isinstance(verify, os.PathLike):
            self.verify = verify = os.fspath(cast("os.PathLike[str]", verify))
        if verify == "" or not isinstance(verify, bool | str | ssl.SSLContext):
            expected = "True, False, the path of a CA bundle or an ssl.SSLContext"
            raise InvalidRequestError.expected(expected, verify, "verify")
        if not isinstance(proxy, str | HiddenUrl | None):  # its repr may show a password
            kind = type(proxy).__name__
            raise InvalidRequestError(f"expected the http URL of a proxy, got {kind}", path="proxy")
        if not isinstance(trust_env, bool):
            raise InvalidRequestError.expected("True or False", trust_env, "trust_env")

    def proxy_url(self) -> str | None:
        """The proxy's URL in clear, with its password."""
        return self.proxy.reveal() if isinstance(self.proxy, HiddenUrl) else self.proxy

    def most_connections(self) -> int:
        """The limit of connections to one host, computed now."""
        if self.limit is not None:
            return self.limit
        return max(1, min(_MAX_CONNECTIONS, _most_files() // 2))

    def allows_fast_path(self) -> bool:
        """Whether requests may take the fast path."""
        if self.fast_path is None:
            return os.environ.get("LLMGATE_FAST_PATH") != "0"
        return self.fast_path

    def tls(self) -> bool | ssl.SSLContext:
        """The TLS setting for aiohttp: whether, and by which certificates, servers are verified."""
        if isinstance(self.verify, bool | ssl.SSLContext):
            return self.verify
        try:
            if os.path.isdir(self.verify):
                return ssl.create_default_context(capath=self.verify)
            return ssl.create_default_context(cafile=self.verify)
        except OSError as error:
            reason = error.strerror or type(error).__name__
        raise InvalidRequestError(f"no CA bundle at {self.verify!r}: {reason}", path="verify")


def _most_files() -> int:
    """How many files, sockets among them, this process may have open."""
    try:
        import resource  # noqa: PLC0415 - Windows has none
    except ImportError:
        return sys.maxsize
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if limit == resource.RLIM_INFINITY else limit


def scheme_and_host(url: str) -> tuple[str, str] | None:
    """Scheme and host (with its port) of an http or https URL; None for anything else."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # read it, since only that checks it
    except ValueError:
        return None
    host = parts.netloc.rpartition("@")[2]
    return (parts.scheme, host) if parts.scheme in ("http", "https") and host else None
