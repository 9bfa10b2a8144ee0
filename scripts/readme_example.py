"""Print the first Python example of a Markdown file: python scripts/readme_example.py README.md."""

import re
import sys
from pathlib import Path

FENCED = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def first_example(markdown: str) -> str:
    """Return what stands in the first block fenced as python."""
    found = FENCED.search(markdown)
    if found is None:
        raise SystemExit("there is no block that begins with ```python")
    return found[1]


if __name__ == "__main__":
    sys.stdout.write(first_example(Path(sys.argv[1]).read_text(encoding="utf-8")))
