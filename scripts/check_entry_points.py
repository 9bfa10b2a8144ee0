"""Load every entry point of llmgate's groups in this environment, and fail if there is none."""

from importlib.metadata import entry_points

GROUPS = ("llmgate.providers", "llmgate.models")

if __name__ == "__main__":
    for group in GROUPS:
        found = entry_points(group=group)
        if not found:
            raise SystemExit(f"nothing is installed in {group}")
        for entry_point in found:
            if not callable(entry_point.load()):
                raise SystemExit(f"{group}: {entry_point.name} is no callable")
