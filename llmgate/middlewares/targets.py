"""The targets of a router, and the state of each; it chooses and sends nothing."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar, Unpack, cast

from llmgate._core.check import check_name, check_parameters
from llmgate._core.prepare import hide_credentials, set_call_options
from llmgate._core.remembered import shallow_copy
from llmgate._core.settings import as_hedge_after, is_iterable
from llmgate._text.json import is_mapping, is_number
from llmgate.errors import (
    InvalidRequestError,
    LLMGateError,
    QuotaExceededError,
    RateLimitError,
)
from llmgate.options import CallOptions, ChatCall, ChatParameters

if TYPE_CHECKING:
    from llmgate.embeddings import EmbeddingCall
    from llmgate.middlewares.cooldowns import SharedCooldown
    from llmgate.middlewares.target_limits import TargetLimits

__all__ = ["Cooldown", "Route", "Target", "TargetState"]

Call = TypeVar("Call", bound="ChatCall | EmbeddingCall")


class Target:
    """A model that a router may send calls to, with its settings for them.

    Args:
        model: ``provider/model``.
        weight: How often it is chosen, in proportion to others of the same priority.
        priority: Targets with the lowest number are tried first.
        price: What it costs, in any unit that is the same for all targets; for choosing the
            cheapest.
        rpm: How many requests it may receive per minute. At the limit, other targets are asked; if
            all are at their limits, a call waits for the first that has room.
        tpm: How many tokens per minute, likewise; they are estimated as in
            :class:`~.limits.Limits`.
        options: Other arguments of ``acompletion``: ``api_key``, ``base_url``, ``timeout`` (of this
            target alone), ``max_retries``, parameters, …; the call's own parameters override these.

    Raises:
        InvalidRequestError: naming what is wrong.
    """

    def __init__(
        self,
        model: str,
        *,
        weight: float = 1.0,
        priority: int = 1,
        price: float | None = None,
        rpm: float | None = None,
        tpm: float | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        hide_credentials(options)
        if type(model) is not str or not model.strip():
            raise InvalidRequestError.expected("'provider/model'", model, "target.model")
        if not _is_amount(weight) or weight == 0:
            raise InvalidRequestError.expected("a number above 0", weight, "target.weight")
        if price is not None and not _is_amount(price):
            raise InvalidRequestError.expected("a number of 0 or more", price, "target.price")
        if type(priority) is not int:
            raise InvalidRequestError.expected("an integer", priority, "target.priority")
        for name, value in (("rpm", rpm), ("tpm", tpm)):
            if value is not None and not (_is_amount(value) and value):
                raise InvalidRequestError.expected("a number above 0", value, f"target.{name}")
        self.model, self.weight, self.priority, self.price = model, weight, priority, price
        self.rpm, self.tpm = rpm, tpm
        self._given, self._is_plain = _given(options), not options
        self._provider = provider_in(model)
        self.hedge_after = self._given.hedge_after
        """Its own number of seconds until another target is asked as well, if it has one."""

    @property
    def timeout(self) -> float | None:
        """Its own limit for a call, in seconds, if it has one."""
        limit = self._given.timeout
        return None if limit is None else limit.total

    def retries_of(self, call: ChatCall | EmbeddingCall) -> int | None:
        """How often a call is retried here, if the target or the call says so."""
        given = self._given.max_retries
        return call.max_retries if given is None else given

    def applied(self, call: Call, retries: int | None) -> Call:
        """A call as it is sent to this target, with this number of retries.

        The key and the address of a call are for the provider that the caller named; another
        provider gets those of its target.
        """
        asked = shallow_copy(call)
        asked.model, asked.max_retries = self.model, retries
        asked.fallbacks, asked.hedge_after = (), None
        if call.settings and self._provider != provider_in(call.model):
            asked.settings = {}
        if not self._is_plain:
            self._apply(asked)
        return asked

    def _apply(self, call: ChatCall | EmbeddingCall) -> None:
        """Apply this target's own settings to a call."""
        given = self._given
        call.timeout = given.timeout or call.timeout
        call.extra_headers = {**given.extra_headers, **call.extra_headers}
        call.extra_body = {**given.extra_body, **call.extra_body}
        call.settings = given.settings or call.settings
        if isinstance(call, ChatCall) and given.parameters:
            call.parameters = {**given.parameters, **call.parameters}

    def __repr__(self) -> str:
        return f"Target({self.model!r}, weight={self.weight}, priority={self.priority})"


