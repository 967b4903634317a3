"""What operators look at, from top to bottom."""

import contract
from stacks.alarms import Watched
from stacks.constructs.dashboard import Graph, LogTable, Title, Totals, Widget
from stacks.constructs.metric import Metric, percentage

#: Answers that were errors, by what the function called them, or else API Gateway, which asked it nothing then.
TOP_ERRORS = (
    "fields coalesce(code, error) as answer, coalesce(route, concat(method, ' ', resource)) as called",
    'filter status_code >= 400 or (ispresent(error) and error != "-")',
    "stats count(*) as requests by answer, called",
    "sort requests desc",
    "limit 20",
)


def tracking_dashboard(watched: Watched) -> list[list[Widget]]:
    """The rows of the tracking stack, under the alarms."""
    api, function, updates, shipments, references, idempotency, projector = watched[:7]
    deadlines, notifier, notifications, dead_letters = watched[7:]
    tables = {"updates": updates, "shipments": shipments, "references": references, "keys": idempotency}
    measures = {
        f"{name}{where}": measure
        for name, table in (("updates", updates), ("shipments", shipments))
        for where, measure in (("", table.metric), (" index", table.index_metric))
    }
    requests = api.metric("Count")

    return [
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
                "Became stalled or overdue",
                {event: deadlines.own_metric(name) for event, name in contract.DECLARED_METRICS.items()},
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
        [*function.graphs("Tracking function")],
        [*projector.graphs("Projector"), *notifier.graphs("Notifier")],
        [*deadlines.graphs("Deadlines")],
        [Title("DynamoDB")],
        [
            Graph(
                "Capacity used (units)",
                {
                    f"{name}, {done}": measure(f"Consumed{kind}CapacityUnits")
                    for name, measure in measures.items()
                    for done, kind in (("read", "Read"), ("written", "Write"))
                },
            ),
            Graph(
                "Throttled",
                {
                    **{
                        f"{name}, {done}": measure(f"{kind}ThrottleEvents")
                        for name, measure in measures.items()
                        for done, kind in (("reads", "Read"), ("writes", "Write"))
                    },
                    "references, reads": references.metric("ReadThrottleEvents"),
                    "references, writes": references.metric("WriteThrottleEvents"),
                    "keys, writes": idempotency.metric("WriteThrottleEvents"),
                },
            ),
            Graph(
                "Errors",
                {
                    # Counted for the account, not for a table (DynamoDB developer guide, "Metrics and dimensions").
                    "user errors, whole account": Metric("AWS/DynamoDB", "UserErrors", "Sum", {}),
                    **{
                        f"system errors, {name} {operation}": table.metric(
                            "SystemErrors", operation=operation
                        )
                        for name, table in tables.items()
                        for operation in table.operations
                    },
                },
            ),
        ],
        [Title("Notifications")],
        [
            Graph(
                "Behind (ms)",
                {
                    **{
                        name: function.metric("IteratorAge", "Maximum")
                        for name, function in (("projector", projector), ("notifier", notifier))
                    },
                    "deadlines": deadlines.own_metric("DeadlineLag", "Maximum"),
                },
            ),
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
                    **{
                        f"lost by the {name}": function.metric("DestinationDeliveryFailures")
                        for name, function in (("projector", projector), ("notifier", notifier))
                    },
                },
            ),
            Graph("Oldest dead letter (s)", {"age": dead_letters.metric("ApproximateAgeOfOldestMessage")}),
        ],
        [Title("Errors")],
        [LogTable("Top errors by code", [function.log_group_name, api.access_log_name], TOP_ERRORS)],
    ]
