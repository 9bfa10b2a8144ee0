"""Pins with hashes from a report of `pip install --dry-run --report`, for this platform's wheels.

python scripts/pins.py report.json frameworks > requirements/frameworks.txt
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

HEAD = "# Made of {0}.in by `make {0}-requirements`; hashes of this platform's wheels"


def pins(report: Path) -> list[str]:
    """A line for each package, in the order of their names."""
    installed = json.loads(report.read_text("utf-8"))["install"]
    return sorted(
        f"{item['metadata']['name'].lower()}=={item['metadata']['version']} "
        f"--hash=sha256:{item['download_info']['archive_info']['hashes']['sha256']}"
        for item in installed
    )


if __name__ == "__main__":
    sys.stdout.write("\n".join([HEAD.format(sys.argv[2]), *pins(Path(sys.argv[1]))]) + "\n")
