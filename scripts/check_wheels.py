"""Check what our wheels in a directory hold: python scripts/check_wheels.py dist.

Each holds its one package, marked as typed, and its metadata with the licence. Nothing else: above
all no .pth file, which Python would run at every start. What is for tests has a wheel of its own,
which installs into the core's package.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

_INTO = {"llmgate_core": "llmgate", "llmgate_testing": "llmgate/testing"}
"""Where those install that have another name than their package."""


def _is_of_another(name: str, home: str) -> bool:
    """Whether a file belongs to a package that another wheel installs into this one."""
    inner = [other for other in _INTO.values() if other.startswith(f"{home}/")]
    return any(name.startswith(f"{other}/") for other in inner)


def faults(wheel: str, names: list[str]) -> Iterator[str]:
    """Say what is wrong with a wheel that holds these files."""
    package, version, *_ = wheel.split("-")
    metadata = f"{package}-{version}.dist-info/"
    home = _INTO.get(package, package)
    for name in names:
        if name.endswith(".pth"):
            yield f"{name} would run at every start of Python"
        elif not name.startswith((f"{home}/", metadata)) or _is_of_another(name, home):
            yield f"{name} is no part of {package}"
    marks = () if "/" in home else (f"{home}/py.typed",)  # that of the package it installs into
    for wanted in (*marks, f"{metadata}licenses/LICENSE"):
        if wanted not in names:
            yield f"{wanted} is missing"


def main(directory: Path) -> int:
    """Print every fault of every wheel, and return how many there are."""
    wheels = sorted(directory.glob("llmgate_*.whl"))
    found = [] if wheels else [f"{directory}: there is no wheel of ours"]
    for wheel in wheels:
        with ZipFile(wheel) as archive:
            names = archive.namelist()
        found += [f"{wheel.name}: {fault}" for fault in faults(wheel.name, names)]
    print(*found, sep="\n", end="\n" if found else "", file=sys.stderr)
    return len(found)


if __name__ == "__main__":
    raise SystemExit(min(main(Path(sys.argv[1])), 1))
