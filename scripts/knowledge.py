"""Writes the facts about models that llmgate-compatible ships, from a checkout of models.dev.

python scripts/knowledge.py CHECKOUT            # write them
python scripts/knowledge.py CHECKOUT --compare  # print what differs from those that are shipped

Of each model of the hosts that we know: its limits, what it takes, and its status. No prices.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

FILE = (
    Path(__file__).resolve().parent.parent
    / "plugins/llmgate-compatible/llmgate_compatible/models.json"
)
HOSTS = {
    **{
        name: name
        for name in (
            *("anthropic", "baseten", "cerebras", "chutes", "cohere", "databricks", "deepinfra"),
            *("deepseek", "friendli", "groq", "inception", "minimax", "mistral", "nebius"),
            *("nvidia", "openai", "openrouter", "ovhcloud", "perplexity", "scaleway", "upstage"),
            *("venice", "wandb", "xai", "xiaomi", "zai", "digitalocean", "poe"),
        )
    },
    "alibaba": "dashscope",
    "amazon-bedrock": "bedrock",
    "cloudflare-workers-ai": "cloudflare",
    "fireworks-ai": "fireworks",
    "google": "gemini",
    "inference": "inference-net",
    "moonshotai": "moonshot",
    "novita-ai": "novita",
    "siliconflow": "siliconflow",
    "snowflake-cortex": "snowflake",
    "stepfun": "stepfun",
    "togetherai": "together",
}
"""The names of our providers, by those of models.dev."""
FLAGS = {"tool_call": "tools", "structured_output": "schema", "reasoning": "reasoning"}


def facts_in(checkout: Path) -> dict[str, Any]:
    """All facts, by provider and model."""
    models: dict[str, dict[str, Any]] = {}
    for theirs, ours in sorted(HOSTS.items(), key=lambda each: each[1]):
        folder = checkout / "providers" / theirs / "models"
        found = {
            str(path.relative_to(folder).with_suffix("")): facts_of(checkout, path)
            for path in sorted(folder.rglob("*.toml"))
        }
        models[ours] = {name: facts for name, facts in found.items() if facts}
    commit, date = (git(checkout, f"--format={what}") for what in ("%H", "%cs"))
    return {"source": "models.dev", "commit": commit, "date": date, "models": models}


def facts_of(checkout: Path, path: Path) -> dict[str, Any]:
    """What one file says, with what the file says that it is based on."""
    try:
        model = tomllib.loads(path.read_text("utf-8"))
    except tomllib.TOMLDecodeError:
        return {}  # a link to another file, where links are checked out as texts
    base = checkout / "models" / f"{model.get('base_model', '')}.toml"
    before = tomllib.loads(base.read_text("utf-8")) if "base_model" in model else {}
    limit = {**before.get("limit", {}), **model.get("limit", {})}
    inputs = {**before.get("modalities", {}), **model.get("modalities", {})}.get("input")
    both = {**before, **model}
    facts = {
        "context_window": limit.get("context") or None,
        "max_output": limit.get("output") or None,
        **{ours: both.get(theirs) for theirs, ours in FLAGS.items()},
        "vision": None if inputs is None else "image" in inputs,
        "audio": None if inputs is None else "audio" in inputs,
        "status": both.get("status"),
    }
    return {name: value for name, value in facts.items() if value is not None}


def git(checkout: Path, what: str) -> str:
    """What git says of the newest commit."""
    command = ["git", "-C", str(checkout), "log", "-1", what]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()


def written(facts: dict[str, Any]) -> str:
    """The file: a model a line."""
    head = {name: value for name, value in facts.items() if name != "models"}
    lines = [
        f"{json.dumps(host)}: {{\n"
        + ",\n".join(f"{json.dumps(name)}: {json.dumps(each)}" for name, each in models.items())
        + "\n}"
        for host, models in facts["models"].items()
    ]
    return f'{json.dumps(head)[:-1]}, "models": {{\n' + ",\n".join(lines) + "\n}}\n"


def compare(new: dict[str, Any]) -> None:
    """Print what differs between the newest facts and those that are shipped."""
    shipped = json.loads(FILE.read_text("utf-8"))["models"]
    for host, models in new["models"].items():
        for name in sorted({*models, *shipped.get(host, {})}):
            before, after = shipped.get(host, {}).get(name), models.get(name)
            if before != after:
                print(f"{host}/{name}: {before} -> {after}")


if __name__ == "__main__":
    read = facts_in(Path(sys.argv[1]))
    if "--compare" in sys.argv[2:]:
        compare(read)
    else:
        FILE.write_text(written(read), encoding="utf-8")