def _is_amount(value: object) -> bool:
    return is_number(value) and 0 <= value < math.inf


def _given(options: CallOptions) -> ChatCall:
    """A target's options, as an empty call that has them."""
    chat = dict[str, Any]()
    own = dict[str, Any]()
    for name, value in options.items():
        if value is None:
            continue
        if name not in CallOptions.__annotations__:
            check_name(name)
        (chat if name in ChatParameters.__annotations__ else own)[name] = value
    call = ChatCall("", [])
    set_call_options(call, own)
    call.hedge_after = as_hedge_after(own.get("hedge_after"))
    if chat:
        call.parameters = check_parameters(chat, [])
    return call


def provider_in(model: str) -> str:
    """The provider that a model's name begins with, if any."""
    return model.partition("/")[0] if "/" in model else ""


@dataclass(frozen=True)
class Route:
    """The targets behind one name.

    ``choose`` is how one is chosen, if not as by the router. ``context_window`` and
    ``content_filter`` are models, or names of other routes, for calls that failed with a
    :class:`~llmgate.errors.ContextWindowError` or a :class:`~llmgate.errors.ContentFilterError`.
    ``hedge_after`` is in seconds, as for a call; calls and targets may override it.
    """

    targets: Iterable[Target | str]
    choose: Any = None
    context_window: Iterable[str] = ()
    content_filter: Iterable[str] = ()
    hedge_after: float | None = None


@dataclass(frozen=True)
class Cooldown:
    """How long a target that failed is left alone, in seconds.

    A rate limit starts a cooldown at once, for as long as the provider says. Other failures start
    one after ``failures`` in a row, for ``seconds``, doubled after each failed probe. A cooldown is
    never longer than ``longest``, which is used for an exhausted quota.
    """

    failures: int = 3
    seconds: float = 5.0
    longest: float = 300.0

    def __post_init__(self) -> None:
        if type(self.failures) is not int or self.failures < 1:
            raise InvalidRequestError.expected(
                "an integer above 0", self.failures, "cooldown.failures"
            )
        for name, value in (("seconds", self.seconds), ("longest", self.longest)):
            if not (_is_amount(value) and value):
                raise InvalidRequestError.expected("a number above 0", value, f"cooldown.{name}")


