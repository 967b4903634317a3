"""When operators are told, and of what; docs/runbook.md says what they do then."""

from collections.abc import Iterator
from typing import NamedTuple

import contract
from stacks.constructs.alarms import Alarm, CompositeAlarm
from stacks.constructs.dead_letter_queue import DeadLetterQueue
from stacks.constructs.function import PythonFunction
from stacks.constructs.http_api import HttpApi
from stacks.constructs.metric import Metric, percentage, silent, total, unanswered
from stacks.constructs.rest_api import RestApi
from stacks.constructs.table import Table
from stacks.constructs.topic import NotificationTopic
from stacks.constructs.work_queue import WorkQueue
from stacks.settings import Settings

MINUTE, HOUR = 60, 3600
THROTTLES = ("ReadThrottleEvents", "WriteThrottleEvents")


class Watched(NamedTuple):
    """What operators watch of the tracking API."""

    api: RestApi
    function: PythonFunction
    updates: Table
    shipments: Table
    references: Table
    idempotency: Table
    projector: PythonFunction
    deadlines: PythonFunction
    notifier: PythonFunction
    notifications: NotificationTopic
    dead_letters: DeadLetterQueue

    @property
    def tables(self) -> dict[str, Table]:
        """The tables by the names that graphs call them."""
        return {
            "updates": self.updates,
            "shipments": self.shipments,
            "references": self.references,
            "keys": self.idempotency,
        }


