"""Calls without await while the process is ending: they work, in threads and in ``atexit``.

From Python 3.12 on no thread can be started then, and on any version no executor takes work.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.peer import Step
from tests.faults.server import (
    COMPLETION,
    STREAM_HEAD,
    FaultServer,
    chunk,
    event,
    framed,
    hang,
    reply,
    stream,
    then,
)

ROOT = Path(__file__).parents[1]
ANSWER = reply(body=COMPLETION)
ENDLESS = then(STREAM_HEAD, framed(event(chunk("a"))), last=hang)

HEAD = """
import asyncio, atexit, logging, sys, threading, time
import llmgate

logging.getLogger("asyncio").setLevel("ERROR")  # slow steps are of no interest here
URL, MODEL, HI = sys.argv[1], "openai/gpt-4o", [{"role": "user", "content": "Hi"}]

def call(**options):
    return llmgate.completion(MODEL, HI, base_url=URL, api_key="sk-x", timeout=20, **options)

async def inside():
    try:
        print(call().text)
    except llmgate.LLMGateError as error:
        print(error)

def work():
    print(call().text)
    print(*call(stream=True).text())
    for chunk in call(stream=True):
        print(chunk.choices[0].delta.content)
        break
    print(call(hooks=[lambda event: None]).text, flush=True)

def late():
    while threading.main_thread().is_alive():
        time.sleep(0.01)
    work()
    asyncio.run(inside())
"""
MOMENTS = {
    "in a thread, after the main thread's end": "threading.Thread(target=late).start()",
    "in a thread, after a call and the main thread's end": """
print(call().text)
threading.Thread(target=late).start()
""",
    "in atexit": "atexit.register(work)",
    "in atexit, registered before a call": """
atexit.register(work)
print(call().text)
""",
    "in atexit, registered after a call": """
print(call().text)
atexit.register(work)
""",
}
WORK: list[Step] = [ANSWER, stream("a", "b"), ENDLESS, ANSWER]
SAID = "Hi a b a Hi"
INSIDE = {
    "in a thread, after the main thread's end": (
        " the process is ending, so no call can run inside a running event loop: await it"
    ),
    "in a thread, after a call and the main thread's end": " Hi",
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_call_while_the_process_ends(moment: str) -> None:
    """It is answered, and nothing is warned of."""
    is_second = "a call" in moment
    steps = [ANSWER] * is_second + WORK + [ANSWER]
    with FaultServer(*steps) as server:
        url = server.url.replace("127.0.0.1", "localhost")
        done = subprocess.run(
            [sys.executable, "-X", "dev", "-W", "error", "-c", HEAD + MOMENTS[moment], url],
            capture_output=True,
            text=True,
            timeout=60,
            cwd=ROOT,
            check=False,
        )
        assert ("", 0) == (done.stderr, done.returncode)
        expected = "Hi " * is_second + SAID + INSIDE.get(moment, "")
        assert expected == " ".join(done.stdout.split())
        assert server.wait_until_left()


DAEMON = """
ended = threading.Event()

def on():
    try:
        while True:
            call()
    except SystemExit:
        ended.set()

atexit.register(lambda: print(ended.wait(10), flush=True))
threading.Thread(target=on, daemon=True).start()
time.sleep(1)
call()
"""


def test_a_daemon_thread_that_calls_on() -> None:
    """It ends in silence, as the process does not wait for it."""
    with FaultServer(ANSWER) as server:
        done = subprocess.run(
            [sys.executable, "-X", "dev", "-W", "error", "-c", HEAD + DAEMON, server.url],
            capture_output=True,
            text=True,
            timeout=60,
            cwd=ROOT,
            check=False,
        )
    assert ("True\n", "", 0) == (done.stdout, done.stderr, done.returncode)
