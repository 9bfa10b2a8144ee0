"""Nodes of a Ray cluster on this machine, all on loopback. It imports Ray when they are started."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable
from importlib import import_module
from typing import Any

__all__ = ["add_node", "start_head"]

_STORE = 80 * 1024 * 1024
_PORTS = ("metrics_agent_port", "dashboard_agent_listen_port", "runtime_env_agent_port")


def start_head(folder: str) -> Any:
    """The first node of a cluster, which writes into a folder with a short path.

    This process and those it starts are told that Ray is to report nothing of its use.
    """
    os.environ |= {
        "RAY_TMPDIR": folder,  # paths of sockets may have no more than 107 characters
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # without, the head is at this machine's address
    }
    cluster = import_module("ray.cluster_utils").Cluster
    return _patiently(
        lambda: cluster(
            initialize_head=True, head_node_args={"include_dashboard": False, **_arguments()}
        )
    )


def add_node(cluster: Any) -> Any:
    """Another one."""
    return _patiently(lambda: cluster.add_node(**_arguments()))


def _patiently(start: Callable[[], Any]) -> Any:
    """A node; on a busy machine one may need more than the thirty seconds that it is given."""
    for _ in range(3):
        try:
            return start()
        except Exception as error:
            if "timed out during startup" not in str(error):
                raise
    return start()


def _arguments() -> dict[str, Any]:
    """Two CPUs, little memory for objects, and an address on loopback.

    Ports are given: a node that has to wait for an agent's own choice ends after fifteen seconds,
    which are not enough where the machine is busy.
    """
    found: dict[str, Any] = {"num_cpus": 2, "object_store_memory": _STORE}
    with contextlib.ExitStack() as stack:
        for name in _PORTS:
            probe = stack.enter_context(socket.socket())
            probe.bind(("127.0.0.1", 0))
            found[name] = probe.getsockname()[1]
    return {**found, "node_ip_address": "127.0.0.1"}
