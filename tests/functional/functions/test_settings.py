"""Flags and configuration, and what holds while they cannot be read."""

import json
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

import runtime.settings
from tests.fault_proxy import Fault, FaultProxy
from tests.functional.conftest import FLAGS, Caller
from tracking.wiring import make_api

PutParameters = Callable[..., dict[str, str]]


@pytest.fixture
def advance(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the settings' clock on by some seconds."""
    clock = SimpleNamespace(ahead=0.0)
    clock.monotonic = lambda: time.monotonic() + clock.ahead
    monkeypatch.setattr(runtime.settings, "time", clock)

    def move(seconds: float) -> None:
        clock.ahead += seconds

    return move


def has_batch(caller: Caller) -> bool:
    """Whether the flag batch_processing is on, which is off by default."""
    return caller.post({"updates": [{}]}, "/track/batch").status == 200


def fallbacks(capsys: pytest.CaptureFixture[str]) -> int:
    """How often SettingsFallback was counted."""
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return int(sum(sum(line.get("SettingsFallback", [])) for line in lines))


@pytest.mark.parametrize(
    "flags",
    [None, "x", "[]", "null", "1", '{"batch_processing":"yes"}', "[" * 3000, '{"batch_processing":1}'],
)
def test_unusable_flags_are_the_defaults(
    environment: dict[str, str],
    put_parameters: PutParameters,
    capsys: pytest.CaptureFixture[str],
    flags: str | None,
) -> None:
    names = put_parameters(flags, '{"max_request_size":"10MB"}')
    caller = Caller(make_api({**environment, **names}), environment)
    assert not has_batch(caller)
    assert "summary" in caller.get("/status", tracking_id="A").body
    assert fallbacks(capsys) == 1


@pytest.mark.parametrize(
    "config",
    [
        None,
        "x",
        "{}",
        '{"max_request_size":10}',
        '{"max_request_size":"10 GB"}',
        '{"max_request_size":"0MB"}',
    ],
)
def test_unusable_configuration_is_the_default(
    environment: dict[str, str],
    put_parameters: PutParameters,
    update: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
    config: str | None,
) -> None:
    names = put_parameters(json.dumps(FLAGS), config)
    caller = Caller(make_api({**environment, **names}), environment)
    assert has_batch(caller)
    assert caller.post(update).status == 200
    assert fallbacks(capsys) == 1


def test_last_good_value_holds_and_a_repaired_one_is_picked_up(
    environment: dict[str, str],
    put_parameters: PutParameters,
    advance: Callable[[float], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = put_parameters(json.dumps(FLAGS), "{}")
    caller = Caller(make_api({**environment, **names}), environment)
    assert has_batch(caller)
    put_parameters("broken", "{}", names)
    advance(300)
    assert has_batch(caller)
    assert fallbacks(capsys) > 0
    put_parameters('{"batch_processing":false}', "{}", names)
    advance(30)
    assert not has_batch(caller)


def test_value_is_read_again_after_300_seconds_and_no_sooner(
    proxied_caller: Caller, proxy: FaultProxy, advance: Callable[[float], None]
) -> None:
    advance(300)
    proxied_caller.get("/status", tracking_id="A")
    assert proxy.calls[:2] == ["GetParameters", "Query"]
    advance(299)
    proxied_caller.get("/status", tracking_id="A")
    assert proxy.calls.count("GetParameters") == 1
    advance(1)
    proxied_caller.get("/status", tracking_id="A")
    assert proxy.calls.count("GetParameters") == 2


@pytest.mark.parametrize("fault", list(Fault))
def test_request_is_served_while_ssm_fails(
    proxied_caller: Caller, proxy: FaultProxy, advance: Callable[[float], None], fault: Fault
) -> None:
    proxy.cut["GetParameters"] = fault
    advance(301)
    started = time.monotonic()
    assert has_batch(proxied_caller)
    assert time.monotonic() - started < 5


def test_start_without_ssm(
    environment: dict[str, str], proxy: FaultProxy, update: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy.cut["GetParameters"] = Fault.RESET
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
    assert Caller(make_api(environment), environment).post(update).status == 200
