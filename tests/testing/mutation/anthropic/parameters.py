"""What is sent to Anthropic for each parameter."""

from __future__ import annotations

from tests.testing.mutation.anthropic.sent import SAMPLED, golden

__all__ = ["PARAMETERS"]

PARAMETERS = [
    golden("plain", {}),
    golden(
        "default limit",
        {"max_tokens": ..., "stream": True},
        ["max_tokens defaulted"],
        max_tokens=64_000,
        stream=True,
    ),
    golden("other limit", {"max_tokens": ..., "max_completion_tokens": 7}, max_tokens=7),
    golden("two limits", {"max_completion_tokens": 7}, ["max_tokens dropped"], max_tokens=7),
    golden(
        "too much",
        {"max_tokens": 70_000},
        ["max_tokens clamped", "stream injected"],
        max_tokens=64_000,
        stream=True,
    ),
    golden("long", {"max_tokens": 21_334}, ["stream injected"], max_tokens=21_334, stream=True),
    golden("not too long", {"max_tokens": 21_333}, max_tokens=21_333),
    golden(
        "foreign model",
        {"model": "mistral-large", "max_tokens": 9_000, "temperature": 0.5, "top_p": 0.5},
        version=SAMPLED,
        model="mistral-large",
        max_tokens=9_000,
        temperature=0.5,
        top_p=0.5,
    ),
    golden(
        "temperature",
        {"temperature": 1.5, "top_p": 0.5},
        ["temperature clamped", "top_p dropped"],
        version=SAMPLED,
        temperature=1,
    ),
    golden(
        "no sampling",
        {"model": "claude-opus-4-7", "temperature": 0.5, "top_p": 0.5},
        ["temperature dropped", "top_p dropped"],
        model="claude-opus-4-7",
    ),
    golden(
        "sampling while thinking",
        {"model": "claude-sonnet-4-6", "temperature": 0.5, "reasoning_effort": "high"},
        ["reasoning_effort converted", "temperature dropped"],
        model="claude-sonnet-4-6",
        thinking={"type": "adaptive"},
        output_config={"effort": "high"},
    ),
    golden(
        "a completion limit that is too high",
        {"max_tokens": ..., "max_completion_tokens": 70_000},
        ["max_completion_tokens clamped", "stream injected"],
        max_tokens=64_000,
        stream=True,
    ),
    golden(
        "one more than its scale",
        {"temperature": 1.0001},
        ["temperature clamped"],
        version=SAMPLED,
        temperature=1,
    ),
    golden(
        "sampling beside a field of its own",
        {"temperature": 0.5, "extra_body": {"thinking": {"type": "enabled"}}},
        ["temperature dropped"],
        thinking={"type": "enabled"},
    ),
    golden("stop", {"stop": "a"}, stop_sequences=["a"]),
    golden("stops", {"stop": ["a", " ", "b"]}, ["stop[1] dropped"], stop_sequences=["a", "b"]),
    golden("user", {"user": "u-1"}, metadata={"user_id": "u-1"}),
    golden(
        "two users",
        {"user": "u-1", "safety_identifier": "s-1"},
        ["user dropped"],
        metadata={"user_id": "s-1"},
    ),
    golden("address", {"user": "a@b.invalid"}, ["user dropped"]),
    golden("telephone", {"user": "+41 44 000 00 00"}, ["user dropped"]),
    golden("tier", {"service_tier": "default"}, service_tier="standard_only"),
    golden("own tier", {"service_tier": "auto"}, service_tier="auto"),
    golden("no such tier", {"service_tier": "flex"}, ["service_tier dropped"]),
    golden("modalities", {"modalities": ["text"]}, ["modalities dropped"]),
    golden(
        "stream",
        {"stream": True, "stream_options": {"include_usage": True}},
        stream=True,
    ),
    golden(
        "options of a stream",
        {"stream": True, "stream_options": {"include_obfuscation": True}},
        ["stream_options.include_obfuscation dropped"],
        stream=True,
    ),
    golden(
        "extra body",
        {"user": "u-1", "extra_body": {"metadata": {"a": 1}, "top_k": 5}},
        version=SAMPLED,
        metadata={"user_id": "u-1", "a": 1},
        top_k=5,
    ),
]
