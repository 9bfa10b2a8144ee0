"""Write what is shipped and what it needs at run time, as CycloneDX: python scripts/sbom.py FILE.

It reads the metadata of what is installed beside it and the pins of ``requirements/runtime.txt``,
and asks nobody. The same pins give the same file: it holds no path, and no time unless
``SOURCE_DATE_EPOCH`` says one.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from cyclonedx import model
from cyclonedx.model import bom, component, license
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PINS = Path(__file__).resolve().parent.parent / "requirements" / "runtime.txt"
OURS = "llmgate-"
"""What the names of our own distributions begin with: `llmgate` itself is another project's."""
PINNED = re.compile(r"^([\w.-]+)==(\S+)((?: \\\n\s+--hash=sha256:[0-9a-f]{64})+)", re.MULTILINE)
# The models' decorator hides their types from checkers.
Bom: Any = bom.Bom
Component: Any = component.Component
Expression: Any = license.LicenseExpression
Named: Any = license.DisjunctiveLicense
HashType: Any = model.HashType
HASH = re.compile(r"sha256:([0-9a-f]{64})")


@dataclass(frozen=True)
class Pin:
    """One pinned package, with the hashes of the files that may be installed for it."""

    version: str
    hashes: tuple[str, ...]


def pins_in(text: str) -> dict[str, Pin]:
    """The pins of a requirements file, by canonical name."""
    return {
        canonicalize_name(name): Pin(version, tuple(sorted(HASH.findall(hashes))))
        for name, version, hashes in PINNED.findall(text)
    }


def needs_of(package: Distribution, extras: Iterable[str] = ()) -> Iterator[Requirement]:
    """What a distribution needs on this interpreter."""
    environments = [{"extra": extra} for extra in ("", *extras)]
    for line in package.requires or ():
        need = Requirement(line)
        if need.marker is None or any(need.marker.evaluate(each) for each in environments):
            yield need


def shipped() -> list[str]:
    """Our own distributions, by canonical name."""
    names = {canonicalize_name(each.metadata["Name"]) for each in distributions()}
    return sorted(name for name in names if name.startswith(OURS))


def closure(names: Iterable[str]) -> dict[str, set[str]]:
    """What each of these needs, and what that needs in turn."""
    needed: dict[str, set[str]] = {}
    waiting = [(name, frozenset[str]()) for name in names]
    while waiting:
        name, extras = waiting.pop()
        known = needed.setdefault(name, set())
        for need in needs_of(distribution(name), extras):
            other = canonicalize_name(need.name)
            if other not in known or need.extras:
                waiting.append((other, frozenset(need.extras)))
            known.add(other)
    return needed


def built(directory: Path) -> dict[str, Pin]:
    """Our own wheels and archives in a directory, by canonical name."""
    found: dict[str, Pin] = {}
    for file in sorted(directory.glob(f"{OURS.replace('-', '_')}*")):
        name, _, rest = file.name.partition("-")
        version = rest.removesuffix(".tar.gz").partition("-")[0]
        if file.suffix in (".whl", ".gz"):
            name = canonicalize_name(name)
            before = found[name].hashes if name in found else ()
            hashes = (*before, sha256(file.read_bytes()).hexdigest())
            found[name] = Pin(version, tuple(sorted(hashes)))
    return found


def described(name: str, pin: Pin | None) -> Any:
    """One distribution."""
    package = distribution(name)
    if pin is not None and pin.version != package.version:
        raise SystemExit(f"{name} {package.version} is installed, but {pin.version} is pinned")
    hashes = () if pin is None else pin.hashes
    return Component(
        type=component.ComponentType.LIBRARY,
        name=name,
        version=package.version,
        bom_ref=f"{name}=={package.version}",
        purl=PackageURL("pypi", name=name, version=package.version),
        licenses=_licenses(package),
        # of the files of this release: one of them is installed, as the platform needs it
        hashes=[HashType(alg=model.HashAlgorithm.SHA_256, content=value) for value in hashes],
    )


def _licenses(package: Distribution) -> list[Any]:
    metadata = package.metadata.json
    if "license_expression" in metadata:
        return [Expression(metadata["license_expression"])]
    said = str(metadata.get("license", "")).strip()
    return [Named(name=said)] if said and "\n" not in said else []


def bom_of(pins: Mapping[str, Pin]) -> Any:
    """Everything that is shipped, with what it needs."""
    ours = shipped()
    needed = closure(ours)
    missing = sorted(needed.keys() - pins.keys() - set(ours))
    if missing:
        raise SystemExit(f"needed, but not pinned: {', '.join(missing)}")
    found = {name: described(name, pins.get(name)) for name in sorted(needed)}
    whole = Bom(components=found.values())
    for name, others in needed.items():
        whole.register_dependency(found[name], [found[other] for other in sorted(others)])
    refs = "\n".join(str(each.bom_ref) for each in found.values())
    whole.serial_number = uuid5(NAMESPACE_URL, refs)
    return whole


def written(whole: Any) -> str:
    """It as JSON, checked against CycloneDX's own schema."""
    seconds = os.environ.get("SOURCE_DATE_EPOCH")
    whole.metadata.timestamp = datetime.fromtimestamp(int(seconds or 0), UTC)
    document = json.loads(JsonV1Dot6(whole).output_as_string())
    if seconds is None:
        del document["metadata"]["timestamp"]
    text = json.dumps(document, indent=2, sort_keys=True)
    fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if fault is not None:
        raise SystemExit(f"it is no valid CycloneDX: {fault}")
    return text + "\n"


def main(target: Path) -> None:
    """Write the file, with the hashes of what of ours has been built beside it."""
    pins = pins_in(PINS.read_text(encoding="utf-8"))
    whole = bom_of({**pins, **built(target.parent)})
    target.write_text(written(whole), encoding="utf-8")
    print(f"{target}: {len(whole.components)} components")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
