"""The tables."""

from collections.abc import Mapping, Sequence

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
from contract import Index
from stacks.constructs.environment import Environment
from stacks.constructs.metric import Metric
from stacks.constructs.role import Role


class Table(Construct):
    """A table that is billed by request, encrypted and can be restored to any second of the last 35 days.

    Args:
        name: without the environment's, which ends it.
        keys: types of the hash key and, if there is one, the range key, by attribute.
        index_time: the range key of its index by status, if it has one; the hash key is STATUS_KEY.
        sparse: its other indexes.
        stream: whether functions are told what changes.
        ttl: the attribute with the second after which DynamoDB deletes an item, if it does.
        protected: whether it is protected from deletion where the environment is.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        keys: Mapping[str, str],
        index_time: str = "",
        sparse: Sequence[Index] = (),
        stream: bool = False,
        ttl: str = "",
        protected: bool = True,
    ) -> None:
        super().__init__(scope, id)
        environment = Environment.of(self)
        self._operations: set[str] = set()
        self._key = key = environment.key
        by_status = [Index(contract.STATUS_INDEX, contract.STATUS_KEY, index_time)] if index_time else []
        indexes = [*by_status, *sparse]
        types = dict(keys)
        for index in indexes:
            types |= {index.key: "S", index.time: "N"}
        protected_here = protected and environment.protect_from_deletion
        self._table = DynamodbTable(
            self,
            "table",
            name=f"{name}-{environment.name}",
            billing_mode="PAY_PER_REQUEST",
            hash_key=next(iter(keys)),
            range_key=(*keys, None)[1],
            attribute=[
                DynamodbTableAttribute(name=attribute, type=kind) for attribute, kind in types.items()
            ],
            global_secondary_index=[
                DynamodbTableGlobalSecondaryIndex(
                    name=index.name,
                    hash_key=index.key,
                    range_key=index.time,
                    projection_type="KEYS_ONLY" if index.keys_only else "ALL",
                )
                for index in indexes
            ]
            or None,
            stream_enabled=stream or None,
            stream_view_type="NEW_AND_OLD_IMAGES" if stream else None,
            # It costs next to nothing for a small table, and lets the check of every table have no exception.
            point_in_time_recovery=DynamodbTablePointInTimeRecovery(enabled=True),
            ttl=DynamodbTableTtl(attribute_name=ttl, enabled=True) if ttl else None,
            server_side_encryption=DynamodbTableServerSideEncryption(
                enabled=True, kms_key_arn=key.arn if key else None
            ),
            deletion_protection_enabled=protected_here if protected else None,
            lifecycle=TerraformResourceLifecycle(prevent_destroy=protected_here) if protected else None,
        )
        self.name = self._table.name
        self.stream_arn = self._table.stream_arn

    @property
    def operations(self) -> list[str]:
        """What has been granted on the table itself."""
        return sorted(self._operations)

    def metric(self, name: str, *, operation: str | None = None) -> Metric:
        """A metric that DynamoDB emits for the table, or for one operation on it."""
        return _metric(name, TableName=self.name, Operation=operation)

    def index_metric(self, name: str, index: str = contract.STATUS_INDEX) -> Metric:
        """A metric that DynamoDB emits for an index, which that of the table leaves out."""
        return _metric(name, TableName=self.name, GlobalSecondaryIndexName=index)

    def grant(self, role: Role, *operations: str) -> None:
        """Lets `role` call operations on the table."""
        self._operations |= {*operations}
        self._grant(role, operations, self._table.arn)

    def grant_indexes(self, role: Role, *names: str) -> None:
        """Lets `role` query some of its indexes, and not the table."""
        self._grant(role, ["Query"], *(f"{self._table.arn}/index/{name}" for name in names))

    def grant_stream(self, role: Role) -> None:
        """Lets Lambda read the stream for the function with `role`."""
        actions = ["DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"]
        # A stream is named after the moment at which it was turned on, and ListStreams asks for all of a table's.
        self._grant(role, actions, f"{self._table.arn}/stream/*")

    def _grant(self, role: Role, operations: Sequence[str], *resources: str) -> None:
        role.allow([f"dynamodb:{operation}" for operation in operations], *resources)
        if self._key:
            self._key.grant_use(role, via="dynamodb")


def _metric(name: str, **dimensions: str | None) -> Metric:
    return Metric("AWS/DynamoDB", name, "Sum", {key: value for key, value in dimensions.items() if value})
