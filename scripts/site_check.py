"""Checks the built site: no link or anchor is dead, and nothing is fetched from elsewhere.

python scripts/site_check.py .site/html

It reads the folder alone, and asks no network.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

__all__ = ["Page", "faults", "read_page"]

_LINKS = {("a", "href"), ("link", "href"), ("img", "src"), ("script", "src"), ("iframe", "src")}
_FETCHED = {"img", "script", "iframe", "source", "video", "audio", "object", "embed"}
_RELATIONS = {"stylesheet", "preload", "preconnect", "icon", "dns-prefetch", "modulepreload"}
_STYLE = re.compile(r"(?:url\(|@import)\s*[\"']?\s*((?:https?:)?//[^\"')]*)")


class Page(NamedTuple):
    """What a page has and wants: its anchors, its links, and the addresses that it fetches."""

    anchors: frozenset[str]
    links: frozenset[str]
    fetched: frozenset[str]


class _Reader(HTMLParser):
    """Collects what a page has and wants."""

    def __init__(self) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: set[str] = set()
        self.fetched: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take what a tag names."""
        given = {name: value or "" for name, value in attrs}
        self.anchors.update(given[name] for name in ("id", "name") if given.get(name))
        self.fetched.update(_STYLE.findall(given.get("style", "")))
        relations = {*given.get("rel", "").split()}
        for name in ("href", "src", "data", "poster"):
            address = given.get(name, "")
            if not address:
                continue
            if (tag, name) in _LINKS:
                self.links.add(address)
            is_fetched = tag in _FETCHED or (tag == "link" and relations & _RELATIONS)
            if is_fetched and re.match(r"(https?:)?//", address):
                self.fetched.add(address)

    def handle_data(self, data: str) -> None:
        """Take what a style sheet inside the page fetches."""
        if (self.lasttag or "") == "style":
            self.fetched.update(_STYLE.findall(data))


def read_page(text: str) -> Page:
    """What a page has and wants."""
    reader = _Reader()
    reader.feed(text)
    return Page(*map(frozenset, (reader.anchors, reader.links, reader.fetched)))


def faults(site: Path) -> Iterator[str]:
    """What is wrong with a site, a line each."""
    pages = {page: read_page(page.read_text("utf-8")) for page in sorted(site.rglob("*.html"))}
    for path, page in pages.items():
        name = path.relative_to(site)
        yield from (f"{name} fetches {address}" for address in sorted(page.fetched))
        for link in sorted(page.links):
            split = urlsplit(link)
            if split.scheme or split.netloc or name.name == "404.html":
                continue  # elsewhere; or from wherever the page is not found
            file = (path.parent / unquote(split.path)).resolve() if split.path else path
            if file.is_dir():
                file /= "index.html"
            anchor = unquote(split.fragment)
            if not file.is_file():
                yield f"{name} links to {link}, which is not there"
            elif anchor and file in pages and anchor not in pages[file].anchors:
                yield f"{name} links to {link}, which has no such anchor"
    for sheet in sorted(site.rglob("*.css")):
        for address in _STYLE.findall(sheet.read_text(encoding="utf-8")):
            yield f"{sheet.relative_to(site)} fetches {address}"


def main(site: Path) -> int:
    """Print what is wrong, and return how many things that are."""
    found = [*faults(site)]
    sys.stdout.writelines(f"{fault}\n" for fault in found)
    if not found:
        sys.stdout.write(f"{sum(1 for _ in site.rglob('*.html'))} pages, no dead link\n")
    return len(found)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])) > 0)