@dataclass(eq=False)
class TargetState:
    """The state of a target in a router, by the clock of :func:`time.monotonic`.

    ``busy`` is how many calls it has now, ``failures`` how many failed in a row, and
    ``cooling_until`` the time until which it is left alone. After that, one call at a time is its
    probe, until one succeeds. ``cooled`` is how long it was left alone, 0 after a success.
    ``probes`` is how many probes it has now, more than one only if there is no other target.
    ``shared`` tells other processes of it, and ``limits`` are the limits of its calls.
    """

    target: Target
    cooldown: Cooldown = field(default_factory=Cooldown)
    busy: int = 0
    failures: int = 0
    cooling_until: float = 0.0
    probes: int = 0
    cooled: float = 0.0
    shared: SharedCooldown | None = field(default=None, repr=False, compare=False)
    limits: TargetLimits | None = field(default=None, repr=False, compare=False)

    def is_ready(self) -> bool:
        """Whether a call may be sent to it."""
        if self.probes:
            return False
        if self.cooling_until and self.cooling_until > time.monotonic():
            return False
        return self.limits is None or self.limits.delay(self.target.model) <= 0

    @property
    def answers(self) -> bool:
        """Whether it was not left alone, or has answered since then."""
        return not self.cooled

    def ready_at(self) -> float:
        """When a call may be sent to it, as far as known; 0 for now."""
        if self.limits is None:
            return self.cooling_until
        delay = self.limits.delay(self.target.model)
        return max(self.cooling_until, time.monotonic() + delay if delay > 0 else 0.0)

    def is_simple(self) -> bool:
        """Whether a call to it is not a probe, and is neither limited here nor hedged."""
        is_known_bad = self.cooled or self.cooling_until or self.probes
        return not is_known_bad and self.limits is None and self.target.hedge_after is None

    @property
    def is_probed(self) -> bool:
        """Whether a call is probing now if it answers again."""
        return self.probes > 0

    def begin(self) -> bool:
        """Called when a call begins; returns whether it is a probe, because the target was left
        alone."""
        self.busy += 1
        is_probe = self.cooled > 0
        self.probes += is_probe
        return is_probe

    def answered(self, *, is_probe: bool) -> None:
        """Called when it is known whether it answers; a stream may go on."""
        self.probes -= is_probe
        if is_probe and self.shared is not None:
            self.shared.end_probe()

    def end(self) -> None:
        """Called when a call is over."""
        self.busy -= 1

    def succeed(self, *, is_late: bool = False) -> None:
        """Called when it answered a call. The answer is late if the call began before the target
        was left alone: it then does not show that the cooldown helped."""
        was_cooled = self.cooled
        if was_cooled and is_late:
            return
        self.failures, self.cooling_until, self.cooled = 0, 0.0, 0.0
        if was_cooled and self.shared is not None:
            self.shared.publish()

    def fail(self, error: LLMGateError, *, is_late: bool = False) -> None:
        """Called when it failed by its own fault; late as in :meth:`succeed`. Calls that run
        together fail together: that is one failure, not a series of failed probes."""
        self.failures += 1
        limits = self.cooldown
        if isinstance(error, QuotaExceededError):
            seconds = limits.longest
        elif isinstance(error, RateLimitError):
            seconds = error.retry_after or limits.seconds
        elif self.cooled and is_late:
            return
        elif self.cooled:
            seconds = 2 * self.cooled
        elif self.failures >= limits.failures:
            seconds = limits.seconds
        else:
            return
        seconds = min(seconds, limits.longest)
        until = time.monotonic() + seconds
        if is_late and until < self.cooling_until:
            return
        self.cooled, self.cooling_until = seconds, until
        if self.shared is not None:
            self.shared.publish()


def as_target(given: object, path: str) -> Target:
    """The target itself, or one made of a model's name."""
    if isinstance(given, Target):
        return given
    if isinstance(given, str) and given.strip():
        return Target(given)
    raise InvalidRequestError.expected("a Target or a model's name", given, path)


def as_route(given: object, path: str) -> tuple[Route, list[Target]]:
    """A checked route, and its targets."""
    route = given if isinstance(given, Route) else Route(cast("Iterable[Any]", given))
    listed: Any = route.targets
    if is_mapping(listed) or isinstance(listed, str) or not is_iterable(listed):
        raise InvalidRequestError.expected("a list of targets", listed, path)
    targets = [as_target(each, f"{path}[{n}]") for n, each in enumerate(listed)]
    if not targets:
        raise InvalidRequestError("expected at least one target", path=path)
    as_hedge_after(route.hedge_after)
    long = _names(route.context_window, f"{path}.context_window")
    filtered = _names(route.content_filter, f"{path}.content_filter")
    return replace(route, context_window=long, content_filter=filtered), targets


def _names(given: Any, path: str) -> tuple[str, ...]:
    """Names of models, each a text: one text would be read as so many names as it has letters."""
    if is_mapping(given) or isinstance(given, str) or not is_iterable(given):
        raise InvalidRequestError.expected("a list of models", given, path)
    names = tuple(given)
    for number, each in enumerate(names):
        if not isinstance(each, str) or not each.strip():
            raise InvalidRequestError.expected("a model's name", each, f"{path}[{number}]")
    return names
