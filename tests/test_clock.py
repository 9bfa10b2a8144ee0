"""The clock of a loop: who waits is rung on time, once, and keeps nothing alive."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable
from weakref import ref

from llmgate._core.clock import Clock, clock_of
from tests import virtual_time


class Bell:
    """Notes the seconds at which it is rung, from the beginning on."""

    def __init__(self, clock: Clock, then: Callable[[], object] = lambda: None) -> None:
        self.rung: list[float] = []
        self._clock = clock
        self._then = then

    def start(self, seconds: float) -> None:
        """Wait for so long."""
        self._clock.start(self, time.monotonic() + seconds)

    def ring(self) -> None:
        """It is time."""
        self.rung.append(round(time.monotonic() - virtual_time.BEGINNING, 6))
        self._then()


def timers() -> int:
    """How many timers of the running loop have not gone off."""
    loop: object = asyncio.get_running_loop()
    return len(vars(loop)["_scheduled"])


def test_each_is_rung_at_its_moment_and_once() -> None:
    """The soonest first, whoever was there before; a stopped one never; one that waits again,
    again."""

    async def main() -> list[list[float]]:
        clock = clock_of(asyncio.get_running_loop())
        late, soon, stopped = Bell(clock), Bell(clock), Bell(clock)
        again = Bell(clock, lambda: again.start(30) if len(again.rung) < 3 else None)
        for bell, seconds in ((late, 60.0), (soon, 5.0), (stopped, 6.0), (again, 7.0)):
            bell.start(seconds)
        clock.stop(stopped)
        clock.stop(stopped)  # which does nothing
        await asyncio.sleep(200)
        return [each.rung for each in (late, soon, stopped, again)]

    assert virtual_time.run(main) == [[60.0], [5.0], [], [7.0, 37.0, 67.0]]


def test_a_moment_can_be_moved() -> None:
    """To an earlier and to a later time."""

    async def main() -> list[list[float]]:
        clock = clock_of(asyncio.get_running_loop())
        earlier, later = Bell(clock), Bell(clock)
        earlier.start(9)
        later.start(2)
        earlier.start(1)
        later.start(4)
        await asyncio.sleep(20)
        return [earlier.rung, later.rung]

    assert virtual_time.run(main) == [[1.0], [4.0]]


def test_one_that_is_stopped_by_another_is_not_rung() -> None:
    """Also when both moments are the same."""

    async def main() -> list[float]:
        clock = clock_of(asyncio.get_running_loop())
        second = Bell(clock)
        first = Bell(clock, lambda: clock.stop(second))
        first.start(1)
        second.start(1)
        await asyncio.sleep(2)
        return second.rung

    assert virtual_time.run(main) == []


def test_a_thousand_that_wait_need_one_timer_of_the_loop() -> None:
    """And when all have ended, it goes off once and for nothing."""

    async def main() -> list[int]:
        clock = clock_of(asyncio.get_running_loop())
        bells = [Bell(clock) for _ in range(1000)]
        counts = [timers()]
        for number, bell in enumerate(bells):
            bell.start(60 + number)
        counts.append(timers())
        for bell in bells:
            clock.stop(bell)
        counts.append(timers())
        await asyncio.sleep(61)
        return [*counts, timers()]

    assert virtual_time.run(main) == [0, 1, 1, 0]


def test_many_whose_moments_are_apart_are_looked_at_seldom() -> None:
    """Each is rung within a fiftieth of a second, and all are not looked at for each."""

    async def main() -> tuple[list[float], int]:
        clock = clock_of(asyncio.get_running_loop())
        moments = [5 + number / 1_000_000 for number in range(10_000)]
        bells = [Bell(clock) for _ in moments]
        for moment, bell in zip(moments, bells, strict=True):
            bell.start(moment)
        await asyncio.sleep(6)
        rung = [moment for bell in bells for moment in bell.rung]
        late = [at - moment for at, moment in zip(rung, moments, strict=True)]
        return [min(late), max(late)], len({*rung})

    late, looks = virtual_time.run(main)
    assert -1e-5 < late[0] <= late[1] <= 0.021
    assert looks <= 4


def test_one_that_fails_leaves_the_others_their_time() -> None:
    """What it raises is the loop's to tell."""

    def fail() -> None:
        raise ZeroDivisionError

    async def main() -> tuple[list[float], list[str]]:
        loop, told = asyncio.get_running_loop(), list[str]()
        loop.set_exception_handler(lambda _, context: told.append(repr(context["exception"])))
        clock = clock_of(loop)
        first, second = Bell(clock, fail), Bell(clock)
        first.start(1)
        second.start(2)
        await asyncio.sleep(3)
        return second.rung, told

    assert virtual_time.run(main) == ([2.0], ["ZeroDivisionError()"])


def test_a_loop_has_one_clock_and_is_held_by_none() -> None:
    """A loop that was left in the midst of a call is collected, with its clock and what waits."""

    async def main() -> tuple[object, object]:
        loop = asyncio.get_running_loop()
        clock = clock_of(loop)
        assert clock_of(loop) is clock
        Bell(clock).start(60)
        return ref(loop), ref(clock)

    left = [asyncio.run(main()) for _ in range(2)]
    gc.collect()
    assert [known() for pair in left for known in pair if isinstance(known, ref)] == [None] * 4
