"""What tests of calls without async share: what is answered, and the thread behind them."""

from __future__ import annotations

import threading
from typing import Any

from tests.faults.server import COMPLETION, STREAM_HEAD, chunk, event, framed, hang, reply, then

ANSWER = reply(body=COMPLETION)
ENDLESS = then(STREAM_HEAD, framed(event(chunk("a")) + event(chunk("b"))), last=hang)


def background_threads() -> int:
    return sum(thread.name == "llmgate-sync" for thread in threading.enumerate())


def stop(background: Any) -> None:
    """End a background loop of a test's own, as the end of the process would."""
    thread = next(
        thread for thread in reversed(threading.enumerate()) if thread.name == "llmgate-sync"
    )
    background._stop(thread)
    assert not thread.is_alive()
    background._stop(thread)