def tracking_alarms(settings: Settings, watched: Watched) -> list[Alarm | CompositeAlarm]:
    """The rows: name, metric, above what, in how many periods of how many seconds, and what that means."""
    requests, failures = watched.api.metric("Count"), watched.api.metric("5XXError")
    enough = settings.monitoring.min_requests
    # fmt: off
    return [
        Alarm("tracking-api-4xx", watched.api.metric("4XXError"), 10, 2, 5 * MINUTE,
              "Callers send what is refused: wrong signatures, invalid updates, or too many requests."),
        Alarm("tracking-api-5xx", failures, 5, 1, MINUTE,
              "Requests fail through no fault of the caller."),
        Alarm("tracking-api-5xx-rate", percentage(failures, requests, at_least=enough), 1, 2, 5 * MINUTE,
              "A part of all requests (%) fails through no fault of the caller."),
        *_availability(settings, "tracking-availability", failures, requests),
        Alarm("tracking-api-latency", watched.api.metric("Latency", "Average"), 1_000, 2, 5 * MINUTE,
              "Callers wait too long (ms).", "ignore"),
        Alarm("tracking-api-latency-p99", watched.api.metric("Latency", "p99"), 3_000, 2, 5 * MINUTE,
              "One caller in 100 waits too long (ms).", "ignore"),

        Alarm("tracking-updates-failed", watched.function.own_metric("TrackingUpdateFailed"), 5, 1, 5 * MINUTE,
              "Updates are not stored, and whoever sent them has to send them again."),
        Alarm("tracking-unhandled", watched.function.own_metric("UnhandledException"), 0, 1, 5 * MINUTE,
              "The tracking function met what it has no answer for: a fault of its code, its rights or its settings."),
        *watched.function.alarms("tracking-lambda", "the tracking function"),

        Alarm("tracking-table-throttle",
              total(*map(watched.updates.metric, THROTTLES)), 10, 1, 5 * MINUTE,
              "DynamoDB throttles the table of updates."),
        Alarm("tracking-index-throttle",
              total(*map(watched.updates.index_metric, THROTTLES)), 10, 1, 5 * MINUTE,
              "DynamoDB throttles the index by status; what it cannot write there, it refuses for the table."),
        Alarm("tracking-shipments-throttle",
              total(*map(watched.shipments.metric, THROTTLES), *map(watched.shipments.index_metric, THROTTLES),
                    *(watched.shipments.index_metric("WriteThrottleEvents", index.name)
                      for index in (contract.DUE_INDEX, contract.STALLED_INDEX, contract.OVERDUE_INDEX))),
              10, 1, 5 * MINUTE,
              "DynamoDB throttles the table of shipments or an index of it; their records fall behind."),
        Alarm("tracking-references-throttle",
              total(*map(watched.references.metric, THROTTLES)), 10, 1, 5 * MINUTE,
              "DynamoDB throttles the table of references; the records of shipments fall behind."),
        # Its function only writes: a condition finds the key that is there already.
        Alarm("tracking-idempotency-throttle", total(watched.idempotency.metric("WriteThrottleEvents")),
              10, 1, 5 * MINUTE,
              "DynamoDB throttles the table of Idempotency-Keys."),
        Alarm("tracking-table-errors",
              total(*(table.metric("SystemErrors", operation=operation)
                      for table in watched.tables.values() for operation in table.operations)),
              10, 1, 5 * MINUTE,
              "DynamoDB answers with errors of its own."),

        Alarm("tracking-projector-lag", watched.projector.metric("IteratorAge", "Maximum"), 300_000, 2, 5 * MINUTE,
              "The records of shipments are behind (ms): the projector fails, or does not keep up with the updates.",
              "ignore"),
        # What does not run tells of no lag. Every update is written to the index, and what is sent twice is not.
        Alarm("tracking-projector-stopped",
              unanswered(watched.updates.index_metric("ConsumedWriteCapacityUnits"),
                         watched.projector.metric("Invocations")),
              0, 2, 5 * MINUTE,
              "Updates are stored, and Lambda gives the projector none of them."),
        *watched.projector.alarms("tracking-projector", "the projector", errors={
              "threshold": 5,
              "meaning": "Whole batches of updates fail: DynamoDB does not answer the projector."}),

        Alarm("tracking-deadlines-lag", watched.deadlines.own_metric("DeadlineLag", "Maximum"), 900_000, 2, 5 * MINUTE,
              "Shipments are declared stalled or overdue late (ms): sweeps fail, or do not keep up.", "ignore"),
        # A start is due every few minutes, whether any shipment is or not.
        Alarm("tracking-deadlines-stopped", silent(watched.deadlines.metric("Invocations")), 0, 1, HOUR,
              "For an hour nobody looked which shipments are stalled or overdue: the schedule does not start that.",
              "breaching"),
        # It is started once in 5 minutes.
        *watched.deadlines.alarms("tracking-deadlines", "the function that declares shipments stalled or overdue",
                                  throttle={"threshold": 0}),

        Alarm("tracking-notifier-lag", watched.notifier.metric("IteratorAge", "Maximum"), 300_000, 2, 5 * MINUTE,
              "Notifications come late (ms): the notifier fails, or does not keep up with the shipments.", "ignore"),
        Alarm("tracking-notifier-stopped",
              unanswered(watched.shipments.index_metric("ConsumedWriteCapacityUnits"),
                         watched.notifier.metric("Invocations")),
              0, 2, 5 * MINUTE,
              "Shipments change, and Lambda gives the notifier none of them."),
        *watched.notifier.alarms("tracking-notifier", "the notifier", errors={
              "threshold": 5,
              "meaning": "Whole batches of changes fail: SNS does not answer the notifier."}),

        Alarm("tracking-dead-letters",
              watched.dead_letters.metric("ApproximateNumberOfMessagesVisible"), 0, 1, 5 * MINUTE,
              "Updates could not be handled; `make redrive` sends them again."),
        Alarm("tracking-dead-letters-lost",
              total(watched.projector.metric("DestinationDeliveryFailures"),
                    watched.notifier.metric("DestinationDeliveryFailures"),
                    watched.dead_letters.announcement_failures),
              0, 1, 5 * MINUTE,
              "Lambda could not write a dead letter, or EventBridge could not announce one."),
        Alarm("tracking-notifications-undelivered", watched.notifications.metric("NumberOfNotificationsFailed"),
              0, 1, 5 * MINUTE,
              "SNS gave up on a subscriber: its queue or webhook is gone or refuses."),
    ]
    # fmt: on


def public_alarms(settings: Settings, api: HttpApi, function: PythonFunction) -> list[Alarm | CompositeAlarm]:
    """The rows of the public API."""
    failures = api.metric("5xx")
    # fmt: off
    return [
        Alarm("public-5xx", failures, 5, 1, MINUTE,
              "The public API's requests fail through no fault of the customers."),
        *_availability(settings, "public-availability", failures, api.metric("Count")),
        Alarm("public-latency", api.metric("Latency", "p99"), 3_000, 2, 5 * MINUTE,
              "One customer in 100 waits too long (ms).", "ignore"),
        *function.alarms("public", "the public API's function",
              errors={
                  "threshold": 5,
                  "periods": 2,
                  "meaning": "The public API's function dies, and its callers get 500."},
              duration={
                  "metric": function.metric("Duration", "Average"),
                  "threshold": 45_000,
                  "meaning": "Customers wait too long (ms): DynamoDB does not answer in time."},
              throttle={"threshold": 1}),
    ]
    # fmt: on


