"""The logger, under litellm's path. Nothing of it prints by itself."""

import logging

__all__ = ["verbose_logger"]

verbose_logger = logging.getLogger("llmgate.litellm")
