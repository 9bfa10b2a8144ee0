"""Bedrock's hosts, and the region of a call; it reads nothing and sends nothing.

Source: https://docs.aws.amazon.com/general/latest/gr/bedrock.html
"""

from __future__ import annotations

import re
from urllib.parse import quote

from llmgate.errors import InvalidRequestError

__all__ = ["hosts_of", "model_path", "region_in", "runtime_url"]

_REGION = re.compile(r"[a-z]{2,4}(?:-[a-z]+)+-\d{1,2}")
_ARN = re.compile(r"arn:aws[a-z-]*:(?:bedrock|sagemaker):([a-z0-9-]+):")
_HOST = re.compile(
    r"https://((?:vpce-[a-z0-9-]+\.)?bedrock(?:-runtime)?(?:-fips)?\.([a-z0-9-]+)"
    r"\.(?:vpce\.)?amazonaws\.com(?:\.cn)?)(?::\d+)?(?:[/?].*)?"
)


def runtime_url(region: str) -> str:
    """The address of calls in a region.

    Raises:
        InvalidRequestError: for what is not a region.
    """
    if not _REGION.fullmatch(region):
        raise InvalidRequestError(f"{region!r:.60} is not a region of AWS", path="region")
    return f"https://bedrock-runtime.{region}.amazonaws.com{'.cn' if region[:3] == 'cn-' else ''}"


def hosts_of(url: str) -> tuple[str, ...]:
    """The host of an address and the one that has its lists, if they are Bedrock's own: below the
    same domain there are those of AWS's customers."""
    found = _HOST.fullmatch(url)
    return (found[1], found[1].replace("-runtime", "", 1)) if found else ()


def region_in(text: str) -> str | None:
    """The region that an ARN, or the host of an address, names; None where it names none."""
    found = _ARN.match(text) or _HOST.fullmatch(text)
    return found[found.re.groups] if found else None


def model_path(model: str, operation: str) -> str:
    """The path of an operation: a model's id is one segment of it, also where it is an ARN."""
    return f"/model/{quote(model, safe='')}/{operation}"
