"""Flags and configuration, from SSM while it answers and makes sense."""

import json
import re
import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import contract
from runtime.telemetry import Telemetry

#: Seconds that what was read stays in use, and after which what could not be read is asked for again.
CACHE: Final = 300
RETRY: Final = 30

_UNITS = {"KB": 2**10, "MB": 2**20}


class Settings(NamedTuple):
    """What operators can change while the function runs."""

    flags: dict[str, bool]
    max_request_bytes: int


class SettingsSource:
    """The settings, read in one call; for one thread at a time.

    `flags` and `config` name the parameters; None stands for the default of what a function has no use for.

    While a parameter cannot be read or understood, its last good value holds, or contract.DEFAULT_FLAGS and
    contract.DEFAULT_CONFIG; that is logged and counted (SettingsFallback).

    Powertools' parameters would do, but import boto3, and with it the start takes too long.
    """

    def __init__(self, client: Any, telemetry: Telemetry, *, flags: str, config: str | None = None) -> None:
        self._client = client
        self._telemetry = telemetry
        self._flags = flags
        self._config = config
        self._settings = Settings(
            contract.DEFAULT_FLAGS, _max_request_bytes(json.dumps(contract.DEFAULT_CONFIG))
        )
        self._expires = 0.0

    def current(self) -> Settings:
        """The settings now; raises nothing."""
        if time.monotonic() >= self._expires:
            self._refresh()
        return self._settings

    def _refresh(self) -> None:
        try:
            response = self._client.get_parameters(Names=list(filter(None, [self._config, self._flags])))
            values = {parameter["Name"]: parameter["Value"] for parameter in response["Parameters"]}
            reason = "it does not exist"
        except Exception as error:  # whatever it is, the request can be served
            values, reason = {}, type(error).__name__
        self._expires = time.monotonic() + CACHE

        def read(name: str, parse: Callable[[str], Any], last: Any) -> Any:
            problem = reason
            if name in values:
                try:
                    return parse(values[name])
                except Exception as error:
                    problem = type(error).__name__
            self._expires = time.monotonic() + RETRY
            self._telemetry.warn(
                "A parameter cannot be used; its last value holds", parameter=name, reason=problem
            )
            self._telemetry.count("SettingsFallback")
            return last

        self._settings = Settings(
            read(self._flags, _parse_flags, self._settings.flags),
            read(self._config, _max_request_bytes, self._settings.max_request_bytes)
            if self._config
            else self._settings.max_request_bytes,
        )


def _parse_flags(text: str) -> dict[str, bool]:
    flags = json.loads(text)
    if not all(isinstance(value, bool) for value in flags.values()):
        raise ValueError("a flag is true or false")
    return {**contract.DEFAULT_FLAGS, **flags}


def _max_request_bytes(text: str) -> int:
    size = re.fullmatch(r"([1-9][0-9]{0,5})(KB|MB)", json.loads(text)["max_request_size"])
    if not size:
        raise ValueError("a size is a number of KB or MB")
    return int(size[1]) * _UNITS[size[2]]
