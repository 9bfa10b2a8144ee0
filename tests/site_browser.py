"""The built site in a real browser: `make docs-test` builds it and runs this.

The browser is Debian's chromium, driven by playwright; neither is in the environment of the other
tests. Nothing here asks a host other than this machine.
"""

from __future__ import annotations

import functools
import http.server
import shutil
import threading
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus, urlsplit

import pytest

SITE = Path(__file__).parents[1] / ".site" / "html"
PAGES = sorted(str(page.relative_to(SITE)) for page in SITE.rglob("*.html"))
PHONE = {"width": 390, "height": 844}
WIDE = {"width": 1400, "height": 1000}
_OVERFLOW = """() => {
  const width = document.documentElement.clientWidth;
  const scrolls = node => node && node !== document.body
    && (getComputedStyle(node).overflowX !== "visible" || scrolls(node.parentElement));
  const found = [...document.querySelectorAll(".md-content *, .md-header *, .md-footer *")]
    .filter(node => node.getBoundingClientRect().right > width + 1 && !scrolls(node.parentElement))
    .map(node => node.outerHTML.slice(0, 200));
  return document.documentElement.scrollWidth > width ? ["the document", ...found] : found;
}"""
MOST_RESULTS = 5
"""How many pages of the results somebody looks at."""


class _Quiet(http.server.SimpleHTTPRequestHandler):
    """A server of files that says nothing."""

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture(name="address", scope="session")
def _address() -> Iterator[str]:
    """Where the site is."""
    assert PAGES, "there is no site: run make docs"
    handler = functools.partial(_Quiet, directory=str(SITE))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(name="browser", scope="session")
