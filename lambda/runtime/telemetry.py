"""Logs, metrics and traces. No module but this one knows with what they are made."""

import os
import traceback
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

import contract

#: As X-Ray calls them.
_SERVICES = {"dynamodb": "DynamoDB", "ssm": "SSM"}


class Telemetry:
    """What the function tells its operators: never a body, metadata, or the message of an unknown error.

    Its metrics have the dimensions `service` and `environment`, since environments may share an account.
    """

    def __init__(self, environment: str) -> None:
        self._log = Logger(location=None)  # it would always be here
        # Metrics would share what it holds with every other one of the process.
        self._metrics = EphemeralMetrics(default_dimensions={contract.ENVIRONMENT_DIMENSION: environment})
        self._request_id = ""
        self._cold_start = True

    def start(self, request_id: str) -> None:
        """A request begins; every line until the next one carries `request_id`."""
        self._request_id = request_id
        self._log.set_correlation_id(request_id)

    def warn(self, message: str, **fields: Any) -> None:
        """A line of the log, level WARNING."""
        self._log.warning(message, extra=fields)

    def failure(self, message: str, error: BaseException) -> None:
        """A line of the log, level ERROR: the kinds of `error` and its causes, and where they were raised."""
        kinds = []
        cause: BaseException | None = error
        while cause:
            kinds.append(type(cause).__name__)
            cause = cause.__cause__
        self._log.error(message, extra={"kinds": kinds, "frames": traceback.format_tb(error.__traceback__)})

    def count(self, metric: str, number: int = 1) -> None:
        """Adds to a metric of the request."""
        self._metrics.add_metric(metric, MetricUnit.Count, number)

    def measure(self, metric: str, milliseconds: int) -> None:
        """Sets a metric of the request that is a time."""
        self._metrics.add_metric(metric, MetricUnit.Milliseconds, milliseconds)

    def finish(self, **fields: Any) -> None:
        """The request ends: one line of the log with `fields` and the metrics, of which there must be one.

        The line is CloudWatch's embedded metric format. A line of its own for the fields would take a tenth of
        a warm request's CPU time, and half of what the log costs.
        """
        fields = {"correlation_id": self._request_id, "cold_start": self._cold_start, **fields}
        self._cold_start = False
        for name, value in fields.items():
            self._metrics.add_metadata(name, value)
        self._metrics.flush_metrics()

    @contextmanager
    def trace(self, name: str, namespace: str = "local", **aws: Any) -> Iterator[None]:
        """A part of the request in its trace; of namespace "aws" a call to the service `name`.

        X-Ray samples one request a second and 5 % of the rest. Its SDK is slow to load, so it waits for one.
        """
        if "Sampled=1" in os.environ.get("_X_AMZN_TRACE_ID", ""):
            with _tracer().provider.in_subsegment(name, namespace=namespace) as subsegment:
                subsegment.set_aws(aws)
                yield
        else:
            yield

    def trace_call(
        self, service: str, operation: str, parameters: Mapping[str, Any]
    ) -> AbstractContextManager[None]:
        """A call to AWS, for `runtime.aws.Client.trace`."""
        table = {"table_name": parameters["TableName"]} if "TableName" in parameters else {}
        return self.trace(_SERVICES[service], "aws", operation=operation, **table)


@cache
def _tracer() -> Any:
    from aws_lambda_powertools import Tracer

    return Tracer(auto_patch=False)
