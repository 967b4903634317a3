"""What tells partners: webhooks and pull feeds."""

from collections.abc import Sequence

from constructs import Construct

import contract
from contract.partner_routes import FEED, WEBHOOK_ROUTES
from stacks.alarms import webhooks_alarms
from stacks.constructs.alarms import Alarm, CompositeAlarm
from stacks.constructs.dashboard import Graph
from stacks.constructs.environment import Environment
from stacks.constructs.function import PythonFunction
from stacks.constructs.http_api import HttpApi
from stacks.constructs.references import TopicReference
from stacks.constructs.schedule import Schedule
from stacks.constructs.table import Table
from stacks.constructs.work_queue import WorkQueue

MEMORY_MB = 512
#: One processor: for each webhook that is told, it signs a transaction for each 25 messages.
FANOUT_MEMORY_MB = 1_769
#: An HTTP API waits no longer.
API_TIMEOUT_SECONDS = 30
#: For a batch: a request may take 10 s, and a call to DynamoDB or SQS as long.
BATCH_TIMEOUT_SECONDS = 60
#: How often it is looked what was put aside.
SWEEP_MINUTES = 1
#: Notifications of a run, and how long they are gathered.
FANOUT_BATCH, FANOUT_WINDOW_SECONDS = 100, 1
#: Batches at once: those of the fan-out number the messages of the same webhooks, one after the other.
FANOUT_CONCURRENCY, DELIVERY_CONCURRENCY = 5, 100
#: Messages of a run, each of which has up to ten deliveries of one webhook: a slow one holds nothing of another back.
DELIVERY_BATCH = 1


class Webhooks(Construct):
    """The tables of webhooks and deliveries, the queues, and the functions that manage, number and send.

    Args:
        notifications: the topic whose messages webhooks are told.
        reserved_concurrency: as PythonFunction has it, of the function that answers.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        api: HttpApi,
        notifications: TopicReference,
        reserved_concurrency: int,
    ) -> None:
        super().__init__(scope, id)
        # One item a webhook, with its secrets.
        webhooks = Table(self, "table", name="tracking-webhooks", keys={"id": "S"})
        # One item a message of a webhook, numbered, for 30 days.
        deliveries = Table(
            self,
            "deliveries",
            name="tracking-deliveries",
            keys={"webhook": "S", "sequence": "N"},
            sparse=(contract.DELIVERIES_INDEX,),
            ttl=contract.DELIVERY_EXPIRES,
            protected=False,
        )
        self._events = WorkQueue(self, "events", name="tracking-webhook-events")
        self._queue = WorkQueue(self, "queue", name="tracking-deliveries")
        variables = {
            contract.WEBHOOKS_TABLE: webhooks.name,
            contract.DELIVERIES_TABLE: deliveries.name,
            contract.DELIVERIES_QUEUE: self._queue.url,
        }
        # A receiver may be on this machine, too.
        receivers = {contract.LOCAL_RECEIVERS: "true"} if Environment.of(self).emulated else {}
        manager = PythonFunction(
            self,
            "webhooks",
            package="webhooks",
            memory_mb=MEMORY_MB,
            timeout_seconds=API_TIMEOUT_SECONDS,
            variables={**variables, **receivers},
            # An HTTP API begins no traces, and partners' own trace headers should start none.
            traced=False,
            reserved_concurrency=reserved_concurrency,
        )
        webhooks.grant(manager.role, "DeleteItem", "GetItem", "PutItem", "Scan", "UpdateItem")
        deliveries.grant(manager.role, "GetItem", "PutItem", "Query")
        self._queue.grant_send(manager.role)
        api.add_routes(
            manager, signed=[route.key for route in WEBHOOK_ROUTES], public=[FEED.key], name="webhooks"
        )

        self._fanout = PythonFunction(
            self,
            "fanout",
            package="fanout",
            memory_mb=FANOUT_MEMORY_MB,
            timeout_seconds=BATCH_TIMEOUT_SECONDS,
            variables=variables,
        )
        webhooks.grant(self._fanout.role, "GetItem", "Scan", "UpdateItem")
        deliveries.grant(self._fanout.role, "PutItem")
        self._queue.grant_send(self._fanout.role)
        self._events.subscribe(notifications)
        self._events.feed(
            self._fanout,
            batch_size=FANOUT_BATCH,
            window_seconds=FANOUT_WINDOW_SECONDS,
            concurrency=FANOUT_CONCURRENCY,
        )

        self._delivery = PythonFunction(
            self,
            "delivery",
            package="delivery",
            memory_mb=MEMORY_MB,
            timeout_seconds=BATCH_TIMEOUT_SECONDS,
            variables={
                **variables,
                **receivers,
                # resolv.conf(5): the system waits for a name longer than a request may take.
                "RES_OPTIONS": "timeout:2 attempts:2",
            },
        )
        webhooks.grant(self._delivery.role, "GetItem", "Scan", "UpdateItem")
        deliveries.grant(self._delivery.role, "GetItem", "UpdateItem")
        deliveries.grant_indexes(self._delivery.role, contract.DELIVERIES_INDEX.name)
        self._queue.grant_send(self._delivery.role)
        self._queue.feed(self._delivery, batch_size=DELIVERY_BATCH, concurrency=DELIVERY_CONCURRENCY)
        Schedule(
            self,
            "schedule",
            name="tracking-delivery",
            role_name="tracking-delivery-schedule-role",
            function=self._delivery,
            minutes=SWEEP_MINUTES,
        )

    def alarms(self) -> Sequence[Alarm | CompositeAlarm]:
        """Its rows."""
        return webhooks_alarms(self._fanout, self._delivery, self._events, self._queue)

    def graphs(self) -> list[list[Graph]]:
        """Its rows of the dashboard."""
        counted = {
            "arrived": "DeliveriesSucceeded",
            "failed": "DeliveriesFailed",
            "put aside": "DeliveriesPutAside",
            "given up": "DeliveriesGivenUp",
        }
        age = "ApproximateAgeOfOldestMessage"
        return [
            [
                Graph("Deliveries", {name: self._delivery.own_metric(one) for name, one in counted.items()}),
                Graph(
                    "Blocked webhooks",
                    {"blocked": self._delivery.own_metric("WebhooksBlockedNow", "Maximum")},
                ),
                Graph(
                    "Oldest message (s)",
                    {"notifications": self._events.metric(age), "deliveries": self._queue.metric(age)},
                ),
            ],
            [*self._fanout.graphs("Fan-out"), *self._delivery.graphs("Delivery function")],
        ]
