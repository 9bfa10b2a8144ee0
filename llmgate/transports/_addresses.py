"""Where requests go: checked URLs, and the proxies that the environment names. It sends nothing."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv4Address
from urllib.request import getproxies, proxy_bypass

from yarl import URL

from llmgate.errors import InvalidRequestError
from llmgate.transports._failures import InvalidAddressError
from llmgate.transports._settings import scheme_and_host


@lru_cache(maxsize=256)
def parsed_url(text: str) -> URL:
    """An http or https URL, whose path and query are sent exactly as written.

    Its fragment is dropped, since it is only for the client. The query becomes part of the path, so
    that nothing of it is lost, such as a question mark with nothing after it.

    Raises:
        InvalidAddressError: when it is not such a URL, or has a character that must be
            percent-encoded.
    """
    address, target = _split(text)
    if not _TARGET.fullmatch(target):
        raise InvalidAddressError("it has a character that must be percent-encoded")
    try:
        url = URL(address)
    except ValueError:
        raise InvalidAddressError from None
    if url.scheme not in ("http", "https") or not url.raw_host or _is_odd_number(url.raw_host):
        raise InvalidAddressError
    return url.with_path(target, encoded=True)


_TARGET = re.compile(r"/(?:[A-Za-z0-9._~!$&'()*+,;=:@/?\[\]-]|%[0-9A-Fa-f]{2})*")
"""What RFC 3986 allows in a path and a query, and the brackets that are common in queries."""


def _split(text: str) -> tuple[str, str]:
    """Scheme and authority of a URL, and its path and query."""
    scheme, separator, rest = text.partition("#")[0].partition("://")
    authority = re.split("[/?]", rest, maxsplit=1)[0]
    target = rest[len(authority) :]
    return f"{scheme}{separator}{authority}", target if target.startswith("/") else f"/{target}"


def _is_odd_number(host: str) -> bool:
    """Whether it is an IPv4 address in a form other than a.b.c.d, which hides where it leads.

    Source: URL Standard, 3.5 (the ends-in-a-number checker).
    """
    last = host.rstrip(".").rpartition(".")[2].lower()
    if not (last.isdecimal() or last.startswith("0x")):
        return False
    try:
        IPv4Address(host.rstrip("."))
    except ValueError:
        return True
    return False


def environment_proxy(url: str) -> str | None:
    """The proxy that the environment names for a URL; ``NO_PROXY`` names exceptions.

    Raises:
        InvalidRequestError: when the named proxy is not an http URL.
    """
    address = scheme_and_host(url)
    if address is None or _is_exempt(address[1]):
        return None
    proxies = getproxies()
    proxy = proxies.get(address[0]) or proxies.get("all")
    if not proxy:
        return None
    if "://" not in proxy:  # often written without a scheme
        proxy = f"http://{proxy}"
    if scheme_and_host(proxy) is None:
        raise InvalidRequestError("the proxy of the environment is not an http URL", path="proxy")
    return proxy


def _is_exempt(host: str) -> bool:
    """Whether ``NO_PROXY`` names a host; an IPv6 address may lack its brackets there."""
    return bool(proxy_bypass(host) or proxy_bypass(host.rpartition("]")[0].removeprefix("[")))
