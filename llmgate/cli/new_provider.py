"""``llmgate new-provider``: writes a distribution for a provider, from the files beside it.

It fills in names and nothing else: what it writes is complete, and works against a stub.
"""

from __future__ import annotations

import argparse
import ast
import builtins
import re
from collections.abc import Iterator, Mapping
from keyword import iskeyword
from pathlib import Path
from string import Template
from textwrap import fill, indent

from llmgate.errors import InvalidRequestError, describe_value

__all__ = ["add_arguments", "run"]

_FILES = "new_provider_files"
_SUFFIX = ".template"  # so that no tool takes these files for code or documents of ours
_OURS = ("all", "compatible", "core", "testing")
_LABEL = re.compile(r"[a-z](?:[a-z0-9-]{0,30}[a-z0-9])?")
_STEP = re.compile(r"# Fill in (\d+): (.*(?:\n# (?!Fill in|\[|\").*)*)")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("name", help=argparse.SUPPRESS)
    parser.add_argument(
        "--like",
        choices=("openai",),
        help="the API is OpenAI-compatible: a row is enough",
    )
    parser.add_argument(
        "--directory",
        type=Path,
        default=Path(),
        metavar="PATH",
        help="where to create its folder (.)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the project, and print what to do next, in order.

    Raises:
        InvalidRequestError: for a name that cannot be a provider's, or is one already; and where
            the folder exists.
    """
    words = _words(arguments.name, arguments.like)
    project: Path = arguments.directory / words["distribution"]
    if project.exists():
        raise InvalidRequestError(f"{project} exists already", path="name")
    for kind in ("common", arguments.like or "protocol"):
        _write(_files() / kind, project, words)
    print(_NEXT.format(project=project))
    for number, place, what in sorted(_steps(project)):
        print(f"{number}. {place}", indent(fill(what, 85), "   "), sep="\n")
    return 0


_NEXT = """\
{project} is complete, and passes its tests against a stub. In an environment with llmgate,
llmgate-testing, hatchling and pytest:

    cd {project}
    pip install --no-index --no-deps --no-build-isolation -e .
    pytest

Then fill in, in this order, and run the tests after each step. Those of responses fail from the
moment the code reads the vendor's format until the recordings have it, too:
"""


def _words(name: str, like: str | None) -> Mapping[str, str]:
    """What is filled into the files, by the name that it has there."""
    parts = _checked(name).split("-")
    dependencies = ["llmgate-core>=0.1,<0.2"]
    if like:
        dependencies.append("llmgate-compatible>=0.1,<0.2")
    return {
        "name": name,
        "distribution": f"llmgate-{name}",
        "module": f"llmgate_{name.replace('-', '_')}",
        "class_name": _class_name(name),
        "title": " ".join(part.capitalize() for part in parts),
        "variable": name.upper().replace("-", "_"),
        "dependencies": ", ".join(f'"{each}"' for each in dependencies),
        "claims_step": "4" if like else "10",
    }


def _class_name(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("-"))


def _checked(name: str) -> str:
    """The name, where it can be a provider's.

    Raises:
        InvalidRequestError: saying why it cannot.
    """
    reason = None
    if not _LABEL.fullmatch(name) or "--" in name:
        reason = (
            "expected lower-case letters, digits and single hyphens, a letter first, at most 32"
        )
    elif name in _taken():
        reason = "there is a provider, or a package of llmgate's, of this name already"
    elif _is_needed(_class_name(name)):
        reason = f"{_class_name(name)} would be its class, and is a name that its code needs"
    if reason:
        raise InvalidRequestError(f"{describe_value(name)}: {reason}", path="name")
    return name


def _taken() -> set[str]:
    """The providers that are installed, and what names packages and extras of ours."""
    from llmgate._core.advice import installable  # noqa: PLC0415 - metadata, for this command alone
    from llmgate._core.registry import known_providers  # noqa: PLC0415 - likewise

    return {*known_providers(), *installable(), *_OURS}


def _is_needed(class_name: str) -> bool:
    """Whether Python, or the files that are to be written, use this name for something else."""
    if hasattr(builtins, class_name) or iskeyword(class_name):
        return True
    return any(class_name in _names_in(path) for path in _files().rglob(f"*.py{_SUFFIX}"))


def _names_in(path: Path) -> Iterator[str]:
    """The names that a file imports or reads."""
    template = Template(path.read_text("utf-8"))
    code = template.substitute(dict.fromkeys(template.get_identifiers(), "_"))
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.alias):
            yield node.name
        elif isinstance(node, ast.Name):
            yield node.id


def _files() -> Path:
    return Path(__file__).with_name(_FILES)


def _write(folder: Path, project: Path, words: Mapping[str, str]) -> None:
    for source in sorted(folder.rglob(f"*{_SUFFIX}")):
        parts = source.relative_to(folder).with_suffix("").parts
        target = project.joinpath(*(words["module"] if p == "package" else p for p in parts))
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(Template(source.read_text("utf-8")).substitute(words), "utf-8")
        if target.parent.name == ".ci":
            target.chmod(0o755)


def _steps(project: Path) -> Iterator[tuple[int, str, str]]:
    """What is left to its author: a number, a place, and what to fill in there."""
    for path in project.rglob("*"):
        if path.suffix not in (".py", ".toml"):
            continue
        text = path.read_text("utf-8")
        for found in _STEP.finditer(text):
            line = text.count("\n", 0, found.start()) + 1
            what = found[2].replace("\n# ", " ")
            yield int(found[1]), f"{path.relative_to(project).as_posix()}:{line}", what
