"""What the processes of a fleet share, in Redis: limits, and a store for caches and cooldowns."""

from llmgate_redis.limits import RedisLimits
from llmgate_redis.link import RedisUnavailableError
from llmgate_redis.outage import Change
from llmgate_redis.store import RedisStore

__all__ = ["Change", "RedisLimits", "RedisStore", "RedisUnavailableError"]
