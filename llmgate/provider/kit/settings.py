"""A provider's keys, address and headers, from code or from the environment, and where each may go.

It reads the environment when a provider is made and never after, and it sends nothing.

The host rule: a key from the environment goes to the vendor's own hosts and to an address that the
environment names, never to an address given in code.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import field, replace
from typing import Any, NoReturn
from urllib.parse import urlsplit

from llmgate._text.dataclass import slotted
from llmgate._text.redact import HiddenHeaders, HiddenUrl, split_query
from llmgate.errors import InvalidRequestError, MissingKeyError
from llmgate.provider.http import HttpRequest, Secret
from llmgate.provider.kit.values import (
    address_in,
    base_url,
    header_lines,
    headers,
    is_below,
    key_from,
    key_in,
    origin_of,
    variable,
)

__all__ = ["Credential", "Settings", "Vendor"]

_GATEWAY_KEY = re.compile(r"(subscription|functions|gateway|access|api)-?key|authorization|token")
"""The names of headers, in lower case, in which gateways receive their own key."""


@slotted
class Credential:
    """One kind of key.

    ``variables`` are those of the environment that may hold it; the first that is set counts.
    It is sent in ``header``, after ``prefix``. One without a header is only kept, such as for a
    provider that signs its requests.
    """

    variables: tuple[str, ...]
    header: str | None = "Authorization"
    prefix: str = "Bearer "


@slotted
class Vendor:
    """What a vendor's hosts, keys and variables are called.

    ``hosts`` are the domains of the vendor's own hosts: each stands for itself and for all below
    it. ``base_url`` is used where neither code nor one of ``base_url_variables`` names an address;
    ``endings`` are paths that are removed from the end of a pasted address, one after the other.
    ``credentials`` are the kinds of keys by the name of their setting, the preferred one first.
    ``headers_variable`` may hold further headers, as lines of ``Name: value``. ``needs_key`` says
    that other hosts than the vendor's own need a key as well. ``bare_hosts`` are domains of which
    an address may lack its ``https://``, as some portals show it. ``complete_address`` makes a URL
    of an address that the vendor's own software also takes without a scheme or port.
    """

    name: str
    hosts: tuple[str, ...] = ()
    base_url: str | None = None
    base_url_variables: tuple[str, ...] = ()
    endings: tuple[str, ...] = ()
    credentials: Mapping[str, Credential] = field(default_factory=dict[str, Credential])
    headers_variable: str | None = None
    needs_key: bool = False
    bare_hosts: tuple[str, ...] = ()
    complete_address: Callable[[str], str] | None = None


class Settings:
    """The settings of one provider. They show no key, and no user or query of the address.

    It holds the host rule: a key from the environment goes to the vendor's own hosts and to an
    address that the environment names, never to an address given in code. The same holds for
    headers from the environment. ``is_official`` says whether the address is one of the vendor's
    own hosts, ``named_by`` which variable of the environment it is from, if it is from one.

    Args:
        vendor: The vendor.
        given: All settings that the provider's constructor takes, None for one that was not given:
            ``base_url``, ``headers``, the vendor's credentials, and any others, which are only kept
            for :meth:`changed`.

    Raises:
        InvalidRequestError: for a key, an address or a header that cannot be sent.
    """

    __slots__ = (
        "_base_url",
        "_given",
        "_has_private_parts",
        "_headers",
        "_is_environment_trusted",
        "_keys",
        "_origin",
        "_own_names",
        "_private_query",
        "_query",
        "_sent_key",
        "_user",
        "_vendor",
        "is_official",
        "named_by",
    )

    def __init__(self, vendor: Vendor, /, **given: Any) -> None:
        self._vendor = vendor
        self._base_url: str | None = None
        if isinstance(given.get("base_url"), str):
            given["base_url"] = HiddenUrl(given["base_url"])
        if isinstance(given.get("headers"), Mapping):
            given["headers"] = HiddenHeaders(given["headers"])
        for name in vendor.credentials:
            given[name] = key_from(given.pop(name, None), name)
        self._given = given
        self._set_address(given.get("base_url"))
        self._keys = self._choose_keys()
        self._headers = self._choose_headers(given.get("headers"))
        self._own_names = {name.lower() for name in self._headers}
        self._sent_key = self._choose_sent_key()

    def _set_address(self, given: Any) -> None:
        variables = self._vendor.base_url_variables
        named = self._completed(address_in(variables))
        self.named_by = next(filter(os.environ.get, variables), None) if given is None else None
        address = (named or self._vendor.base_url) if given is None else self._completed(given)
        self._origin = ""
        self._user = self._query = self._private_query = HiddenUrl("")
        self.is_official = self._has_private_parts = False
        self._is_environment_trusted = True
        if address is None:
            return
        parts = urlsplit(base_url(address, *self._vendor.endings))
        user, _, host = parts.netloc.rpartition("@")
        plain, private = split_query(parts.query)
        self._base_url = f"{parts.scheme}://{host}{parts.path}"
        self._origin = f"{parts.scheme}://{host}/"
        self._user = HiddenUrl(f"{user}@" if user else "")
        self._query = HiddenUrl(f"?{plain}" if plain else "")
        self._private_query = HiddenUrl(f"?{private}" if private else "")
        self._has_private_parts = bool(user or private)
        self.is_official = is_below(self._base_url, self._vendor.hosts)
        is_named = named is not None and self._is_same_origin(named.reveal())
        self._is_environment_trusted = given is None or self.is_official or is_named

    def _completed(self, address: Any) -> Any:
        """An address with the scheme that it may lack."""
        text = address.reveal() if isinstance(address, HiddenUrl) else address
        if not isinstance(text, str):
            return address
        text = text.strip()
        if "://" not in text and is_below(f"https://{text}", self._vendor.bare_hosts):
            text = f"https://{text}"
        complete = self._vendor.complete_address
        return HiddenUrl(text if complete is None else complete(text))

    def _choose_keys(self) -> dict[str, Secret]:
        """The keys that were given, or else those of the environment."""
        credentials = self._vendor.credentials
        given = {name: key for name in credentials if (key := self._given[name]) is not None}
        if given or not self._is_environment_trusted:
            return given
        found = {name: key_in(each.variables) for name, each in credentials.items()}
        return {name: key for name, key in found.items() if key is not None}

    def _choose_sent_key(self) -> tuple[str, Secret] | None:
        """The first key that has a header, as it is sent there; None if the settings' own headers
        contain it."""
        for name, key in self._keys.items():
            credential = self._vendor.credentials[name]
            if credential.header is not None:
                is_replaced = credential.header.lower() in self._own_names
                sent = Secret(f"{credential.prefix}{key.reveal()}")
                return None if is_replaced else (credential.header, sent)
        return None

    def _choose_headers(self, given: Any) -> dict[str, str]:
        name = self._vendor.headers_variable
        if given is not None or name is None:
            return headers({} if given is None else given)
        return headers(header_lines(self.variable(name) or ""))

    # --- what the provider reads ---

    @property
    def base_url(self) -> str:
        """The address, without user and query.

        Raises:
            InvalidRequestError: when there is no address.
        """
        if self._base_url is not None:
            return self._base_url
        names = " or ".join(self._vendor.base_url_variables)
        advice = f"set {names} or pass base_url=" if names else "pass base_url="
        raise InvalidRequestError(
            f"{self._vendor.name} needs an address: {advice}", path="base_url"
        )

    @property
    def shown_url(self) -> str | None:
        """The address for a ``repr``; None if there is none."""
        return self._base_url

    def url(self, path: str) -> str:
        """The address of a request, without the user and the keys in a query, which
        :meth:`authorized` adds; the rest of the query stays at its end."""
        base = self._base_url or self.base_url
        return f"{base}{path}{self._query.reveal()}"

    def key(self, name: str = "api_key") -> Secret | None:
        """The key of that setting, given or from the environment."""
        return self._keys.get(name)

    @property
    def trusts_environment(self) -> bool:
        """Whether the host rule lets this address have credentials of the environment."""
        return self._is_environment_trusted

    def variable(self, *names: str) -> str | None:
        """The first of these variables that is set, if the host rule lets this address have it."""
        return variable(*names) if self._is_environment_trusted else None

    def changed(self, **settings: Any) -> dict[str, Any]:
        """The given settings with these in their place, for the constructor.

        A key replaces those of every other kind.
        """
        credentials = self._vendor.credentials
        is_new = any(settings.get(name) is not None for name in credentials)
        replaced = dict.fromkeys(credentials) if is_new else {}
        return {**self._given, **replaced, **settings}

    # --- what is sent ---

    def authorized(
        self, request: HttpRequest, headers: Mapping[str, str] | None = None
    ) -> HttpRequest:
        """The request with these headers, those of the settings, and the first key that there is.

        Nothing replaces what the caller gave for this call, nor what the settings' own headers
        hold. No key is added where its header is there already, nor where the caller, or these
        headers, have a credential of whatever kind. A request to any other host is returned
        unchanged, since an address in a response must not lead a key elsewhere.

        Raises:
            MissingKeyError: when the host needs a key and the request has none.
            InvalidRequestError: when an ``Authorization`` contradicts the user of the address.
        """
        if not self.owns(request.url):
            return request
        added = {**self._headers}
        is_brought = False
        if headers or request.given_headers:
            own, more = self._own_names, headers or {}
            added |= {name: text for name, text in more.items() if name.lower() not in own}
            is_brought = self._is_key_brought(request, more)
        if not is_brought:
            self._add_key(request, added)
        if added:
            request = request.with_headers(added)
        return self._with_private_parts(request) if self._has_private_parts else request

    def _is_key_brought(self, request: HttpRequest, headers: Mapping[str, str]) -> bool:
        """Whether the caller, or the provider itself, has a credential of whatever kind."""
        brought = request.given_headers.union(name.lower() for name in headers)
        return not brought.isdisjoint(self._key_headers())

    def _add_key(self, request: HttpRequest, added: dict[str, str]) -> None:
        """Add the key to the headers, unless its own is there already."""
        if self._sent_key is not None:
            header, key = self._sent_key
            if not request.has_header(header.lower()):
                added[header] = key.reveal()
            return
        names = self._key_headers()
        is_needed = bool(names) and (self.is_official or self._vendor.needs_key)
        if not is_needed or self._has_private_parts or not self._own_names.isdisjoint(names):
            return
        if not request.has_header(*names) and not self._is_gateway_key_brought(request):
            raise self.missing_key()

    def _is_gateway_key_brought(self, request: HttpRequest) -> bool:
        """Whether there is a key for a gateway in front of the host; the gateway has the host's own
        key."""
        return any(map(_GATEWAY_KEY.search, (*self._own_names, *request.given_headers)))

    def _key_headers(self) -> list[str]:
        credentials = self._vendor.credentials.values()
        return [each.header.lower() for each in credentials if each.header is not None]

    def owns(self, url: str) -> bool:
        """Whether a key may go to this URL: on the same origin, or among the vendor's own hosts."""
        if self._is_same_origin(url):
            return True
        scheme = url.partition(":")[0].lower()
        is_as_safe = scheme == "https" or self._origin.startswith(f"{scheme}:")
        return self.is_official and is_as_safe and is_below(url, self._vendor.hosts)

    def missing_key(self) -> MissingKeyError:
        """The error that says which variable to set, or why the one that is set is not sent."""
        vendor = self._vendor
        names = [*vendor.credentials]
        setting = "api_key" if "api_key" in names else names[0]
        variables = vendor.credentials[setting].variables
        withheld = [] if self._is_environment_trusted else [*filter(os.environ.get, variables)]
        if withheld:
            return MissingKeyError(
                f"{vendor.name} needs a key: {withheld[0]} is not sent to {self.shown_url}, since "
                f"that address was given in code; pass {setting}="
            )
        advice = f"set {' or '.join(variables)}, or pass" if variables else "pass"
        return MissingKeyError(f"{vendor.name} needs a key: {advice} {setting}=")

    def _is_same_origin(self, url: str) -> bool:
        if not self._origin:
            return False
        return url.startswith(self._origin) or origin_of(url) == origin_of(self._origin)

    def _with_private_parts(self, request: HttpRequest) -> HttpRequest:
        """The request with the user and the query of the address that was given."""
        if not self._is_same_origin(request.url):
            return request
        user, query = self._user.reveal(), self._private_query.reveal()
        if user and request.has_header("authorization"):
            reason = "the user in it is sent as Authorization, and so is a key or a signature"
            raise InvalidRequestError(f"{reason}: leave one of them out", path="base_url")
        scheme, separator, rest = request.url.partition("://")
        query = query.replace("?", "&", 1) if "?" in rest else query
        return replace(request, url=f"{scheme}{separator}{user}{rest}{query}")

    def __repr__(self) -> str:
        return f"Settings({self._vendor.name}, base_url={self.shown_url!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("settings are not pickled: they may hold credentials")
