"""Builds the manual's site into a folder that needs no server and fetches nothing from elsewhere.

python scripts/site_build.py    # with the Python of .tools/docs; `make docs` does so

It prepares the pages, has zensical build them, and fails at any warning; it checks no links.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.site_pages import ROOT, prepare

__all__ = ["BuildError", "finish", "warnings_in"]

SITE = ROOT / ".site"
_FOREIGN_WORKER = re.compile(r"https://[^\"]*/iframe-worker/shim")
"""What zensical loads for search in files; assets/file-worker.js is loaded instead."""


class BuildError(Exception):
    """The site could not be built, or not without a warning."""


def warnings_in(output: str) -> list[str]:
    """The lines of zensical's output that are more than progress."""
    usual = ("Build started", "Build finished", "No issues found")
    return [line for line in output.splitlines() if line.strip() and not line.startswith(usual)]


def finish(html: Path) -> None:
    """Replace in all pages what would be fetched from elsewhere."""
    for page in html.rglob("*.html"):
        worker = os.path.relpath(html / "assets" / "file-worker.js", page.parent)
        text = page.read_text(encoding="utf-8")
        page.write_text(_FOREIGN_WORKER.sub(worker, text), encoding="utf-8")


def build() -> None:
    """Build the site of this repository.

    Raises:
        BuildError: at the first warning.
    """
    prepare(SITE / "pages")
    shutil.rmtree(SITE / "html", ignore_errors=True)
    done = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--strict", "--clean"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    found = warnings_in(done.stdout + done.stderr)
    if done.returncode or found:
        raise BuildError("\n".join(found) or done.stderr)
    finish(SITE / "html")


if __name__ == "__main__":
    try:
        build()
    except BuildError as error:
        raise SystemExit(str(error)) from None