def _browser() -> Iterator[Any]:
    """Debian's chromium."""
    chromium = shutil.which("chromium")
    assert chromium, "this needs Debian's package chromium"
    playwright: Any = import_module("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


class Watched:
    """A page of the browser, and what went wrong in it."""

    def __init__(self, browser: Any, **settings: Any) -> None:
        self.context = browser.new_context(viewport=WIDE, **settings)
        self.context.set_default_timeout(20_000)
        self.page = self.context.new_page()
        self.faults: list[str] = []
        self.page.on("console", self._hear)
        self.page.on("pageerror", self._catch)
        self.page.on("request", self._see)
        self.page.on("requestfailed", self._miss)

    def _hear(self, message: Any) -> None:
        if message.type in {"error", "warning"}:
            self.faults.append(f"{message.type}: {message.text}")

    def _catch(self, error: Any) -> None:
        self.faults.append(str(error))

    def _miss(self, request: Any) -> None:
        # Leaving a page ends what it still loads: that is the reader's doing, not the site's.
        if request.failure != "net::ERR_ABORTED":
            self.faults.append(f"failed: {request.url}: {request.failure}")

    def _see(self, request: Any) -> None:
        split = urlsplit(str(request.url))
        if split.scheme not in {"data", "blob", "file", "about"} and split.hostname != "127.0.0.1":
            self.faults.append(f"asks another host: {request.url}")

    def overflow(self) -> list[str]:
        """What is wider than the window, and cannot be scrolled by itself."""
        found: list[str] = self.page.evaluate(_OVERFLOW)
        return found


@pytest.fixture(name="watched", scope="session")
def _watched(browser: Any) -> Watched:
    """One page for all that need no state of their own."""
    return Watched(browser)


def brightness(watched: Watched) -> float:
    """How light the page's background is, from 0 to 1."""
    colour = watched.page.evaluate("getComputedStyle(document.body).backgroundColor")
    parts = [float(part) for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    return sum(parts) / 3 / 255


@pytest.mark.parametrize("name", PAGES)
def test_a_page_renders(watched: Watched, address: str, name: str) -> None:
    """Without an error, with a copy button for each block of code, and never wider than the
    window: on a wide screen, on a phone, and in the dark."""
    watched.faults.clear()
    page = watched.page
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(WIDE)
    page.goto(f"{address}/{name}", wait_until="load")
    assert page.locator("h1").count() >= 1
    assert page.locator("h1").first.inner_text().strip()
    blocks = page.locator("pre > code").count()
    page.wait_for_function(
        "count => document.querySelectorAll('.md-code__button').length === count", arg=blocks
    )
    assert brightness(watched) > 0.9
    wide = watched.overflow()
    page.set_viewport_size(PHONE)
    phone = watched.overflow()
    page.emulate_media(color_scheme="dark")
    page.wait_for_function("document.body.dataset.mdColorScheme === 'slate'")
    assert [] == watched.faults
    assert ([], [], []) == (wide, phone, watched.overflow())
    assert brightness(watched) < 0.1


def test_the_copy_button_copies(browser: Any, address: str) -> None:
    """The text of its block, as it is in the page's source."""
    watched = Watched(browser, permissions=["clipboard-read", "clipboard-write"])
    page = watched.page
    page.goto(f"{address}/project/readme.html")
    for number in (0, 3):
        block = page.locator("pre > code").nth(number)
        block.hover()
        page.locator("pre").nth(number).locator("xpath=..").locator(
            ".md-code__button"
        ).first.click()
        expected = block.text_content().rstrip("\n")
        page.wait_for_function(
            "async text => (await navigator.clipboard.readText()).trimEnd() === text", arg=expected
        )
    assert [] == watched.faults
    watched.context.close()


def test_the_dark_is_chosen_by_a_button(browser: Any, address: str) -> None:
    """It is kept from page to page."""
    watched = Watched(browser, color_scheme="light")
    page = watched.page
    page.goto(f"{address}/calls.html")
    page.locator(".md-code__button").first.wait_for()  # the script has run
    assert brightness(watched) > 0.9
    button = page.locator("[data-md-component=palette] label:visible")
    for following in ("__palette_2", "__palette_0"):  # always light, then always dark
        button.click()
        page.locator(f"label[for={following}]:visible").wait_for()
    for name in ("calls", "limits"):
        page.goto(f"{address}/{name}.html")
        page.wait_for_function("document.body.dataset.mdColorScheme === 'slate'")
        assert brightness(watched) < 0.1
    assert [] == watched.faults
    watched.context.close()


# What somebody types who has one of the twenty questions that the manual is to answer, and the page
# that answers it.
SEARCHES = [
    ("install pypi", "installing.html"),
    ("image pdf", "images-and-files.html"),
    ("audio input", "audio.html"),
    ("embeddings", "embeddings.html"),
    ("moderation", "what-it-does-not-do.html"),
    ("ollama", "providers/ollama.html"),
    ("vllm", "each-host.html"),
    ("many calls at once", "many-calls.html"),
    ("fastapi", "web-services.html"),
    ("proxy", "proxies-and-certificates.html"),
    ("usage fields", "reference/types.html"),
    ("acompletion parameters", "reference/llmgate.html"),
    ("reasoning effort", "reasoning.html"),
    ("prompt caching", "prompt-caching.html"),
    ("FakeProvider", "testing.html"),
    ("preview request", "calls.html"),
    ("store a conversation", "conversations.html"),
    ("MessageParam", "reference/messages.html"),
    ("logging", "logging-and-traces.html"),
    ("command line", "command-line.html"),
    ("prices", "cost.html"),
    ("context window", "models-and-tokens.html"),
    ("windows macos", "installing.html"),
    ("cancel ctrl-c", "timeouts-and-cancellation.html"),
    ("write a provider", "providers.html"),
]


def found_by(watched: Watched, words: str) -> list[str]:
    """The first pages among the results, each once, in their order."""
    page = watched.page
    box = page.get_by_role("combobox", name="Search")
    for _ in range(100):  # a button that is pressed before its script has run does nothing
        if not box.is_visible():
            page.locator(".md-search__button").click()
            page.wait_for_timeout(100)
    box.fill(words)
    links = page.locator(f'a[href*="?h={quote_plus(words)}"]')
    links.first.wait_for()
    addresses: list[str] = links.evaluate_all("links => links.map(link => link.href)")
    root = page.evaluate("new URL('.', location).href")
    names = [each.removeprefix(root).partition("?")[0] for each in addresses]
    return [*dict.fromkeys(names)][:MOST_RESULTS]


@pytest.mark.parametrize(("words", "page"), SEARCHES, ids=lambda value: value)
def test_the_search_finds(watched: Watched, address: str, words: str, page: str) -> None:
    """The page that answers, among the first."""
    watched.faults.clear()
    watched.page.set_viewport_size(WIDE)
    watched.page.goto(f"{address}/index.html")
    assert page in found_by(watched, words)
    assert [] == watched.faults


def test_the_search_works_in_files(browser: Any) -> None:
    """Where no server is, as where one is."""
    watched = Watched(browser)
    watched.page.goto(f"{SITE.as_uri()}/index.html")
    assert "reference/llmgate.html" in found_by(watched, "parallel_tool_calls")
    assert [] == watched.faults
    watched.context.close()
