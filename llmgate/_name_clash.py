"""Finds the other project that has llmgate's import name; it imports nothing of ours, as the two
overwrite each other's modules."""

from __future__ import annotations


def name_clash() -> str:
    """What is wrong if a distribution named ``llmgate`` is installed; empty if none is."""
    from importlib.metadata import PackageNotFoundError, distribution  # noqa: PLC0415 - slow

    try:
        distribution("llmgate")
    except PackageNotFoundError:
        return ""
    return (
        "the package 'llmgate' on the public index is another project, which has the same import "
        "name, and it is installed here: uninstall it, then install llmgate-core again"
    )
