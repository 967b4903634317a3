"""Functions that run here; the fixtures stand beside what they are made of."""

from tests.functional.local.runner import endpoint, module_runner, runner, server

__all__ = ["endpoint", "module_runner", "runner", "server"]
