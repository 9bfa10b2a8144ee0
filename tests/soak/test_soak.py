"""The soak in short: a few seconds of what ``make soak`` does for minutes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.soak import soaking
from tests.soak.__main__ import faults
from tests.soak.mixed import mixed
from tests.soak.soaking import Growth


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The server's base URL."""
    with soaking.serving() as address:
        yield address


LOADS: dict[str, Callable[[str], Growth]] = {
    "streams over 10 loops": lambda url: soaking.looped(url, 600, 10),
    "whole answers": lambda url: soaking.unary(url, 1000),
    "rows of a batch": lambda url: soaking.batched(url, 1000),
    "streams that are left": lambda url: soaking.abandoned(url, 600),
    "cancellation": lambda url: soaking.cancelled(url, 12),
    "all middleware": lambda url: mixed(url, 4_000),
}


@pytest.mark.parametrize("load", LOADS.values(), ids=LOADS)
def test_a_load_leaves_nothing(load: Callable[[str], Growth], url: str) -> None:
    """No memory, no socket here or at the server, and no warning."""
    growth = load(url)
    assert growth.calls > 0
    assert [] == faults(growth)
