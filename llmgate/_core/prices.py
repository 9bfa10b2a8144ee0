"""A client's prices, and the loading of the public ones beside the event loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmgate.provider.threads import start_in_thread

if TYPE_CHECKING:
    from llmgate.cost import Prices

__all__ = ["as_prices"]


def as_prices(given: Any) -> Prices | None:
    """The prices that a client was given; the public ones are being loaded when it returns.

    Raises:
        InvalidRequestError: naming the price that is wrong.
    """
    if given is None:
        return None
    from llmgate.cost import Prices, load_prices  # noqa: PLC0415 - only for those who have prices

    prices = Prices(given)
    start_in_thread(load_prices)
    return prices
