"""The tables."""

from cdktf import TerraformResourceLifecycle
from cdktf_cdktf_provider_aws.dynamodb_table import (
    DynamodbTable,
    DynamodbTableAttribute,
    DynamodbTableGlobalSecondaryIndex,
    DynamodbTablePointInTimeRecovery,
    DynamodbTableServerSideEncryption,
    DynamodbTableTtl,
)
from constructs import Construct

import contract
from stacks.constructs.environment import Environment
from stacks.constructs.metric import Metric
from stacks.constructs.role import Role


class TrackingTable(Construct):
    """One item an update: a shipment's history under its id, ordered by event time (ms since the epoch)."""

    #: What is called on it; its stream apart.
    operations = ("PutItem", "Query")

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        environment: Environment,
        name: str,
    ) -> None:
        super().__init__(scope, id)
        self._key = key = environment.key
        protect_from_deletion = environment.protect_from_deletion
        self._table = DynamodbTable(
            self,
            "table",
            name=name,
            billing_mode="PAY_PER_REQUEST",
            hash_key="tracking_id",
            range_key="timestamp",
            attribute=[
                DynamodbTableAttribute(name="tracking_id", type="S"),
                DynamodbTableAttribute(name="timestamp", type="N"),
                DynamodbTableAttribute(name=contract.STATUS_KEY, type="S"),
            ],
            global_secondary_index=[
                DynamodbTableGlobalSecondaryIndex(
                    name=contract.STATUS_INDEX,
                    hash_key=contract.STATUS_KEY,
                    range_key="timestamp",
                    projection_type="ALL",
                )
            ],
            stream_enabled=True,
            stream_view_type="NEW_AND_OLD_IMAGES",
            point_in_time_recovery=DynamodbTablePointInTimeRecovery(enabled=True),
            server_side_encryption=DynamodbTableServerSideEncryption(
                enabled=True, kms_key_arn=key.arn if key else None
            ),
            deletion_protection_enabled=protect_from_deletion,
            lifecycle=TerraformResourceLifecycle(prevent_destroy=protect_from_deletion),
        )
        self.name = self._table.name
        self.stream_arn = self._table.stream_arn

    def metric(self, name: str, *, operation: str | None = None) -> Metric:
        """A metric that DynamoDB emits for the table, or for one operation on it."""
        return _metric(name, TableName=self.name, Operation=operation)

    def index_metric(self, name: str) -> Metric:
        """A metric that DynamoDB emits for the index, which that of the table leaves out."""
        return _metric(name, TableName=self.name, GlobalSecondaryIndexName=contract.STATUS_INDEX)

    def grant_write(self, role: Role) -> None:
        """Lets `role` add updates."""
        self._grant(role, ["dynamodb:PutItem"], self._table.arn)

    def grant_read(self, role: Role) -> None:
        """Lets `role` query the history of a shipment, and the updates with a status."""
        self._grant(
            role, ["dynamodb:Query"], self._table.arn, f"{self._table.arn}/index/{contract.STATUS_INDEX}"
        )

    def grant_read_history(self, role: Role) -> None:
        """Lets `role` query the history of a shipment, and nothing across shipments."""
        self._grant(role, ["dynamodb:Query"], self._table.arn)

    def grant_stream(self, role: Role) -> None:
        """Lets Lambda read the stream for the function with `role`."""
        actions = ["DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"]
        # A stream is named after the moment at which it was turned on, and ListStreams asks for all of a table's.
        self._grant(role, [f"dynamodb:{action}" for action in actions], f"{self._table.arn}/stream/*")

    def _grant(self, role: Role, actions: list[str], *resources: str) -> None:
        role.allow(actions, *resources)
        if self._key:
            self._key.grant_use(role, via="dynamodb")


class IdempotencyTable(Construct):
    """When a request with an Idempotency-Key was first seen; kept for a day.

    A table of its own, so that nothing of it can show in a history, an index or the stream.
    """

    #: What is called on it.
    operations = ("PutItem",)

    def __init__(self, scope: Construct, id: str, *, environment: Environment, name: str) -> None:
        super().__init__(scope, id)
        self._key = key = environment.key
        self._table = DynamodbTable(
            self,
            "table",
            name=name,
            billing_mode="PAY_PER_REQUEST",
            hash_key="id",
            attribute=[DynamodbTableAttribute(name="id", type="S")],
            # It costs next to nothing for a day's keys, and lets the check of every table have no exception.
            point_in_time_recovery=DynamodbTablePointInTimeRecovery(enabled=True),
            ttl=DynamodbTableTtl(attribute_name="expiration", enabled=True),
            server_side_encryption=DynamodbTableServerSideEncryption(
                enabled=True, kms_key_arn=key.arn if key else None
            ),
        )
        self.name = self._table.name

    def metric(self, name: str, *, operation: str | None = None) -> Metric:
        """A metric that DynamoDB emits for the table, or for one operation on it."""
        return _metric(name, TableName=self.name, Operation=operation)

    def grant_use(self, role: Role) -> None:
        """Lets `role` remember keys, and read one that it finds there."""
        role.allow([f"dynamodb:{operation}" for operation in self.operations], self._table.arn)
        if self._key:
            self._key.grant_use(role, via="dynamodb")


def _metric(name: str, **dimensions: str | None) -> Metric:
    return Metric("AWS/DynamoDB", name, "Sum", {key: value for key, value in dimensions.items() if value})
