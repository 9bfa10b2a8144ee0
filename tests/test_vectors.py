"""Vectors: base64 and arrays into floats, and one for each input."""

from __future__ import annotations

import struct
import sys
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgate.embeddings import Embedding, Embeddings
from llmgate.errors import DecodeError, UnsupportedError
from llmgate.provider.vectors import one_for_each, vector_of

FLOATS = st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=20)


def base64_of(numbers: list[float]) -> str:
    return b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


@given(FLOATS)
def test_base64_gives_the_numbers_that_an_array_gives(numbers: list[float]) -> None:
    """Little-endian float32, whatever the machine's own order is."""
    assert numbers == vector_of(numbers, "v") == vector_of(base64_of(numbers), "v")


def test_the_order_of_bytes_is_the_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a big-endian machine the bytes are swapped."""
    other = "little" if sys.byteorder == "big" else "big"
    monkeypatch.setattr(sys, "byteorder", other)
    swapped = b64encode(struct.pack(">2f", 1.5, -2.0)).decode()
    assert [1.5, -2.0] == vector_of(swapped, "v")


def doubles_of(numbers: list[float]) -> str:
    return b64encode(struct.pack(f"<{len(numbers)}d", *numbers)).decode()


def test_signed_bytes() -> None:
    """Where the provider says that its base64 is of them."""
    assert [1.0, 127.0, -128.0, -1.0] == vector_of("AX+A/w==", "v", is_int8=True)
    assert [0.5, 2.0] == vector_of([0.5, 2], "v", is_int8=True)


def test_float64_that_was_float32_is_known_by_its_bits() -> None:
    """Read as float32, the vector would be twice as long, and every number of it wrong."""
    numbers: list[float] = [
        *struct.unpack("<64f", struct.pack("<64f", *(n / 7 for n in range(64))))
    ]
    assert numbers == vector_of(doubles_of(numbers), "v")
    assert numbers == vector_of(base64_of(numbers), "v")


@pytest.mark.parametrize(
    "numbers",
    [
        [0.0] * 64,  # nothing is known of it
        [0.0, *[1.0] * 63],
        [0.0, 1.0] * 32 + [1.0],
        [0.0, 1.0] * 31,  # too short
        [0.0, 0.0, 0.0, 1.0] * 16 + [0.0, 0.0] * 8,  # most are zero
        [0.0, 1.0, 0.1, 1.0] * 16,
        [0.0, 1.0, 2.0**-130, 1.0] * 16,
        [0.0, 1.0, struct.unpack("<f", b"\0\1\0\0")[0], 1.0] * 16,
        [0.0, 1.0, struct.unpack("<f", b"\0\0\1\0")[0], 1.0] * 16,
        [0.0, 1.0, struct.unpack("<f", b"\0\0\0\1")[0], 1.0] * 16,
    ],
)
def test_float32_with_zeros_is_float32(numbers: list[float]) -> None:
    """Unless every second number is zero, and hardly any other."""
    expected = [*struct.unpack(f"<{len(numbers)}f", struct.pack(f"<{len(numbers)}f", *numbers))]
    assert expected == vector_of(base64_of(numbers), "v")


def test_integers_are_numbers() -> None:
    """JSON writes 1.0 as 1; the vector is of floats all the same."""
    assert [float, float] == [type(number) for number in vector_of([1, 0.5], "v")]


@pytest.mark.parametrize(
    "value",
    [None, 1.5, {}, [], "", ["1"], [None], [[0.1]], [10**400], "AAA=", "AAAA", "!!!!", "é" * 4],
)
def test_what_is_no_vector_is_refused(value: Any) -> None:
    """Saying where it stood."""
    with pytest.raises(DecodeError, match=r"^data\[0\]\.embedding: "):
        vector_of(value, "data[0].embedding")


def test_vectors_are_put_in_order() -> None:
    """By their index, as a host may send them in any."""
    sent = [Embedding([float(index)], index) for index in (2, 0, 1)]
    assert [[0.0], [1.0], [2.0]] == [item.embedding for item in one_for_each(sent, 3)]


@pytest.mark.parametrize(
    ("indexes", "got"),
    [
        ([], "got none"),
        ([0], "got 1 with the indexes 0"),
        ([0, 0], "got 2 with the indexes 0, 0"),
        ([1, 2], "got 2 with the indexes 1, 2"),
        ([0, 1, 2], "got 3 with the indexes 0, 1, 2"),
        ([*range(12)], "got 12 with the indexes 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, …"),
    ],
)
def test_a_missing_or_doubled_vector_is_an_error(indexes: list[int], got: str) -> None:
    """Never a wrong vector for a text."""
    with pytest.raises(DecodeError) as caught:
        one_for_each([Embedding([0.5], index) for index in indexes], 2)
    assert f"expected one vector for each of 2 inputs, {got}" == caught.value.message


def test_vectors_of_different_lengths_are_an_error() -> None:
    """They could not be compared."""
    with pytest.raises(DecodeError, match="different lengths"):
        one_for_each([Embedding([0.5], 0), Embedding([0.5, 0.5], 1)], 2)


def test_vectors_are_an_array_where_numpy_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row for each input, in single precision; without numpy the error says so."""
    import numpy

    found = Embeddings([Embedding([0.5, 1.0], 0), Embedding([0.25, -1.0], 1)])
    rows = found.to_numpy()
    assert rows.shape == (2, 2)
    assert rows.dtype == numpy.dtype("float32")
    assert rows.tolist() == found.vectors
    monkeypatch.setitem(sys.modules, "numpy", None)
    with pytest.raises(UnsupportedError, match="needs the package numpy"):
        found.to_numpy()
