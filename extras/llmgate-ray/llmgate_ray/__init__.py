"""Batches on many machines: the calls of a file, made by workers on all nodes of a Ray cluster.

``ray_batch`` is all of it; ``llmgate batch --ray auto`` is the same on the command line.
"""

from __future__ import annotations

from llmgate_ray.batch import ray_batch
from llmgate_ray.driver import RayRecord, WorkersLostError
from llmgate_ray.place import WorkerPlace

__all__ = ["RayRecord", "WorkerPlace", "WorkersLostError", "ray_batch"]
