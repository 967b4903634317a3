"""What another stack has deployed, looked up by its name."""

from cdktf_cdktf_provider_aws.data_aws_dynamodb_table import DataAwsDynamodbTable
from cdktf_cdktf_provider_aws.data_aws_kms_alias import DataAwsKmsAlias
from cdktf_cdktf_provider_aws.data_aws_sns_topic import DataAwsSnsTopic
from constructs import Construct

from stacks.constructs.key import Key
from stacks.constructs.role import Role
from stacks.foundation import Account


class DeployedKey(Key):
    """An EncryptionKey."""

    def __init__(self, scope: Construct, id: str, *, name: str, account: Account) -> None:
        super().__init__(scope, id, account=account)
        self.arn = DataAwsKmsAlias(self, "alias", name=f"alias/{name}").target_key_arn


class DeployedTable(Construct):
    """A TrackingTable.

    Args:
        key: what the table is encrypted with, if not with a key of DynamoDB's own.
    """

    def __init__(self, scope: Construct, id: str, *, name: str, key: Key | None) -> None:
        super().__init__(scope, id)
        self._key = key
        self._table = DataAwsDynamodbTable(self, "table", name=name)
        self.name = self._table.name

    def grant_read_history(self, role: Role) -> None:
        """Lets `role` query the history of a shipment, and nothing across shipments."""
        role.allow(["dynamodb:Query"], self._table.arn)
        if self._key:
            self._key.grant_use(role, via="dynamodb")


class DeployedTopic(Construct):
    """An AlarmTopic."""

    def __init__(self, scope: Construct, id: str, *, name: str) -> None:
        super().__init__(scope, id)
        self.arn = DataAwsSnsTopic(self, "topic", name=name).arn
