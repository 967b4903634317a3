"""What takes in what partners send."""

from collections.abc import Sequence

from constructs import Construct

import contract
from contract.partner_routes import INBOUND_ROUTES, jwt_route
from stacks.alarms import inbound_alarms
from stacks.constructs.alarms import Alarm, CompositeAlarm
from stacks.constructs.bucket import ExpiringBucket
from stacks.constructs.dashboard import Graph
from stacks.constructs.environment import Environment
from stacks.constructs.function import PythonFunction
from stacks.constructs.http_api import HttpApi, JwtRoute
from stacks.constructs.references import TableReference
from stacks.constructs.role import Role
from stacks.constructs.shards import StatusIndexShards
from stacks.inbound_sources import proof_of, sources_variable
from stacks.settings import Settings

MEMORY_MB = 512
#: An HTTP API waits no longer.
TIMEOUT_SECONDS = 30


class Inbound(Construct):
    """The function that proves, maps and stores what sources send, and the bucket of what is no update.

    Args:
        updates: the table that it stores updates in.
    """

    def __init__(
        self, scope: Construct, id: str, *, settings: Settings, api: HttpApi, updates: TableReference
    ) -> None:
        super().__init__(scope, id)
        environment = Environment.of(self)
        self.bucket = ExpiringBucket(self, "quarantine", name="tracking-quarantine", rule="quarantine")
        shards = StatusIndexShards(self, "shards", wanted=settings.tracking.status_index_shards)
        self._function = PythonFunction(
            self,
            "function",
            package="inbound",
            memory_mb=MEMORY_MB,
            timeout_seconds=TIMEOUT_SECONDS,
            variables={
                contract.TABLE_NAME: updates.name,
                contract.STATUS_INDEX_SHARDS: shards.written,
                contract.INBOUND_SOURCES: sources_variable(settings),
                contract.QUARANTINE_BUCKET: self.bucket.name,
            },
            # An HTTP API begins no traces, and senders' own trace headers should start none.
            traced=False,
            reserved_concurrency=settings.partners.reserved_concurrency,
        )
        updates.grant(self._function.role, "PutItem", "Query")
        self.bucket.grant_put(self._function.role)
        proofs = {name: proof_of(source) for name, source in settings.partners.sources.items()}
        jwt = [
            JwtRoute(jwt_route(name), name, proof["issuer"], proof["audience"], proof.get("scopes", ()))
            for name, proof in proofs.items()
            if proof["kind"] == "jwt"
        ]
        secret = proofs.keys() - {route.name for route in jwt}
        self._grant_secrets(self._function.role, sorted(secret), environment)
        api.add_routes(
            self._function, public=[route.key for route in INBOUND_ROUTES], jwt=jwt, name="inbound"
        )

    def alarms(self) -> Sequence[Alarm | CompositeAlarm]:
        """Its rows."""
        return inbound_alarms(self._function)

    def graphs(self) -> list[list[Graph]]:
        """Its rows of the dashboard."""
        counted = {
            "received": self._function.own_metric("InboundReceived"),
            "refused": self._function.own_metric("InboundRefused"),
            "failed": self._function.own_metric("InboundFailed"),
            "kept": self._function.own_metric("InboundKept"),
        }
        return [[Graph("What partners send", counted)], [*self._function.graphs("Inbound function")]]

    def _grant_secrets(self, role: Role, sources: Sequence[str], environment: Environment) -> None:
        prefix = contract.INBOUND_SECRETS.format(environment=environment.name)
        names = [environment.account.arn("ssm", f"parameter{prefix}{name}") for name in sources]
        if names:
            role.allow(["ssm:GetParameters"], *names)
            if environment.key:
                environment.key.grant_use(role, via="ssm")
