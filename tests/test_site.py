"""The manual's site: what it is built of, and what is checked of it once it is built."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import llmgate
from scripts import diagrams, site_build, site_check, site_pages

ROOT = Path(__file__).parents[1]
CONFIGURATION: dict[str, Any] = tomllib.loads((ROOT / "zensical.toml").read_text("utf-8"))


def pages_in(navigation: Any) -> Iterator[str]:
    """The pages that a navigation names, in its order."""
    if isinstance(navigation, str):
        yield navigation
        return
    entries: list[Any] = [*navigation.values()] if hasattr(navigation, "values") else navigation
    for each in entries:
        yield from pages_in(each)


def test_each_page_is_in_the_navigation_once() -> None:
    """Those of docs/, and the READMEs that stand elsewhere; and it names no page that is none."""
    expected = sorted(str(site_pages.place_of(page)) for page in site_pages.source_pages())
    assert expected == sorted(pages_in(CONFIGURATION["project"]["nav"]))


def test_each_public_name_is_in_the_reference() -> None:
    """By itself, or among the public names of a module that is shown."""
    text = "".join(page.read_text("utf-8") for page in (ROOT / "docs/reference").glob("*.md"))
    shown: set[str] = set()
    for path in re.findall(r"^::: (\S+)$", text, re.MULTILINE):
        module, _, name = path.rpartition(".")
        is_name = module == "llmgate" and name in llmgate.__all__
        shown.update([name] if is_name else import_module(path).__all__)
    assert [] == [name for name in llmgate.__all__ if name not in shown]


@pytest.mark.parametrize(
    ("file", "place"),
    [
        ("docs/command-line.md", "command-line.md"),
        ("docs/adr/0001-decoders-yield-chunks.md", "adr/0001-decoders-yield-chunks.md"),
        ("README.md", "project/readme.md"),
        ("examples/rag/README.md", "examples/rag/index.md"),
        ("extras/llmgate-otel/README.md", "packages/llmgate-otel.md"),
        ("plugins/llmgate-openai/README.md", "providers/openai.md"),
        ("plugins/llmgate-compatible/README.md", "packages/llmgate-compatible.md"),
        ("LICENSE", "files/LICENSE.md"),
        ("llmgate/store.py", "files/llmgate/store.py.md"),
    ],
)
def test_where_a_file_stands(file: str, place: str) -> None:
    """Pages of docs/ where they are, others in folders of their own."""
    assert place == str(site_pages.place_of(ROOT / file))


@pytest.mark.parametrize("file", ["docs/none.md", "docs", "../elsewhere.md"])
def test_what_is_no_file_has_no_place(file: str) -> None:
    """A link to it is dead."""
    with pytest.raises(site_pages.DeadLinkError, match="is not a file of this repository"):
        site_pages.place_of((ROOT / file).resolve())


def test_links_lead_to_the_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Out of docs/ and into it; code and links elsewhere stay, and ``run`` is no language."""
    monkeypatch.setattr(site_pages, "ROOT", tmp_path)
    monkeypatch.setattr(site_pages, "DOCS", tmp_path / "docs")
    (tmp_path / "docs").mkdir()
    (tmp_path / "plugins/p").mkdir(parents=True)
    (tmp_path / "code.py").write_text("x = 1\n", "utf-8")
    (tmp_path / "README.md").write_text(
        "# A\n[b](docs/b.md#c) [c](https://x.example/d.md)", "utf-8"
    )
    (tmp_path / "plugins/p/README.md").write_text("[a](../../README.md)", "utf-8")
    page = "# B\n\n## C\n[p](../plugins/p/README.md) [code](../code.py) [c](#c)\n"
    page += "```python run\nf[0](../code.py)\n```\n"
    (tmp_path / "docs/b.md").write_text(page, "utf-8")
    site_pages.prepare(tmp_path / "site")
    written = {
        str(file.relative_to(tmp_path / "site")): file.read_text("utf-8")
        for file in (tmp_path / "site").rglob("*.md")
    }
    expected = {
        "b.md": "# B\n\n## C\n[p](packages/p.md) [code](files/code.py.md) [c](#c)\n"
        "```python\nf[0](../code.py)\n```\n",
        "project/readme.md": "# A\n[b](../b.md#c) [c](https://x.example/d.md)",
        "packages/p.md": "[a](../project/readme.md)",
        "files/code.py.md": site_pages.UNSEARCHED + "# code.py\n\n````python\nx = 1\n````\n",
    }
    assert expected == written


def test_a_dead_link_of_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page and the link are named."""
    monkeypatch.setattr(site_pages, "ROOT", tmp_path)
    monkeypatch.setattr(site_pages, "DOCS", tmp_path)
    (tmp_path / "a.md").write_text("[b](b.md)", "utf-8")
    with pytest.raises(site_pages.DeadLinkError, match=r"a\.md: b\.md: "):
        site_pages.prepare(tmp_path / "site")


def test_faults_of_a_site(tmp_path: Path) -> None:
    """Dead links and anchors, and each thing that a page or style sheet fetches from elsewhere."""
    (tmp_path / "index.html").write_text(
        '<h1 id="a">A</h1><a href="b.html#b">b</a><a href="b.html#c">c</a><a href="d.html">d</a>'
        '<a href="https://x.example">x</a><script src="https://x.example/x.js"></script>'
        '<link rel="stylesheet" href="//x.example/x.css"><link rel="canonical" href="https://x">'
        "<style>@import 'https://x.example/y.css';</style>",
        "utf-8",
    )
    (tmp_path / "b.html").write_text(
        '<p id="b"></p><a href="./#a"></a><img src="none.png">', "utf-8"
    )
    (tmp_path / "x.css").write_text("@font-face { src: url(https://x.example/f.woff) }", "utf-8")
    expected = [
        "b.html links to none.png, which is not there",
        "index.html fetches //x.example/x.css",
        "index.html fetches https://x.example/x.js",
        "index.html fetches https://x.example/y.css",
        "index.html links to b.html#c, which has no such anchor",
        "index.html links to d.html, which is not there",
        "x.css fetches https://x.example/f.woff",
    ]
    assert expected == [*site_check.faults(tmp_path)]


def test_what_is_a_warning() -> None:
    """Whatever is not known to be progress."""
    output = "Build started\nNo issues found\nBuild finished in 3.1s\n"
    assert [] == site_build.warnings_in(output)
    assert ["griffe: x"] == site_build.warnings_in(f"{output}griffe: x\n\n")


def test_the_worker_of_pages_in_files_is_ours(tmp_path: Path) -> None:
    """The script that zensical would fetch from elsewhere is replaced, in every folder."""
    page = tmp_path / "a" / "b.html"
    page.parent.mkdir()
    page.write_text('<script src="https://cdn.example/iframe-worker/shim"></script>', "utf-8")
    site_build.finish(tmp_path)
    assert '<script src="../assets/file-worker.js"></script>' == page.read_text("utf-8")


@pytest.mark.parametrize("name", diagrams.DIAGRAMS)
def test_the_diagrams_are_current(name: str) -> None:
    """What is in docs/assets is what the script draws, and each stands on a page."""
    drawn = diagrams.DIAGRAMS[name]()
    assert drawn == (diagrams.FOLDER / name).read_text("utf-8"), "run: python scripts/diagrams.py"
    pages = (page.read_text("utf-8") for page in (ROOT / "docs").glob("*.md"))
    assert any(f"](assets/{name})" in page for page in pages)
