"""Runs the notebook of examples/ on a mock server, and compares what it shows with what is kept.

python scripts/notebook.py [--write]

It needs nbclient and ipykernel, which `make examples` installs in an environment of their own.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from llmgate.testing import server

PATH = Path(__file__).resolve().parent.parent / "examples" / "notebook" / "tour.ipynb"
ANSWERS = {
    "the sky": "Air scatters the blue light of the Sun more than its red light.",
    "haiku": "- The tide turns, and goes\n- back to where the evening was\n- *with all its light*",
    "Switzerland": '{"name": "Zürich", "country": "Switzerland", "population": 436000}',
    "France": "Paris",
    "Italy": "Rome",
    "Spain": "Madrid",
}


def answer(request: Any) -> str:
    """What the mock server says to a prompt."""
    prompt = request.body["messages"][-1]["content"]
    return next(text for words, text in ANSWERS.items() if words in prompt)


def run() -> Any:
    """The notebook, with what its cells show now."""
    nbformat: Any = import_module("nbformat")
    notebook = nbformat.read(PATH, as_version=4)
    # by files that no other user can open, where TCP would be open to all of this machine
    config: Any = import_module("traitlets.config").Config(KernelManager={"transport": "ipc"})
    with server(answer) as mock:
        os.environ |= {
            "MODEL": "openai/mock",
            "OPENAI_BASE_URL": mock.base_url("openai"),
            "OPENAI_API_KEY": "none",
        }
        import_module("nbclient").NotebookClient(notebook, timeout=120, config=config).execute()
    for cell in notebook.cells:  # times, which differ from run to run
        cell.metadata.pop("execution", None)
    notebook.metadata.language_info = {"name": "python"}
    return notebook


def main(words: list[str]) -> int:
    """Compare, or write; 1 means that something else is shown than what is kept."""
    kept = PATH.read_text("utf-8")
    shown = json.dumps(run(), indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    if words == ["--write"]:
        PATH.write_text(shown, "utf-8")
        return 0
    if shown == kept:
        print(f"{PATH.name} shows what is kept in it")
        return 0
    for number, (before, now) in enumerate(zip(kept.splitlines(), shown.splitlines()), 1):  # noqa: B905 - up to the end of the shorter one
        if before != now:
            print(f"{PATH.name}:{number}: kept {before.strip()}, shown {now.strip()}")
    print(f"{PATH.name} shows something else than what is kept in it: make examples ARGS=--write")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
