"""The dashboard."""

import json
from typing import Any

from cdktf_cdktf_provider_aws.cloudwatch_dashboard import CloudwatchDashboard
from constructs import Construct

from stacks.constructs.function import PythonFunction
from stacks.constructs.rest_api import RestApi
from stacks.constructs.table import TrackingTable

WIDTH, HEIGHT = 8, 6  # three graphs side by side on CloudWatch's grid of 24 columns


class Dashboard(Construct):
    """One graph each for the API, the function and the table."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        region: str,
        api: RestApi,
        function: PythonFunction,
        table: TrackingTable,
    ) -> None:
        super().__init__(scope, id)
        on_api = {"ApiName": api.name, "Stage": api.stage_name}
        on_function = {"FunctionName": function.name}
        on_table = {"TableName": table.name}
        graphs = {
            "API": [
                _metric("AWS/ApiGateway", "Count", "Sum", on_api),
                _metric("AWS/ApiGateway", "4XXError", "Sum", on_api),
                _metric("AWS/ApiGateway", "5XXError", "Sum", on_api),
            ],
            "Lambda": [
                _metric("AWS/Lambda", "Invocations", "Sum", on_function),
                _metric("AWS/Lambda", "Errors", "Sum", on_function),
                _metric("AWS/Lambda", "Duration", "Average", on_function),
                _metric("AWS/Lambda", "Throttles", "Sum", on_function),
            ],
            "DynamoDB": [
                # Counted for the account, not for a table (DynamoDB metrics and dimensions).
                _metric("AWS/DynamoDB", "UserErrors", "Sum", {}),
                # Counted for each operation of a table.
                *(
                    _metric("AWS/DynamoDB", "SystemErrors", "Sum", on_table | {"Operation": operation})
                    for operation in ("PutItem", "Query")
                ),
                _metric("AWS/DynamoDB", "ConsumedReadCapacityUnits", "Sum", on_table),
                _metric("AWS/DynamoDB", "ConsumedWriteCapacityUnits", "Sum", on_table),
            ],
        }
        widgets = [
            {
                "type": "metric",
                "x": index * WIDTH,
                "y": 0,
                "width": WIDTH,
                "height": HEIGHT,
                "properties": {
                    "title": title,
                    "region": region,
                    "view": "timeSeries",
                    "period": 300,
                    "metrics": metrics,
                },
            }
            for index, (title, metrics) in enumerate(graphs.items())
        ]
        dashboard = CloudwatchDashboard(
            self, "dashboard", dashboard_name=name, dashboard_body=json.dumps({"widgets": widgets})
        )
        self.name = dashboard.dashboard_name


def _metric(namespace: str, name: str, statistic: str, dimensions: dict[str, str]) -> list[Any]:
    """A row of a graph; CloudWatch takes the dimensions inside it and nowhere else."""
    pairs = [part for pair in dimensions.items() for part in pair]
    return [namespace, name, *pairs, {"stat": statistic}]
