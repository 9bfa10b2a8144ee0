"""Ask for known vulnerabilities of what a requirements file pins: python scripts/audit.py FILE.

It runs pip-audit, which installs nothing, and fails when there is a vulnerability. Where the
service cannot be reached, or knows nothing, it says so in one line, and does not fail.
"""

import json
import re
import subprocess
import sys
from typing import Any

PATIENCE = 60
"""Seconds for all of it."""
NOT_REACHED = re.compile("connection|timed? ?out|resolve|unreachable|service ?error|proxy", re.I)
"""What pip-audit's last words are like where it could not ask."""


def verdict(report: Any, last_words: str) -> tuple[int, str]:
    """What to exit with and what to say, for pip-audit's report; None when it made none."""
    if report is None and not NOT_REACHED.search(last_words):
        return 2, f"audit: pip-audit failed: {last_words}"
    packages: list[dict[str, Any]] = report["dependencies"] if report else []
    asked = [package for package in packages if "skip_reason" not in package]
    found = [
        f"{package['name']} {package['version']}: {fault['id']}, mended in "
        f"{', '.join(fault.get('fix_versions') or ['no version yet'])}"
        for package in asked
        for fault in package.get("vulns", ())
    ]
    if found:
        return 1, "\n".join(("audit: vulnerabilities are known", *found))
    if not asked:
        return (
            0,
            "audit: nothing was checked: the vulnerability service cannot be reached",
        )
    left = len(packages) - len(asked)
    return 0, f"audit: no vulnerability is known of {len(asked)} packages; {left} were not checked"


def report_on(requirements: str) -> tuple[Any, str]:
    """pip-audit's report on a file, None when it made none; and its last words."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", requirements, "--format", "json"]
    command += ["--require-hashes", "--disable-pip", "--progress-spinner", "off", "--timeout", "15"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        return None, f"timed out after {PATIENCE} s"
    try:
        return json.loads(done.stdout), ""
    except ValueError:
        return None, "".join(done.stderr.strip().splitlines()[-1:])


def main() -> int:
    """Audit the file that is named."""
    code, said = verdict(*report_on(sys.argv[1]))
    print(said)
    return code


if __name__ == "__main__":
    raise SystemExit(main())
