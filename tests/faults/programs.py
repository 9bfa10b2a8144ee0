"""What whole processes run: each begins with ``HEAD``, and says line by line how far it is."""

from __future__ import annotations

__all__ = [
    "AT_ONCE",
    "EVERYTHING_LEFT",
    "EXITED",
    "FORKED",
    "HEAD",
    "INTERRUPTED",
    "TERMINATED",
    "UNCAUGHT",
    "WATCHED",
]

HEAD = """
import asyncio, logging, os, signal, sys, threading, time
from importlib import import_module
import llmgate
logging.getLogger("asyncio").setLevel("ERROR")  # slow steps are of no interest here
URL, MODEL, PLUGIN, CLASS, KEY = sys.argv[1:]
make = getattr(import_module(PLUGIN), CLASS)
name = MODEL.partition("/")[0]
client = llmgate.Client(
    providers={name: make(api_key=KEY, base_url=URL)}, max_retries=0, verify=False
)
def asked(what, stream):
    return {"model": MODEL, "messages": [{"role": "user", "content": what}], "stream": stream}
def ask(what="whole", stream=False):
    return client.completion(**asked(what, stream))
def aask(what="whole", stream=False):
    return client.acompletion(**asked(what, stream))
def say(*words):
    print(*words, flush=True)
"""

EVERYTHING_LEFT = """
async def main():
    async for chunk in await aask("half", True):
        break
    held = await aask("half", True)
    await anext(held)
    globals()["held"] = held
    globals()["call"] = asyncio.ensure_future(aask("hang"))
    globals()["reader"] = asyncio.ensure_future((await aask("half", True)).completion())
    await aask()
    await asyncio.sleep(0.03)

loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
say(loop.run_until_complete(aask()).text)
stream = loop.run_until_complete(aask("half", True))
loop.run_until_complete(anext(stream))
call = loop.create_task(aask("hang"))
loop.run_until_complete(asyncio.sleep(0.03))
call.cancel()
loop.run_until_complete(asyncio.wait({call}))
loop.run_until_complete(loop.shutdown_asyncgens())
loop.close()
for _ in range(2):
    asyncio.run(main())
loop = asyncio.new_event_loop()
unread = loop.run_until_complete(aask("half", True))
loop.run_until_complete(loop.shutdown_asyncgens())
loop.close()
for chunk in ask("half", True):
    break
kept = ask("half", True)
next(kept)
ask()
for work in (lambda: ask("hang"), lambda: next(iter(ask("hang", True))),
             lambda: asyncio.run(aask("hang"))):
    threading.Thread(target=work, daemon=True).start()
time.sleep(0.1)
say("left")
"""

EXITED = """
async def main():
    async for chunk in await aask("half", True):
        say("exits")
        sys.exit(3)

asyncio.run(main())
"""

FORKED = """
held = ask("half", True)
next(held)
say(ask().text)
child = os.fork()
if child == 0:
    say(ask().text)
    say(asyncio.run(aask()).text)
    say(ask("whole", True).completion().text)
else:
    assert (child, 0) == os.waitpid(child, 0)
    say("parent")
    say(ask().text)
    next(held)  # what is still there of it
    held.close()
    say(asyncio.run(aask()).text)

async def main():
    held = await aask("half", True)
    await anext(held)
    say((await aask()).text)
    child = os.fork()
    if child == 0:
        os._exit(0)  # a loop that goes on in both would serve neither (bpo-21998)
    assert (child, 0) == os.waitpid(child, 0)
    say((await aask()).text)
    await held.aclose()

if child:
    asyncio.run(main())
"""

INTERRUPTED = """
def asking():
    say("ready")
    ask("hang")

def completing():
    stream = ask("half", True)
    next(stream)
    say("ready")
    stream.completion()

async def aasking():
    say("ready")
    await aask("hang")

async def astreaming():
    first = True
    async for chunk in await aask("half", True):
        if first:
            say("ready")
        first = False

ask()
for work in (asking, completing, lambda: asyncio.run(aasking()), lambda: asyncio.run(astreaming())):
    try:
        work()
    except KeyboardInterrupt:
        say("interrupted")
say(ask().text)
say(asyncio.run(aask()).text)
"""

UNCAUGHT = """
async def main():
    stream = await aask("half", True)
    await anext(stream)
    say("ready")
    await stream.completion()

try:
    asyncio.run(main())
finally:
    sys.excepthook = lambda kind, *_: say(kind.__name__)
"""

TERMINATED = """
async def main():
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    say("ready")
    try:
        await aask("hang")
    except asyncio.CancelledError:
        say("cancelled")

def stop(*_):
    raise SystemExit(5)

asyncio.run(main())
signal.signal(signal.SIGTERM, stop)
stream = ask("half", True)
next(stream)
say("ready")
stream.completion()
"""

AT_ONCE = """
async def main():
    stream = await aask("half", True)
    await anext(stream)
    say("ready")
    await stream.completion()

threading.Thread(target=lambda: ask("hang"), daemon=True).start()
asyncio.run(main())
"""

WATCHED = """
import sys
import asyncio, ssl, threading, logging  # whatever these do is not ours
modules = (".py", ".pyc", ".so")

def watch(event, arguments):
    kind = event.partition(".")[0]
    is_file = event == "open" and not str(arguments[0]).endswith(modules)
    if kind in ("socket", "subprocess", "shutil", "_thread") or is_file or event == "os.fork":
        print(event, arguments, file=sys.stderr)

import importlib.metadata
sys.addaudithook(watch)
import llmgate
client = llmgate.Client()
import {plugins}
for name in llmgate.__all__:
    getattr(llmgate, name)
import llmgate.transports.aiohttp
assert 1 == threading.active_count()
"""
