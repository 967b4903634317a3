"""Facts that the deployed code and the stacks that deploy it share. Nothing here reads or calls anything."""

from pathlib import Path
from typing import Final, NamedTuple

#: Of both APIs.
VERSION: Final = "1.0.0"

#: JSON Schemas, draft 4 as API Gateway's models want it: one update, and the envelope of a batch.
UPDATE_SCHEMA: Final = Path(__file__).with_name("update.schema.json")
BATCH_SCHEMA: Final = Path(__file__).with_name("batch.schema.json")
#: What a webhook is made of, in the same form.
WEBHOOK_SCHEMA: Final = Path(__file__).with_name("webhook.schema.json")

#: What a shipment can be; the same list stands in UPDATE_SCHEMA.
STATUSES: Final = ("pending", "in_transit", "delivered", "failed")

#: Of those, the ones after which nothing more is awaited.
FINAL: Final = ("delivered", "failed")

#: What subscribers are told of a shipment.
STATUS_CHANGED: Final = "status_changed"
STALLED: Final = "stalled"
OVERDUE: Final = "overdue"
MOVING_AGAIN: Final = "moving_again"
ESTIMATE_CHANGED: Final = "estimate_changed"
EVENTS: Final = (STATUS_CHANGED, STALLED, OVERDUE, MOVING_AGAIN, ESTIMATE_CHANGED)

#: Metrics by status: of the updates that were stored, and of the shipments whose status changed to it.
UPDATES_METRICS: Final = {status: f"Updates_{status}" for status in STATUSES}
SHIPMENTS_METRICS: Final = {status: f"Shipments_{status}" for status in STATUSES}
#: Of the shipments that were declared one or the other.
DECLARED_METRICS: Final = {STALLED: "ShipmentsStalled", OVERDUE: "ShipmentsOverdue"}
#: The dimensions of all metrics; Powertools names the first.
SERVICE_DIMENSION: Final = "service"
ENVIRONMENT_DIMENSION: Final = "environment"

#: The namespace of all metrics.
NAMESPACE: Final = "LogisticsTracking"

#: Names of the environment variables of the functions: of all of them first.
ENVIRONMENT: Final = "ENVIRONMENT"
REGION: Final = "REGION"
SERVICE_NAME: Final = "POWERTOOLS_SERVICE_NAME"
METRICS_NAMESPACE: Final = "POWERTOOLS_METRICS_NAMESPACE"
LOG_LEVEL: Final = "LOG_LEVEL"
TABLE_NAME: Final = "TABLE_NAME"
SHIPMENTS_TABLE: Final = "SHIPMENTS_TABLE"
REFERENCES_TABLE: Final = "REFERENCES_TABLE"
IDEMPOTENCY_TABLE: Final = "IDEMPOTENCY_TABLE"
CONFIG_PARAM: Final = "CONFIG_PARAM"
DB_PARAM: Final = "DB_PARAM"
FEATURE_FLAGS_PARAM: Final = "FEATURE_FLAGS_PARAM"
STATUS_INDEX_SHARDS: Final = "STATUS_INDEX_SHARDS"
STATUS_INDEX_SHARDS_READ: Final = "STATUS_INDEX_SHARDS_READ"
TOPIC_ARN: Final = "TOPIC_ARN"
STALLED_AFTER_HOURS: Final = "STALLED_AFTER_HOURS"
WEBHOOKS_TABLE: Final = "WEBHOOKS_TABLE"
DELIVERIES_TABLE: Final = "DELIVERIES_TABLE"
DELIVERIES_QUEUE: Final = "DELIVERIES_QUEUE"
#: Whether a webhook may be on this machine, and without TLS; in an emulated deployment alone.
LOCAL_RECEIVERS: Final = "LOCAL_RECEIVERS"
INBOUND_SOURCES: Final = "INBOUND_SOURCES"
QUARANTINE_BUCKET: Final = "QUARANTINE_BUCKET"

#: What the names of the SSM parameters begin with that hold the secrets of sources, each named after its source.
INBOUND_SECRETS: Final = "/tracking/{environment}/inbound/"

#: The kinds of a stream's records that its function is given: updates are added and never change, shipments do both.
UPDATES_EVENTS: Final = ("INSERT",)
SHIPMENTS_EVENTS: Final = ("INSERT", "MODIFY")

#: The index by status of both tables. Its hash key is the attribute STATUS_KEY, in which storage.shards writes a shard
#: behind the status; its range key is `timestamp` of updates, and STATUS_SINCE of shipments.
STATUS_INDEX: Final = "StatusIndex"
STATUS_KEY: Final = "status"
STATUS_SINCE: Final = "since"


class Index(NamedTuple):
    """An index of a table. Its hash key is a text with a shard, as STATUS_KEY; its range key a time in ms."""

    name: str
    key: str
    time: str
    keys_only: bool = False
    """It holds no more than keys, so that a write of anything else costs nothing here."""


#: The sparse indexes of shipments: of those that have to be looked at, by when; of those that are stalled or overdue,
#: by since when.
DUE_INDEX: Final = Index("DueIndex", "due_shard", "due", keys_only=True)
STALLED_INDEX: Final = Index("StalledIndex", "stalled", "stalled_for")
OVERDUE_INDEX: Final = Index("OverdueIndex", "overdue", "overdue_for")

#: The sparse index of a webhook's deliveries that are not done with, by when they have to be looked at.
DELIVERIES_INDEX: Final = Index("DueIndex", "webhook", "due", keys_only=True)
#: The attribute with the second after which DynamoDB deletes a delivery.
DELIVERY_EXPIRES: Final = "expires"

#: The SSM parameter with the greatest number of the index's shards that was ever deployed.
SHARDS_PARAMETER: Final = "/logistics/index/{environment}/shards"

#: What holds while the parameters in SSM cannot be read or understood.
DEFAULT_FLAGS: Final = {"enhanced_tracking": True, "batch_processing": False, "real_time_notifications": True}
DEFAULT_CONFIG: Final = {"max_request_size": "10MB", "timeout": 30, "rate_limit": 100}
