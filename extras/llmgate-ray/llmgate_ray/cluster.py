"""The seam to Ray: joins a cluster, and has workers run as actors on its nodes.

It is the only module that imports Ray, and does so when a batch begins.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from llmgate.errors import InvalidRequestError, excerpt
from llmgate_ray.driver import WorkerHandle, WorkersLostError
from llmgate_ray.place import WorkerPlace
from llmgate_ray.worker import BatchWorker, Result, WorkerSettings

__all__ = ["RayCluster"]


class RayCluster:
    """Workers as actors, spread over the nodes.

    Args:
        ray: The module.
        settings: What all workers are given.
        count: How many there are; None for one on each node.
        cpus: How many of a node's CPUs each of them reserves.
    """

    def __init__(self, ray: Any, settings: WorkerSettings, count: int | None, cpus: float) -> None:
        self._ray, self._settings = ray, settings
        self.count = count or sum(bool(node["Alive"]) for node in ray.nodes())
        self._actors = ray.remote(BatchWorker).options(
            scheduling_strategy="SPREAD",
            num_cpus=cpus,
            max_restarts=0,  # a worker that begins anew knows nothing of its calls
        )

    def worker(self, number: int) -> WorkerHandle:
        """Begin to start a worker."""
        place = WorkerPlace(number, self.count)
        return _Actor(self._ray, self._actors.remote(place, self._settings))


class _Actor:
    """A worker that is an actor."""

    def __init__(self, ray: Any, actor: Any) -> None:
        self._ray, self._actor = ray, actor

    async def start(self) -> None:
        """Wait until it runs, and have it make its client."""
        await self._done(self._actor.start.remote())

    async def exchange(self, calls: Sequence[tuple[int, Any]], patience: float) -> list[Result]:
        """Give it calls, and take results."""
        results: list[Result] = await self._done(self._actor.exchange.remote(calls, patience))
        return results

    async def aclose(self) -> None:
        """Let it close its client's connections."""
        await self._done(self._actor.aclose.remote())

    def kill(self) -> None:
        """End its process."""
        self._ray.kill(self._actor)

    async def _done(self, reference: Any) -> Any:
        errors = self._ray.exceptions
        try:
            return await reference
        except errors.RayTaskError:  # what the worker raised itself
            raise
        except errors.RayError as error:
            reason = f"a worker was lost: {excerpt(str(error), 500)}"
            lost = WorkersLostError(reason)
        raise lost


async def joined(address: str) -> Any:
    """The module of Ray, which has joined the cluster at an address, if it had not joined one.

    Raises:
        InvalidRequestError: when Ray is not installed, or there is no cluster.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if address == "local":  # it listens on loopback alone then; read when Ray is imported
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    try:
        ray: Any = import_module("ray")
        import_module("ray.exceptions")
        if not ray.is_initialized():
            await asyncio.to_thread(_join, ray, address)
    except ImportError as error:
        reason = f"the package ray, which llmgate-ray needs, cannot be imported: {error}"
    except (ConnectionError, ValueError, RuntimeError) as error:
        reason = f"the cluster cannot be joined: {excerpt(str(error), 500)}"
    else:
        return ray
    raise InvalidRequestError(reason, path="address")


def _join(ray: Any, address: str) -> None:
    alone = {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
    ray.init(
        address=address,
        log_to_driver=False,
        configure_logging=False,
        **(alone if address == "local" else {}),
    )
