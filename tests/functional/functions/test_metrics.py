"""What alarms and graphs wait for is what the functions write, under the very same names."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

import contract
from deadlines.wiring import make_sweep
from inbound.secrets import Secrets
from notifier.wiring import make_notifier
from tests.conftest import Tables, environment_suffix
from tests.functional.conftest import Caller
from tests.invocations import handle, run
from tests.manager import Manager
from tests.metrics import metrics
from tests.outbound import Outbound, context, notification, receiving
from tests.pipeline import Pipeline
from tests.senders import Sender
from tests.synthesis import resource, resources, stacks
from tracking.wiring import make_api

NAMESPACE = "LogisticsTracking"

#: Namespace, name and dimensions.
Metric = tuple[str, str, frozenset[tuple[str, str]]]


def deployed(name: str, stack: str = "tracking-dev") -> dict[str, str]:
    """The variables of a function that its metrics depend on."""
    function = resource(stacks("dev")[stack], "aws_lambda_function", function_name=f"tracking-{name}-dev")
    variables = function["environment"]["variables"]
    return {
        key: variables[key]
        for key in (contract.SERVICE_NAME, contract.METRICS_NAMESPACE, contract.ENVIRONMENT)
    }


def written(text: str) -> set[Metric]:
    """The metrics in lines of the embedded metric format (CloudWatch user guide, "Embedded metric format")."""
    found = set()
    for line in map(json.loads, text.splitlines()):
        for group in line.get("_aws", {}).get("CloudWatchMetrics", []):
            for names in group["Dimensions"]:
                dimensions = frozenset((name, line[name]) for name in names)
                found |= {(group["Namespace"], metric["Name"], dimensions) for metric in group["Metrics"]}
    return found


def watched(name: str = "tracking-dev") -> Iterator[Metric]:
    """The functions' own metrics that the alarms and the dashboard of a stack read."""
    stack = stacks("dev")[name]
    for alarm in resources(stack, "aws_cloudwatch_metric_alarm"):
        for metric in metrics(alarm):
            if metric.namespace == NAMESPACE:
                yield NAMESPACE, metric.name, frozenset(metric.dimensions.items())
    for widget in json.loads(resource(stack, "aws_cloudwatch_dashboard")["dashboard_body"])["widgets"]:
        for line in widget["properties"].get("metrics", []):
            if line[0] == NAMESPACE:
                yield NAMESPACE, line[1], frozenset(zip(line[2:-1:2], line[3:-1:2], strict=True))


def test_the_functions_write_every_metric_that_is_watched(
    environment: dict[str, str],
    tables: Tables,
    shipment: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def start(name: str) -> dict[str, str]:
        for key, value in deployed(name).items():
            monkeypatch.setenv(key, value)
        return environment | deployed(name)

    variables = start("processor")
    caller = Caller(make_api(variables), variables)
    for status in contract.STATUSES:
        update = {"tracking_id": shipment, "status": status, "location": {"lat": 1, "lng": 2}}
        assert caller.post(update).status == 200
    broken = Caller(
        make_api(variables | {contract.TABLE_NAME: f"tracking-data-{environment_suffix()}"}), variables
    )
    assert broken.post(update).status == 500
    assert broken.get("/status", tracking_id=shipment).status == 500
    assert caller.post({"updates": [update, {}]}, "/track/batch").body["stored"] == 1

    pipeline = Pipeline()
    notifier = make_notifier(start("notifier") | pipeline.environment)
    for number, status in enumerate(contract.STATUSES):
        pipeline.put(shipment, status, 1_700_000_000_000 + number)
    assert handle(notifier, pipeline.shipments.records()) == []

    run(make_sweep(start("deadlines") | pipeline.environment))

    lines = written(capsys.readouterr().out)
    expected = set(watched())
    assert {name for _, name, _ in expected} >= {"TrackingUpdateFailed", "UnhandledException"}
    assert expected <= lines


def test_the_inbound_function_writes_every_metric_that_is_watched(
    environment: dict[str, str],
    update: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    variables = deployed("inbound", "partners-dev")
    for key, value in variables.items():
        monkeypatch.setenv(key, value)
    sender = Sender.of(environment, "demo", {"mapping": "generic"})
    # In the environment that is deployed, where there is no such bucket and no such secret.
    api = Sender({**environment, **variables, **sender.variables, contract.ENVIRONMENT: "dev"}, "demo")
    api.api._secrets = sender.api._secrets
    assert api.send({**update, "timestamp": 1}).body["stored"] == 1
    assert api.send({}).body["kept"] == 1
    assert api.post(b"", {}).status == 401
    api.api._secrets = Secrets(boto3.client("ssm"), "/nowhere/")
    assert api.send({}).status == 503
    expected = watched_of("tracking-inbound")
    assert {name for _, name, _ in expected} >= {"InboundKept", "InboundRefused"}
    assert expected <= written(capsys.readouterr().out)


def watched_of(service: str) -> set[Metric]:
    """What is watched of one of the partners' functions."""
    return {
        found for found in watched("partners-dev") if dict(found[2])[contract.SERVICE_DIMENSION] == service
    }


def test_the_function_that_delivers_writes_every_metric_that_is_watched(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for key, value in deployed("delivery", "partners-dev").items():
        monkeypatch.setenv(key, value)
    outbound = Outbound()
    outbound.environment[contract.ENVIRONMENT] = "dev"
    manager = Manager(outbound)
    with receiving() as receiver:
        hook = manager.make(url=receiver.url)
        for status in (200, 500, 410):
            receiver.status = status
            manager.tell(notification())
            manager.deliver()
        receiver.status = 500
        manager.ask("PATCH /webhooks/{id}", hook["id"], {"state": "active"})
        for _ in range(2):
            manager.tell(*(notification(number) for number in range(10)))
            manager.deliver()
        manager.sweep.handle(context())
    expected = watched_of("tracking-delivery")
    assert {name for _, name, _ in expected} >= {"WebhooksBlocked", "WebhooksDisabled", "Sweeps"}
    assert expected <= written(capsys.readouterr().out)


def test_updates_are_counted_by_status_in_the_one_line_of_a_request(
    caller: Caller, shipment: str, capsys: pytest.CaptureFixture[str]
) -> None:
    update: dict[str, Any] = {"tracking_id": shipment, "location": {"lat": 1, "lng": 2}}
    statuses = ["pending", "delivered", "delivered", "lost"]
    caller.post({**update, "status": "failed"})
    caller.post({"updates": [{**update, "status": status} for status in statuses]}, "/track/batch")
    one, batch = map(json.loads, capsys.readouterr().out.splitlines())

    def counts(line: dict[str, Any]) -> dict[str, Any]:
        return {name: line[name] for name in line if name.startswith(("TrackingUpdate", "Updates_"))}

    assert counts(one) == {"TrackingUpdateStored": [1.0], "Updates_failed": [1.0]}
    assert counts(batch) == {
        "TrackingUpdateStored": [3.0],
        "Updates_pending": [1.0],
        "Updates_delivered": [2.0],
    }
