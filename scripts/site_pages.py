"""Prepares the pages of the manual's site: docs/, and copies of the READMEs and files it links to.

python scripts/site_pages.py .site/pages

It reads the repository and writes one folder; it builds no site. Links are rewritten so that they
lead to the copies.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

__all__ = ["DeadLinkError", "place_of", "prepare", "prepared", "source_pages"]

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
LANGUAGES = {".py": "python", ".toml": "toml", ".sh": "sh", ".json": "json"}

UNSEARCHED = "---\nsearch:\n  exclude: true\n---\n\n"
"""What begins a page that the search leaves out: history and code answer few questions."""

_LINK = re.compile(r"(\]\()(?![a-z]+:|#)([^)#\s]+)(#[^)\s]*)?(\))")
_FENCE = re.compile(r"^```(\w+) run$", re.MULTILINE)


class DeadLinkError(Exception):
    """A page links to nothing, or to what the site cannot show."""


def place_of(file: Path) -> Path:
    """Where a file of the repository stands in the site, as a path from its root.

    Pages of docs/ stay where they are; READMEs of packages go to ``packages/``, or are the page of
    their provider, which says all of them; those of examples go to ``examples/``, what else is
    written for people to ``project/``, and any other file is shown as code under ``files/``.

    Raises:
        DeadLinkError: when it is not a file of this repository.
    """
    if not file.is_file() or not file.is_relative_to(ROOT):
        raise DeadLinkError(f"{file} is not a file of this repository")
    if file.is_relative_to(DOCS):
        return file.relative_to(DOCS)
    path = file.relative_to(ROOT)
    match path.parts:
        case ("plugins", package, "README.md") if _provider_page(package).is_file():
            return _provider_page(package).relative_to(DOCS)
        case ("plugins" | "extras", package, "README.md"):
            return Path("packages", f"{package}.md")
        case ("examples", *folders, "README.md"):
            return Path("examples", *folders, "index.md")
        case (name,) if name.endswith(".md"):
            return Path("project", name.lower())
        case _:
            return Path("files", f"{path}.md")


def _provider_page(package: str) -> Path:
    return DOCS / "providers" / f"{package.removeprefix('llmgate-')}.md"


def _is_in_docs(file: Path) -> bool:
    return (DOCS / place_of(file)).is_file()


def source_pages() -> list[Path]:
    """The Markdown files that become pages whether or not another page links to them."""
    patterns = ("*.md", "plugins/*/README.md", "extras/*/README.md", "examples/**/README.md")
    beside = (file for pattern in patterns for file in ROOT.glob(pattern))
    return sorted([*DOCS.rglob("*.md"), *(file for file in beside if not _is_in_docs(file))])


def as_code(file: Path) -> str:
    """A page that shows a file which is no page."""
    text = file.read_text(encoding="utf-8")
    language = LANGUAGES.get(file.suffix, "text")
    return f"{UNSEARCHED}# {file.relative_to(ROOT)}\n\n````{language}\n{text.rstrip()}\n````\n"


def prepared(page: Path) -> tuple[str, list[Path]]:
    """The text of a page as the site takes it, and the files that its links lead to.

    Raises:
        DeadLinkError: when a link leads to nothing.
    """
    here = place_of(page).parent
    linked: list[Path] = []

    def rewritten(found: re.Match[str]) -> str:
        opening, target, anchor, closing = found.groups()
        file = (page.parent / target).resolve()
        try:
            place = place_of(file)
        except DeadLinkError as error:
            raise DeadLinkError(f"{page.relative_to(ROOT)}: {target}: {error}") from None
        linked.append(file)
        return f"{opening}{os.path.relpath(place, here)}{anchor or ''}{closing}"

    text = page.read_text(encoding="utf-8")
    parts = re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)
    parts[::2] = [_LINK.sub(rewritten, part) for part in parts[::2]]
    return _FENCE.sub(r"```\1", "".join(parts)), linked


def prepare(target: Path) -> None:
    """Write all pages into a folder, which is emptied first.

    Raises:
        DeadLinkError: when a link leads to nothing.
    """
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(DOCS, target)
    pages = source_pages()
    others: set[Path] = set()
    for page in pages:
        text, linked = prepared(page)
        if page.name == "CHANGELOG.md":
            text = UNSEARCHED + text
        write(target / place_of(page), text)
        others.update(linked)
    for file in others.difference(pages):
        if not _is_in_docs(file):
            write(target / place_of(file), as_code(file))


def write(file: Path, text: str) -> None:
    """Write a file, and make its folder."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    prepare(Path(sys.argv[1]))
