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
    streams = {"projector": watched.projector, "notifier": watched.notifier}
    measures = {
        f"{name}{where}": measure
        for name, table in (("updates", watched.updates), ("shipments", watched.shipments))
        for where, measure in (("", table.metric), (" index", table.index_metric))
    }
    requests = watched.api.metric("Count")

    return [
        [Title("Callers")],
        [
            Graph("Requests", {"requests": requests}),
            Graph(
                "Errors (%)",
                {
                    "failed (5xx)": percentage(watched.api.metric("5XXError"), requests),
                    "refused (4xx)": percentage(watched.api.metric("4XXError"), requests),
                },
            ),
            Graph(
                "Latency (ms)", {name: watched.api.metric("Latency", name) for name in ("p50", "p90", "p99")}
            ),
        ],
        [Title("Shipments")],
        [
            Graph(
                "Updates stored, by status",
                {
                    status: watched.function.own_metric(name)
                    for status, name in contract.UPDATES_METRICS.items()
                },
                stacked=True,
            ),
            Totals(
                "Shipments that became",
                {
                    status: watched.notifier.own_metric(name)
                    for status, name in contract.SHIPMENTS_METRICS.items()
                },
            ),
            Graph(
                "Became stalled or overdue",
                {
                    event: watched.deadlines.own_metric(name)
                    for event, name in contract.DECLARED_METRICS.items()
                },
            ),
            Graph(
                "Faults",
                {
                    "updates not stored": watched.function.own_metric("TrackingUpdateFailed"),
                    "queries not answered": watched.function.own_metric("StatusQueryFailed"),
                    "unhandled": watched.function.own_metric("UnhandledException"),
                },
            ),
        ],
        [Title("Functions")],
        [*watched.function.graphs("Tracking function")],
        [*watched.projector.graphs("Projector"), *watched.notifier.graphs("Notifier")],
        [*watched.deadlines.graphs("Deadlines")],
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
                    "references, reads": watched.references.metric("ReadThrottleEvents"),
                    "references, writes": watched.references.metric("WriteThrottleEvents"),
                    "keys, writes": watched.idempotency.metric("WriteThrottleEvents"),
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
                        for name, table in watched.tables.items()
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
                    **{name: function.metric("IteratorAge", "Maximum") for name, function in streams.items()},
                    "deadlines": watched.deadlines.own_metric("DeadlineLag", "Maximum"),
                },
            ),
            Graph(
                "Notifications",
                {
                    "published": watched.notifications.metric("NumberOfMessagesPublished"),
                    "delivered": watched.notifications.metric("NumberOfNotificationsDelivered"),
                    "given up": watched.notifications.metric("NumberOfNotificationsFailed"),
                },
            ),
            Graph(
                "Dead letters",
                {
                    "waiting": watched.dead_letters.metric("ApproximateNumberOfMessagesVisible"),
                    **{
                        f"lost by the {name}": function.metric("DestinationDeliveryFailures")
                        for name, function in streams.items()
                    },
                },
            ),
            Graph(
                "Oldest dead letter (s)",
                {"age": watched.dead_letters.metric("ApproximateAgeOfOldestMessage")},
            ),
        ],
        [Title("Errors")],
        [
            LogTable(
                "Top errors by code",
                [watched.function.log_group_name, watched.api.access_log_name],
                TOP_ERRORS,
            )
        ],
    ]
