"""Batches on a cluster of two nodes on this machine, which lose workers, a node, and their driver.

`make ray` has what they need; the environment of the other tests has no Ray.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from llmgate import Client
from llmgate.errors import InvalidRequestError
from llmgate.middlewares.limits import Limit, Limits
from llmgate_openai import OpenAI
from llmgate_ray import RayRecord, WorkerPlace, WorkersLostError, ray_batch
from tests.ray_nodes import add_node, start_head

MODEL = "openai/gpt-4o-mini"
LATENCY = 0.2
MOST_REPEATED = 32 + 200
"""Of a worker that makes 32 calls at once: those, and what it made in a second of 200."""


class Site:
    """The nodes, and the server that all workers ask."""

    def __init__(self, folder: Path, cluster: Any, port: int) -> None:
        self.folder, self.cluster, self.port = folder, cluster, port
        self.second = self.add_node()

    def add_node(self) -> Any:
        """Another one."""
        return add_node(self.cluster)

    @property
    def client(self) -> Any:
        """A factory of clients that say of which node they are, and note their process."""
        port, folder = self.port, self.folder

        def made(place: WorkerPlace, *middleware: Any) -> Client:
            node = import_module("ray").get_runtime_context().get_node_id()
            (folder / f"pid-{os.getpid()}").touch()
            host = OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="k")
            headers = {"x-node": node}
            return Client(providers={"openai": host}, headers=headers, middleware=middleware)

        return made

    def workers(self) -> set[int]:
        """The processes of workers that are there."""
        pids = {int(path.name[4:]) for path in self.folder.glob("pid-*")}
        return {pid for pid in pids if Path(f"/proc/{pid}").exists()}

    def answers(self, name: str) -> list[tuple[int, str, str]]:
        """How many ran, the node and the prompt, of each answer to the calls of one test."""
        lines = (self.folder / "notes").read_text("utf-8").splitlines()
        fields = (line.split("\t") for line in lines)
        return [(int(a), b, c) for a, b, c in fields if c.startswith(f"{name} ")]

    def calls(self, name: str, count: int) -> list[str]:
        """The prompts of one test."""
        return [f"{name} {number}" for number in range(count)]


@pytest.fixture(name="site", scope="module")
def _site() -> Iterator[Site]:
    """Two nodes with two CPUs each and little memory for objects; all of it on loopback."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ray")))
        program = [sys.executable, str(Path(__file__).with_name("upstream.py"))]
        (folder / "notes").touch()
        server = stack.enter_context(
            subprocess.Popen(
                [*program, str(folder / "notes"), str(LATENCY)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        )
        assert server.stdout is not None
        port = int(server.stdout.readline())
        os.environ |= {"OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1", "OPENAI_API_KEY": "k"}
        cluster = start_head(str(folder))
        stack.callback(cluster.shutdown)
        stack.callback(import_module("ray").shutdown)
        yield Site(folder, cluster, port)


def psutil() -> Any:
    """Ray brings it."""
    import_module("ray")
    return import_module("psutil")


def lines_of(folder: Path) -> list[dict[str, Any]]:
    """The output, in the order of the calls."""
    parts = sorted(folder.glob("part-*.jsonl"))
    lines = [json.loads(line) for part in parts for line in part.read_text("utf-8").splitlines()]
    return sorted(lines, key=lambda line: line["index"])


async def run(
    site: Site, calls: Any, output: Path, on_record: Any = None, **options: Any
) -> list[RayRecord]:
    """All records; ``on_record`` is called with how many there are."""
    options = {"model": MODEL, "client": site.client, "concurrency": 32, **options}
    records = list[RayRecord]()
    async for record in ray_batch(calls, output, address=site.cluster.address, **options):
        records.append(record)
        if on_record is not None:
            on_record(len(records))
    return records


def check_whole(site: Site, name: str, count: int, output: Path, losses: int) -> None:
    """Each call has one line, and no more were made again than were on their way."""
    lines = lines_of(output)
    assert [*range(count)] == [line["index"] for line in lines]
    texts = [line["completion"]["choices"][0]["message"]["content"] for line in lines]
    assert site.calls(name, count) == texts
    prompts = [prompt for _, _, prompt in site.answers(name)]
    assert {*texts} == {*prompts}
    assert len(prompts) - count <= losses * MOST_REPEATED


# --- while all goes well ---


async def test_both_nodes_make_calls_at_once(site: Site, tmp_path: Path) -> None:
    """Each call once, more at a time than one worker may make; workers are gone afterwards."""
    output = tmp_path / "out"
    calls: list[Any] = [*site.calls("both", 1_500), {"prompt": "refuse me"}]
    records = await run(site, calls, output, shard_size=1_000)
    assert [*range(1_501)] == sorted(record.index for record in records)
    [failed] = [record for record in records if record.error]
    assert "BadRequestError: no such prompt" in (failed.error or "")
    assert ["part-00000.jsonl", "part-00001.jsonl"] == sorted(os.listdir(output))
    answers = site.answers("both")
    assert Counter(site.calls("both", 1_500)) == Counter(prompt for _, _, prompt in answers)
    nodes = Counter(node for _, node, _ in answers)
    assert 2 == len(nodes)
    assert min(nodes.values()) > 300
    assert 40 < max(running for running, _, _ in answers) <= 64
    for pid in site.workers():
        with contextlib.suppress(psutil().NoSuchProcess):
            await asyncio.to_thread(psutil().Process(pid).wait, 20)
    assert set() == site.workers()


async def test_limits_are_divided(site: Site, tmp_path: Path) -> None:
    """Two workers with half of a limit each are no faster than the limit."""
    client = site.client

    def limited(place: WorkerPlace) -> Client:
        limits = Limits(place.share_of(Limit(requests=100, per=1.0, burst=4, by="")))
        made: Client = client(place, limits)
        return made

    began = time.monotonic()
    records = await run(site, site.calls("limited", 200), tmp_path / "out", client=limited)
    assert [None] * 200 == [record.error for record in records]
    assert time.monotonic() - began > (200 - 4 - 2) / 100


async def test_large_calls_need_little_memory(site: Site, tmp_path: Path) -> None:
    """150 MB of prompts, and as much of answers, pass stores of 80 MB and this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    calls = (f"large {number} {'x' * 100_000}" for number in range(1_500))
    count = 0
    async for record in ray_batch(
        calls, tmp_path / "out", model=MODEL, client=site.client, concurrency=32, workers=2
    ):
        count += record.error is None
    assert 1_500 == count
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - usage.ru_maxrss
    assert grown < 100_000, "kB"


async def test_the_rows_of_a_dataset_are_calls(site: Site, tmp_path: Path) -> None:
    """In their order, so that it is resumed."""
    ray = import_module("ray")
    data = import_module("ray.data")
    if not ray.is_initialized():
        ray.init(address=site.cluster.address, log_to_driver=False, configure_logging=False)
    prompts = site.calls("dataset", 200)
    messages = [[{"role": "user", "content": prompt}] for prompt in prompts]
    rows = [{"id": f"r{place}", "messages": each} for place, each in enumerate(messages)]
    for expected in (200, 0):
        dataset = data.from_items(rows, override_num_blocks=4)
        records = await run(site, dataset, tmp_path / "out")
        assert expected == len(records)
    assert [row["id"] for row in rows] == [line["id"] for line in lines_of(tmp_path / "out")]
    check_whole(site, "dataset", 200, tmp_path / "out", 0)


async def test_nothing_leaves_loopback(site: Site) -> None:
    """All sockets of all processes of the cluster are on it, and no use is reported."""
    await run(site, ["loopback 0"], site.folder / "loopback")
    processes = [psutil().Process(), *psutil().Process().children(recursive=True)]
    addresses = set[str]()
    for process in processes:
        with contextlib.suppress(psutil().NoSuchProcess):
            for each in process.net_connections("inet"):
                addresses |= {end.ip for end in (each.laddr, each.raddr) if end}
    assert addresses
    assert set() == addresses - {"127.0.0.1", "::ffff:127.0.0.1", "::1"}
    assert not import_module("ray._common.usage.usage_lib").usage_stats_enabled()


_LOCAL = """
import asyncio, sys
from importlib import import_module
from llmgate import Client
from llmgate.testing import FakeProvider
from llmgate_ray import ray_batch

def client(place):
    return Client(providers={"fake": FakeProvider(["Yes"] * 9)})

async def main():
    given = {"model": "fake/m", "client": client, "address": "local"}
    print(*[record.text async for record in ray_batch(["a", "b"], sys.argv[1], **given)])
    psutil = import_module("psutil")
    me = psutil.Process()
    sockets = [each for one in [me, *me.children(recursive=True)] for each in one.net_connections()]
    print(*{end.ip for each in sockets for end in (each.laddr, each.raddr) if end})

asyncio.run(main())
"""


def test_a_cluster_of_one_machine_listens_on_loopback(tmp_path: Path) -> None:
    """It is started for the batch, and ends with the process."""
    with tempfile.TemporaryDirectory(prefix="ray") as folder:
        environment = {**os.environ, "RAY_TMPDIR": folder}
        for name in ("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "RAY_ADDRESS"):
            environment.pop(name, None)
        command = [sys.executable, "-c", _LOCAL, str(tmp_path / "out")]
        done = subprocess.run(
            command, check=True, capture_output=True, env=environment, timeout=150, text=True
        )
    texts, addresses = done.stdout.splitlines()[-2:]
    assert "Yes Yes" == texts
    assert set() == {*addresses.split()} - {"127.0.0.1", "::ffff:127.0.0.1", "::1"}


@pytest.mark.parametrize("page", ["docs/many-machines.md", "extras/llmgate-ray/README.md"])
def test_the_example_of_a_page_runs(
    site: Site, tmp_path: Path, page: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """As it stands there."""
    text = Path(__file__).parents[3].joinpath(page).read_text("utf-8")
    [example] = [
        code
        for code in re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)
        if "asyncio.run" in code
    ]
    prompts = site.calls(Path(page).name, 3)
    lines = "".join(f"{json.dumps(prompt)}\n" for prompt in prompts)
    (tmp_path / "questions.jsonl").write_text(lines, "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RAY_ADDRESS", site.cluster.address)
    exec(compile(example, page, "exec"), {})  # noqa: S102 - it is an example of ours
    printed = sorted(capsys.readouterr().out.splitlines())
    assert [f"{number} {prompt}" for number, prompt in enumerate(prompts)] == printed
    assert 3 == len(lines_of(tmp_path / "answers"))


async def test_a_client_that_cannot_be_made_ends_the_batch(site: Site, tmp_path: Path) -> None:
    """With its own error, which came from another process."""
    with pytest.raises(InvalidRequestError, match="expected 'module:function'"):
        await run(site, ["a"], tmp_path / "out", client="nowhere")


async def test_a_worker_that_cannot_start_ends_the_batch(site: Site, tmp_path: Path) -> None:
    """After some have tried."""

    def ends(place: WorkerPlace) -> Client:
        os._exit(3)

    with pytest.raises(WorkersLostError, match="a worker was lost"):
        await run(site, ["a"], tmp_path / "out", client=ends, workers=1)


# --- while something is lost ---


async def test_a_killed_worker_loses_nothing(site: Site, tmp_path: Path) -> None:
    """Another takes its place, and only calls in flight are made again."""
    killed = list[int]()

    def kill(count: int) -> None:
        if count >= 400 * (len(killed) + 1) and len(killed) < 2:
            pid = min(site.workers() - {*killed})
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)

    records = await run(site, site.calls("worker", 1_500), tmp_path / "out", kill)
    assert 2 == len(killed)
    assert 1_500 == len(records)
    check_whole(site, "worker", 1_500, tmp_path / "out", 2)


async def test_a_killed_node_loses_nothing(site: Site, tmp_path: Path) -> None:
    """Its calls are made by a worker of the node that is left."""
    removing = list[asyncio.Future[None]]()

    def remove(count: int) -> None:
        if count >= 400 and not removing:
            loop = asyncio.get_running_loop()
            gone = site.second
            removing.append(
                loop.run_in_executor(None, lambda: site.cluster.remove_node(gone, False))
            )

    try:
        records = await run(site, site.calls("node", 1_500), tmp_path / "out", remove)
        await asyncio.wait_for(removing[0], 60)
    finally:
        site.second = site.add_node()
    assert 1_500 == len(records)
    check_whole(site, "node", 1_500, tmp_path / "out", 1)


def test_a_killed_driver_loses_nothing(site: Site, tmp_path: Path) -> None:
    """The command is run again, and goes on; its workers ended with it."""
    calls, output = tmp_path / "in.jsonl", tmp_path / "out"
    prompts = site.calls("driver", 1_500)
    calls.write_text("".join(f"{json.dumps(prompt)}\n" for prompt in prompts), "utf-8")
    command = [sys.executable, "-m", "llmgate.cli", "batch", str(calls), "-o", str(output)]
    command += ["-m", MODEL, "--ray", site.cluster.address, "--concurrency", "32"]
    with subprocess.Popen(command) as driver:
        while len(site.answers("driver")) < 600:
            assert driver.poll() is None
            time.sleep(0.02)
        driver.send_signal(signal.SIGKILL)
    assert len(lines_of_cut(output)) >= 600 - 2 * MOST_REPEATED
    done = subprocess.run(command, check=True, capture_output=True, timeout=120)
    assert b"0 failed" in done.stderr
    check_whole(site, "driver", 1_500, output, 2)


def lines_of_cut(folder: Path) -> list[str]:
    """The whole lines of an output whose last may be cut."""
    text = "".join(part.read_text("utf-8", "replace") for part in sorted(folder.iterdir()))
    return text.split("\n")[:-1]