def partners_alarms(settings: Settings, api: HttpApi) -> list[Alarm | CompositeAlarm]:
    """The rows of the partners' API."""
    failures = api.metric("5xx")
    # fmt: off
    return [
        Alarm("partners-5xx", failures, 5, 1, MINUTE,
              "The partners' API's requests fail through no fault of the partners."),
        *_availability(settings, "partners-availability", failures, api.metric("Count")),
    ]
    # fmt: on


def inbound_alarms(function: PythonFunction) -> list[Alarm | CompositeAlarm]:
    """The rows of the function that takes in what partners send."""
    # fmt: off
    return [
        Alarm("inbound-kept", function.own_metric("InboundKept"), 0, 1, 5 * MINUTE,
              "A source sends what its mapping does not know; it is kept, and `make redrive` maps it again."),
        Alarm("inbound-refused", function.own_metric("InboundRefused"), 50, 2, 5 * MINUTE,
              "Many requests are refused: a secret was changed on one side, or somebody guesses."),
        *function.alarms("inbound", "the inbound function", errors={"threshold": 0}),
    ]
    # fmt: on


def webhooks_alarms(
    fanout: PythonFunction, delivery: PythonFunction, events: WorkQueue, deliveries: WorkQueue
) -> list[Alarm | CompositeAlarm]:
    """The rows of what tells webhooks."""
    # fmt: off
    return [
        Alarm("webhooks-blocked", delivery.own_metric("WebhooksBlocked"), 0, 1, 5 * MINUTE,
              "A partner's receiver fails again and again; it gets one message a minute until one arrives."),
        Alarm("webhooks-given-up", delivery.own_metric("DeliveriesGivenUp"), 0, 1, 5 * MINUTE,
              "Messages were given up after ten tries, or since their webhook was disabled."),
        Alarm("webhooks-disabled", delivery.own_metric("WebhooksDisabled"), 0, 1, 5 * MINUTE,
              "A partner's receiver says that it is gone, and its webhook was disabled."),
        Alarm("webhooks-events-lag", events.metric("ApproximateAgeOfOldestMessage"), 300, 2, 5 * MINUTE,
              "Webhooks are told late (s): the fan-out fails, or does not keep up with the notifications.", "ignore"),
        # SQS keeps a message back for 15 minutes at most, and 6 minutes more where a run dies.
        Alarm("webhooks-deliveries-lag", deliveries.metric("ApproximateAgeOfOldestMessage"), 1_800, 2, 5 * MINUTE,
              "Webhooks are told late (s): deliveries fail, or do not keep up.", "ignore"),
        Alarm("webhooks-dead-letters",
              total(events.dead_letters, deliveries.dead_letters),
              0, 1, 5 * MINUTE,
              "Notifications or deliveries could not be handled five times."),
        # A start is due every minute.
        Alarm("webhooks-sweep-stopped", silent(delivery.own_metric("Sweeps")), 0, 1, HOUR,
              "For an hour nobody looked at what was put aside: the schedule does not start that.", "breaching"),
        *fanout.alarms("webhooks-fanout", "the fan-out"),
        *delivery.alarms("webhooks-delivery", "the function that delivers"),
    ]
    # fmt: on


def _availability(
    settings: Settings, name: str, failures: Metric, requests: Metric
) -> Iterator[CompositeAlarm]:
    """Two alarms on how fast the failures that the goal allows in 30 days are used up, in 2 days and in 5.

    As in Google's SRE workbook, "Alerting on SLOs" (multiwindow, multi-burn-rate): the long window says that it
    matters, and the short one that it goes on, so that the alarm is over soon after the failures are. An alarm
    has one period, in metric math too, so each window takes one of its own.
    """
    short = percentage(failures, requests)
    long = percentage(failures, requests, at_least=settings.monitoring.min_requests)
    for pace, rate, long_seconds, short_seconds, days in (
        ("fast", 14.4, HOUR, 5 * MINUTE, 2),
        ("slow", 6, 6 * HOUR, 30 * MINUTE, 5),
    ):
        threshold = round(rate * (100 - settings.monitoring.availability_goal_percent), 4)
        meaning = f"At this rate the failures that the goal allows in 30 days are used up in {days}."
        windows = (("long", long, long_seconds), ("short", short, short_seconds))
        yield CompositeAlarm(
            f"{name}-{pace}",
            meaning,
            tuple(
                Alarm(
                    f"{name}-{pace}-{window}", part, threshold, 1, seconds, f"{meaning} (%, {window} window)"
                )
                for window, part, seconds in windows
            ),
        )
