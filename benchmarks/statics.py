"""What a client costs before its first call: importing it, the first call, and room on the disk.

Instructions of imports are counted where valgrind is there; sizes leave out byte code.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterable
from importlib.metadata import distributions
from pathlib import Path
from zipfile import ZipFile

from benchmarks.count import instructions
from benchmarks.import_time import Cost, measure, medians
from benchmarks.peers import PEERS
from benchmarks.upstream import ROOT

__all__ = ["imports", "imports_counted", "sizes", "versions"]

_BARE = "pass"
_NEEDED = "import aiohttp, pydantic_core"
_OURS = (".", "plugins/llmgate-openai", "plugins/llmgate-anthropic")
_FIRST_CALL = """
import asyncio, llmgate
async def call():
    answer = await llmgate.acompletion("openai/any", [{{"role": "user", "content": "Hi"}}],
        base_url="http://127.0.0.1:{port}/openai-short/v1")
    assert answer.text
asyncio.run(call())
"""


def _programs(port: int) -> dict[str, str]:
    """What is run in llmgate's own environment, by the name of the figure that it makes."""
    return {
        "needed": _NEEDED,
        "llmgate": PEERS["llmgate"].imports,
        "first-call": _FIRST_CALL.format(port=port),
    }


def imports(names: Iterable[str], port: int, rounds: int) -> dict[str, float]:
    """``import/…`` (CPU milliseconds beyond bare Python) and ``modules/…``.

    A name is a peer's, for its import alone; or ``first-call`` for llmgate with its first call
    answered, and ``needed`` for what such a call needs of others.
    """
    ours = _programs(port)
    programs = {"bare": (PEERS["llmgate"], _BARE)}
    for name in names:
        peer = PEERS.get(name, PEERS["llmgate"])
        programs[name] = (peer, ours.get(name, peer.imports))
    runs: dict[str, list[Cost]] = {name: [] for name in programs}
    for at in range(rounds + 1):
        for name, (peer, code) in programs.items():
            cost = measure(code, peer.python, peer.environment)
            if at:  # the first one compiles
                runs[name].append(cost)
    costs = {name: medians(each) for name, each in runs.items()}
    bare = costs.pop("bare")
    found: dict[str, float] = {}
    for name, cost in costs.items():
        # next to nothing may come out as less than nothing
        found[f"import/{name}"] = max(cost.milliseconds - bare.milliseconds, 0.0)
        found[f"modules/{name}"] = cost.modules - bare.modules
    return found


def imports_counted(port: int) -> dict[str, float]:
    """``count-import/…``: instructions beyond those of bare Python."""
    python = PEERS["llmgate"].python
    bare = instructions([python, "-c", _BARE])
    found: dict[str, float] = {}
    for name, code in _programs(port).items():
        measure(code, python)  # compiles what is not yet compiled
        found[f"count-import/{name}"] = float(instructions([python, "-c", code]) - bare)
    return found


def sizes(names: Iterable[str]) -> dict[str, float]:
    """``installed/…`` (MB, with all dependencies), and ``wheel/llmgate`` (kB)."""
    found = {f"installed/{name}": _installed(ROOT / PEERS[name].place) / 1e6 for name in names}
    with tempfile.TemporaryDirectory() as folder:
        for project in _OURS:
            command = ["-m", "build", "--wheel", "--no-isolation", "--outdir", folder, project]
            subprocess.run(
                [PEERS["llmgate"].python, *command],
                cwd=ROOT,
                check=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        wheels = list(Path(folder).glob("*.whl"))
        unpacked = sum(info.file_size for wheel in wheels for info in ZipFile(wheel).infolist())
        [core] = Path(folder).glob("llmgate_core-*.whl")
        found["wheel/llmgate"] = core.stat().st_size / 1e3
    found["installed/llmgate"] = (_installed(ROOT / ".bench" / "llmgate") + unpacked) / 1e6
    return found


def versions(names: Iterable[str]) -> dict[str, str]:
    """The version of each distribution that these clients are, or are made of."""
    found: dict[str, str] = {}
    for name in names:
        if package := PEERS[name].package:
            [folder] = (ROOT / PEERS[name].place).glob("lib/python*/site-packages")
            [distribution] = distributions(name=package, path=[str(folder)])
            found[package] = distribution.version
    return found


def _installed(place: Path) -> int:
    """Bytes of all that is installed there, but for byte code."""
    [folder] = place.glob("lib/python*/site-packages")
    files = (path for path in folder.rglob("*") if path.is_file())
    return sum(path.stat().st_size for path in files if path.suffix != ".pyc")
