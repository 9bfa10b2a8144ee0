"""Time limits of a stream that is read late, or by nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from llmgate.errors import DeadlineExceededError
from llmgate.options import Timeout
from llmgate.testing import Canned
from tests import virtual_time
from tests.canned_streams import FIRST, streaming

WHOLE = Canned(body=[FIRST, b'{"say": "two", "end": "stop"}\n'])
SILENT = Canned(hang=True)


def in_virtual_time(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """What happens in memory, whatever the machine does meanwhile."""

    def run() -> None:
        virtual_time.run(test)

    run.__doc__ = test.__doc__
    return run


@in_virtual_time
async def test_the_error_of_a_stream_that_nobody_reads_names_the_total() -> None:
    """That is what passed, though the first token has not come either."""
    timeout = Timeout(total=0.25, first_token=0.125)
    async with streaming(SILENT, timeout=timeout) as stream:
        await asyncio.sleep(1)
        with pytest.raises(
            DeadlineExceededError, match=r"no complete response within 0\.25 s"
        ) as it:
            await stream.completion()
    assert "total" == it.value.phase


@in_virtual_time
async def test_who_reads_late_is_not_told_that_the_first_token_was_late() -> None:
    """It has come meanwhile; the limit is the provider's, not the caller's."""
    timeout = Timeout(total=20, first_token=0.2)
    async with streaming(WHOLE, timeout=timeout) as stream:
        await asyncio.sleep(5)
        assert "one two" == (await stream.completion()).text


@in_virtual_time
async def test_the_limit_of_the_first_token_goes_on_when_a_stream_is_read() -> None:
    """Only the time before does not count; later pauses would not be the provider's either, but
    there are none before the first chunk."""
    loop = asyncio.get_running_loop()
    timeout = Timeout(total=20, first_token=0.2)
    async with streaming(SILENT, timeout=timeout) as stream:
        await asyncio.sleep(5)
        began = loop.time()
        with pytest.raises(DeadlineExceededError, match=r"did not begin within 0\.2 s") as caught:
            await stream.completion()
    assert "first_token" == caught.value.phase
    assert pytest.approx(0.2, abs=0.05) == loop.time() - began


@in_virtual_time
async def test_the_total_comes_first_where_it_is_shorter() -> None:
    """Of two limits, the one that passes first is named."""
    async with streaming(SILENT, timeout=Timeout(total=0.25, first_token=5)) as stream:
        with pytest.raises(DeadlineExceededError) as caught:
            await stream.completion()
    assert "total" == caught.value.phase
