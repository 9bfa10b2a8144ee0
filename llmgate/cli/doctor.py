"""``llmgate doctor``: what is installed and set, and what is wrong with it.

It imports no provider, shows no key, and sends nothing unless it is asked to reach somebody.
"""

from __future__ import annotations

import argparse
import asyncio
import platform
import re
import sys
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version

from llmgate._name_clash import name_clash

__all__ = ["add_arguments", "run"]

_EXTRAS = {
    "rich": "markdown and progress on a terminal",
    "prompt_toolkit": "editing of several lines",
    "argcomplete": "completion in shells",
    "genai-prices": "public prices",
}
"""What the command line uses where it is installed."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument(
        "--reach",
        action="append",
        default=[],
        metavar="NAME",
        help="also connect to this provider, or to a URL",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print what there is, and return 1 where it cannot work, saying why."""
    print(f"Python {platform.python_version()}, {platform.platform()}")
    for name in ("llmgate-core", *_needs()):
        print(f"{name} {_version(name)}")
    for name, purpose in _EXTRAS.items():
        print(f"{name} {_version(name)} ({purpose})")
    clash = name_clash()
    if clash:
        print(f"llmgate: {clash}", file=sys.stderr)
        return 1
    print(f"transport: {_transport()}")
    is_well = _configuration_is_well()
    _print_keys()
    reached = [_reach(name) for name in arguments.reach]
    return 0 if is_well and all(reached) else 1


def _needs() -> Iterator[str]:
    """The packages that the core needs, by its own metadata."""
    for requirement in requires("llmgate-core") or ():
        name = re.match(r"[\w.-]+", requirement)
        if name and "extra ==" not in requirement:
            yield name[0]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "is not installed"


def _transport() -> str:
    """Which way requests take through aiohttp, and why."""
    from llmgate.transports._settings import HttpSettings  # noqa: PLC0415 - as above

    if not HttpSettings().allows_fast_path():
        return "aiohttp's public API (LLMGATE_FAST_PATH=0)"
    if asyncio.run(_is_short_way_there()):
        return "the short way through aiohttp"
    return "aiohttp's public API: the short way does not know this version"


async def _is_short_way_there() -> bool:
    try:
        from llmgate.transports._fast import is_supported  # noqa: PLC0415 - it may be missing
    except ImportError:
        return False
    return is_supported()


def _configuration_is_well() -> bool:
    from llmgate.cli.configuration import configuration_file, configured  # noqa: PLC0415 - as above
    from llmgate.errors import LLMGateError, excerpt  # noqa: PLC0415 - as above

    try:
        file = configuration_file()
    except FileNotFoundError as error:
        print(f"configuration: none ({error})")
        return True
    try:
        configuration = configured()
    except LLMGateError as error:
        print(f"llmgate: {excerpt(str(error), 2000)}", file=sys.stderr)
        return False
    state = f"default model {configuration.model or 'none'}" if file.exists() else "not there"
    print(f"configuration: {file} ({state})")
    return True


def _print_keys() -> None:
    """The variables of keys that are set, and never what they hold."""
    from llmgate._core.registry import known_providers  # noqa: PLC0415 - as above
    from llmgate.cli.providers import keys_set  # noqa: PLC0415 - as above

    known = known_providers()
    found = [(name, ", ".join(keys_set(known[name]))) for name in sorted(known)]
    print(f"providers: {len(known)}, which `llmgate providers` lists")
    for name, variables in found:
        if variables:
            print(f"key of {name}: {variables} set")


# --- reachability -------------------------------------------------------------------------


def _reach(name: str) -> bool:
    """Ask an address for anything, without a key: every response says that it is reached."""
    from llmgate.errors import LLMGateError, excerpt  # noqa: PLC0415 - as above

    began = time.monotonic()
    try:
        address = name if "://" in name else _address_of(name)
        status = asyncio.run(_status_of(address))
    except LLMGateError as error:
        print(f"llmgate: {name} is not reached: {excerpt(str(error), 2000)}", file=sys.stderr)
        return False
    milliseconds = (time.monotonic() - began) * 1000
    print(f"{name}: reached at {address} in {milliseconds:.0f} ms (HTTP {status} without a key)")
    return True


def _address_of(provider: str) -> str:
    """The origin to which a provider's calls go."""
    from llmgate._core.client import Client  # noqa: PLC0415 - as above

    preview = Client().preview(f"{provider}/any", [{"role": "user", "content": "any"}])
    scheme, _, rest = preview.url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"


async def _status_of(address: str) -> int:
    from llmgate.options import Timeout  # noqa: PLC0415 - as above
    from llmgate.provider.http import HttpRequest  # noqa: PLC0415 - as above
    from llmgate.transports.aiohttp import AiohttpTransport, HttpSettings  # noqa: PLC0415 - as above

    transport = await AiohttpTransport.start(HttpSettings(trust_env=True))
    try:
        request = HttpRequest("GET", address, stream=True)
        response = await transport.open(request, Timeout(total=15.0, connect=10.0, idle=10.0))
        response.close()
        return response.status
    finally:
        await transport.aclose()
