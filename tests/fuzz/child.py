"""One fuzz target under atheris, in a process of its own: python -m tests.fuzz.child NAME ….

What follows the name goes to libFuzzer as it is. It is started by ``python -m tests.fuzz``.
"""

from __future__ import annotations

import pkgutil
import sys
from importlib import import_module
from typing import Any

PACKAGES = (
    "llmgate",
    "llmgate_anthropic",
    "llmgate_azure",
    "llmgate_bedrock",
    "llmgate_cohere",
    "llmgate_gemini",
    "llmgate_huggingface",
    "llmgate_mistral",
    "llmgate_ollama",
    "llmgate_openai",
    "llmgate_replicate",
)
_LEFT_OUT = ("llmgate.cli", "llmgate.testing.conformance", "llmgate.testing._")
_HALF = 2
_PRIME = 2_654_435_761


def main() -> None:
    """Import the code under test with counters in it, and hand the target over to libFuzzer."""
    atheris: Any = import_module("atheris")
    with atheris.instrument_imports(include=list(PACKAGES)):
        for name in PACKAGES:
            package = import_module(name)
            for found in pkgutil.walk_packages(package.__path__, f"{name}."):
                if not found.name.startswith(_LEFT_OUT):
                    import_module(found.name)
        targets = import_module("tests.fuzz.targets").TARGETS
    from tests.fuzz.mutate import mutated  # after the instrumentation

    name, *arguments = sys.argv[1:]

    def mutate(data: bytes, largest: int, seed: int) -> bytes:
        """Every other time what knows JSON, else what knows nothing."""
        if seed % _HALF:
            changed = mutated(data, seed * _PRIME)
            if changed is not None and len(changed) <= largest:
                return changed
        return bytes(atheris.Mutate(data, largest))

    atheris.Setup([sys.argv[0], *arguments], targets[name].make(), custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
