"""Describes foreign texts, values and exceptions for error messages; nothing is raised here."""

from __future__ import annotations


def excerpt(text: bytes | str, limit: int = 300) -> str:
    """The beginning of a provider's text, fit for a message or a log line.

    Line ends, terminal escapes and other control characters are escaped, so that a provider can
    forge neither a line of a log nor a terminal's state.
    """
    if isinstance(text, bytes):
        text = text[: limit * 4].decode("utf-8", "backslashreplace")
    escaped = "".join(
        character if character.isprintable() else repr(character)[1:-1]
        for character in text[:limit]
    )
    return escaped + "…" if len(text) > limit else escaped


def describe_error(error: BaseException) -> str:
    """An exception of third-party code: its class, and its text if it has any."""
    kind = type(error).__name__
    try:
        return excerpt(f"{kind}: {error}")
    except Exception:  # noqa: BLE001 - its ``__str__`` is third-party code
        return kind


def describe_value(value: object) -> str:
    """The beginning of a caller's value, fit for a message."""
    try:
        return excerpt(repr(value), 60)
    except Exception:  # noqa: BLE001 - a third-party object; and integers of 5,000 digits have none
        return f"a value of type {type(value).__name__}"


def origin_of(error: BaseException, package: str = "") -> str:
    """Where an exception was raised: ``"package/file.py:41 in function"``; empty if unknown.

    That is the innermost frame in ``package`` or in a package named ``llmgate_…``, or else the
    innermost of all.
    """
    places, traceback = list[tuple[str, str]](), error.__traceback__
    while traceback is not None:
        code, module = traceback.tb_frame.f_code, str(traceback.tb_frame.f_globals["__name__"])
        parts = code.co_filename.replace("\\", "/").split("/")
        depth = module.count(".") + (2 if parts[-1] == "__init__.py" else 1)
        place = f"{'/'.join(parts[-depth:])}:{traceback.tb_lineno} in {code.co_name}"
        places.append((module, place))
        traceback = traceback.tb_next
    own = [each for each in places if f"{each[0]}.".startswith((f"{package}.", "llmgate_"))]
    return excerpt((own or places or [("", "")])[-1][1])
