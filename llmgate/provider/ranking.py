"""Results of a reranking as hosts send them, and whether they fit the documents sent; no I/O."""

from __future__ import annotations

import sys
from typing import Any

from llmgate._text.json import is_number
from llmgate.errors import DecodeError
from llmgate.provider.http import is_array, is_object
from llmgate.reranking import RerankResult

__all__ = ["by_relevance", "results_in"]


def results_in(items: Any, path: str, score: str = "relevance_score") -> list[RerankResult]:
    """The results in a JSON array of objects with ``index`` and a score.

    Documents are left out, since the caller has them; what else an object has is in ``extra``.

    Args:
        items: What the provider sent.
        path: Where it stands in the response, for the error's text.
        score: What the provider calls the score.

    Raises:
        DecodeError: when it is something else.
    """
    if not is_array(items):
        raise DecodeError(f"{path}: expected a list of results, got {type(items).__name__}")
    return [_result(item, f"{path}[{place}]", score) for place, item in enumerate(items)]


def _result(item: Any, path: str, score: str) -> RerankResult:
    if not is_object(item):
        raise DecodeError(f"{path} is not an object")
    index, value = item.get("index"), item.get(score)
    if type(index) is not int:
        raise DecodeError(f"{path}.index is not an integer")
    if not (is_number(value) and abs(value) <= sys.float_info.max):  # of an integer of any size
        raise DecodeError(f"{path}.{score} is not a number")
    known = {"index", score, "document", "text", "object"}
    extra = {name: value for name, value in item.items() if name not in known}
    return RerankResult(index, float(value), extra=extra)


def by_relevance(
    results: list[RerankResult], count: int, most: int | None = None
) -> list[RerankResult]:
    """The results from the highest score to the lowest, each of one of ``count`` documents.

    Documents of the same score are in the order of the call. No more than ``most`` are returned.

    Raises:
        DecodeError: for a document that was not asked about, or that is there twice, and where none
            is there.
    """
    indexes = [result.index for result in results]
    strange = [index for index in indexes if not 0 <= index < count]
    if strange:
        raise DecodeError(f"there is a result for document {strange[0]} of {count}")
    if len({*indexes}) < len(indexes):
        raise DecodeError("there are two results for one document")
    if not results:
        raise DecodeError(f"there is no result for {count} documents")
    ordered = sorted(results, key=lambda each: (-each.relevance_score, each.index))
    return ordered[:most]
