"""What operators look at, from top to bottom."""

from collections.abc import Sequence

import contract
from stacks.alarms import Watched
from stacks.constructs.dashboard import AlarmStatus, Graph, LogTable, Title, Totals, Widget
from stacks.constructs.metric import Metric, percentage

#: Answers that were errors, by what the function called them, or else API Gateway, which asked it nothing then.
TOP_ERRORS = (
    "fields coalesce(code, error) as answer, coalesce(route, concat(method, ' ', resource)) as called",
    'filter status_code >= 400 or (ispresent(error) and error != "-")',
    "stats count(*) as requests by answer, called",
    "sort requests desc",
    "limit 20",
)


def tracking_dashboard(watched: Watched, *, alarms: Sequence[str]) -> list[list[Widget]]:
    """The rows; `alarms` are ARNs."""
    api, function, table, idempotency, notifier, notifications, dead_letters = watched
    requests = api.metric("Count")

    return [
        [AlarmStatus("Alarms", alarms)],
        [Title("Callers")],
        [
            Graph("Requests", {"requests": requests}),
            Graph(
                "Errors (%)",
                {
                    "failed (5xx)": percentage(api.metric("5XXError"), requests),
                    "refused (4xx)": percentage(api.metric("4XXError"), requests),
                },
            ),
            Graph("Latency (ms)", {name: api.metric("Latency", name) for name in ("p50", "p90", "p99")}),
        ],
        [Title("Shipments")],
        [
            Graph(
                "Updates stored, by status",
                {status: function.own_metric(name) for status, name in contract.UPDATES_METRICS.items()},
                stacked=True,
            ),
            Totals(
                "Shipments that became",
                {status: notifier.own_metric(name) for status, name in contract.SHIPMENTS_METRICS.items()},
            ),
            Graph(
                "Faults",
                {
                    "updates not stored": function.own_metric("TrackingUpdateFailed"),
                    "queries not answered": function.own_metric("StatusQueryFailed"),
                    "unhandled": function.own_metric("UnhandledException"),
                },
            ),
        ],
        [Title("Functions")],
        [*function.graphs("Tracking function"), *notifier.graphs("Notifier")],
        [Title("DynamoDB")],
        [
            Graph(
                "Capacity used (units)",
                {
                    "table, read": table.metric("ConsumedReadCapacityUnits"),
                    "table, written": table.metric("ConsumedWriteCapacityUnits"),
                    "index, read": table.index_metric("ConsumedReadCapacityUnits"),
                    "index, written": table.index_metric("ConsumedWriteCapacityUnits"),
                },
            ),
            Graph(
                "Throttled",
                {
                    "table, reads": table.metric("ReadThrottleEvents"),
                    "table, writes": table.metric("WriteThrottleEvents"),
                    "index, reads": table.index_metric("ReadThrottleEvents"),
                    "index, writes": table.index_metric("WriteThrottleEvents"),
                    "keys, writes": idempotency.metric("WriteThrottleEvents"),
                },
            ),
            Graph(
                "Errors",
                {
                    # Counted for the account, not for a table (DynamoDB developer guide, "Metrics and dimensions").
                    "user errors, whole account": Metric("AWS/DynamoDB", "UserErrors", "Sum", {}),
                    **{
                        f"system errors, {operation}": table.metric("SystemErrors", operation=operation)
                        for operation in table.operations
                    },
                    **{
                        f"system errors, keys {operation}": idempotency.metric(
                            "SystemErrors", operation=operation
                        )
                        for operation in idempotency.operations
                    },
                },
            ),
        ],
        [Title("Notifications")],
        [
            Graph("Behind the table (ms)", {"oldest record": notifier.metric("IteratorAge", "Maximum")}),
            Graph(
                "Notifications",
                {
                    "published": notifications.metric("NumberOfMessagesPublished"),
                    "delivered": notifications.metric("NumberOfNotificationsDelivered"),
                    "given up": notifications.metric("NumberOfNotificationsFailed"),
                },
            ),
            Graph(
                "Dead letters",
                {
                    "waiting": dead_letters.metric("ApproximateNumberOfMessagesVisible"),
                    "lost": notifier.metric("DestinationDeliveryFailures"),
                },
            ),
            Graph("Oldest dead letter (s)", {"age": dead_letters.metric("ApproximateAgeOfOldestMessage")}),
        ],
        [Title("Errors")],
        [LogTable("Top errors by code", [function.log_group_name, api.access_log_name], TOP_ERRORS)],
    ]
