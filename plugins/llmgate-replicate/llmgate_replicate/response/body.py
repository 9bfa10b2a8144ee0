"""Predictions into completions: state, output, tokens; it invents no finish reason and no count.

Source: https://replicate.com/docs/topics/predictions/lifecycle and
https://replicate.com/docs/reference/http
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from llmgate.errors import DecodeError, excerpt
from llmgate.provider.accumulate import beside
from llmgate.provider.http import HttpResponse, encode_json, is_array, is_object
from llmgate.provider.kit import SideFields, read_json
from llmgate.report import Report
from llmgate.types import Choice, Completion, FinishReason, Message, Usage
from llmgate_replicate.response.errors import error_in, prediction_error
from llmgate_replicate.response.parts import TextReader

__all__ = [
    "Prediction",
    "created_at",
    "decode",
    "is_over",
    "output_text",
    "read_prediction",
    "rest_of",
    "usage_of",
]

Prediction = Mapping[str, Any]

_ENDS = frozenset({"succeeded", "failed", "canceled", "aborted"})


def read_prediction(response: HttpResponse, report: Report | None = None) -> dict[str, Any]:
    """The prediction that a response describes, in whatever state.

    Raises:
        ProviderError: when an error was sent with status 200.
        DecodeError: when it describes none.
    """
    payload = read_json(response.body)
    fields = SideFields(payload, report)
    identifier, status = fields.text("id"), fields.payload.get("status")
    if identifier and isinstance(status, str):
        return {**fields.payload, "id": identifier}
    error = error_in(payload)
    if error is not None:
        raise error
    reason = f"the response is not a prediction: {excerpt(response.body)}"
    raise DecodeError(reason, frame=response.body)


def is_over(prediction: Prediction) -> bool:
    """Whether nothing will change any more; of a state that is not known here, its date tells."""
    return prediction["status"] in _ENDS or prediction.get("completed_at") is not None


def decode(
    response: HttpResponse,
    reader: TextReader,
    *,
    model: str,
    limit: int | None = None,
    report: Report | None = None,
) -> Completion:
    """The completion of a prediction that is over.

    Args:
        response: The prediction, as it came.
        reader: Reads the text of this one completion.
        model: Its name, should the prediction not name it.
        limit: The number of tokens at which the model stops, where it is known.
        report: The call's report, for odd values beside the text.

    Raises:
        ProviderError: when it failed or was cancelled.
        DecodeError: when it is not over, or its output is no text.
    """
    prediction = read_prediction(response, report)
    _check_has_output(prediction, response)
    first, last = reader.feed(output_text(prediction.get("output"))), reader.close()
    reasoning, text = first[0] + last[0], first[1] + last[1]
    message = Message(content=text, reasoning_content=reasoning or None)
    usage = usage_of(prediction, report)
    reason = _finish_reason(prediction, usage, reader, limit)
    choice = Choice(message, finish_reason=reason, native_finish_reason=prediction["status"])
    own = prediction.get("model")
    return Completion(
        choices=[choice],
        id=prediction["id"],
        created=created_at(prediction),
        model=own if isinstance(own, str) else model,
        usage=usage,
        extra=rest_of(prediction),
    )


def _check_has_output(prediction: Prediction, response: HttpResponse) -> None:
    """Refuse a prediction that has no output, or not all of it yet."""
    status, output = prediction["status"], prediction.get("output")
    if not is_over(prediction):
        raise DecodeError("the prediction has not ended", frame=response.body)
    if status in _ENDS - {"succeeded"} or (status not in _ENDS and output is None):
        text = prediction.get("error")
        raise prediction_error(status, text if isinstance(text, str) else None)
    if output is None and prediction.get("data_removed") is True:
        raise DecodeError("the prediction's output has been deleted", frame=response.body)


def output_text(output: Any) -> str:
    """The text of an output: a text, the pieces of one, or an object that holds one.

    Raises:
        DecodeError: for anything else.
    """
    if output is None:
        return ""  # a model may have nothing to say
    if isinstance(output, str):
        return output
    if is_array(output) and all(isinstance(piece, str) for piece in output):
        return "".join(output)
    if is_object(output) and isinstance(output.get("text"), str):
        return str(output["text"])
    if is_object(output) and output.get("json_output") is not None:
        return encode_json(output["json_output"]).decode()
    raise DecodeError(f"the output is no text: {excerpt(repr(output))}", frame=encode_json(output))


def _finish_reason(
    prediction: Prediction, usage: Usage | None, reader: TextReader, limit: int | None
) -> FinishReason:
    """A success is ``stop``, unless as many tokens were counted as were allowed."""
    if prediction["status"] != "succeeded":
        return "other"
    is_full = usage is not None and limit is not None and usage.completion_tokens >= limit
    return "length" if is_full and not reader.is_stopped else "stop"


def usage_of(prediction: Prediction, report: Report | None = None) -> Usage | None:
    """The tokens that were counted; only language models have such metrics, and not all do."""
    metrics = SideFields(prediction, report).object("metrics")
    prompt = metrics.integer("input_token_count")
    completion = metrics.integer("output_token_count")
    if prompt is None or completion is None:
        return None
    return Usage(prompt, completion, prompt + completion)


def created_at(prediction: Prediction) -> int:
    """When it was made, in seconds since 1970; 0 where it does not say."""
    try:
        seconds = str(prediction.get("created_at"))[: len("2026-01-01T00:00:00")]
        return int(datetime.fromisoformat(f"{seconds}+00:00").timestamp())
    except ValueError:
        return 0


def rest_of(prediction: Prediction) -> dict[str, Any]:
    """What has no place of its own in a completion, as it came.

    Names that mean something else there are kept apart, under ``prediction``.
    """
    output, model = prediction.get("output"), prediction.get("model")
    read = {"id"}
    if output is None or isinstance(output, str | list):
        read.add("output")
    if isinstance(model, str):
        read.add("model")
    others = {key: value for key, value in prediction.items() if key not in read}
    return beside(others, Completion, "prediction")
