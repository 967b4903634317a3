"""The embedded AWS: moto's server in a process of its own, on a free port of the loopback interface."""

import json
import os
import subprocess
import sys
from functools import cache
from threading import Lock
from typing import Any, Self

LOOPBACK = "127.0.0.1"

#: What AWS clients need to talk to the embedded AWS; it checks neither the key nor the signature.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local-secret"}


def client(service: str, endpoint: str, region: str) -> Any:
    """A boto3 client of a service of the embedded AWS."""
    import boto3  # which the server itself starts without

    keys = {name.lower(): value for name, value in CREDENTIALS.items()}
    return boto3.client(service, endpoint_url=endpoint, region_name=region, **keys)


class EmbeddedAws:
    """One emulated AWS account, empty at first; a context manager.

    The server picks its own port and tells it through a pipe, so no other program's server can be taken
    for it. It ends when that pipe closes, so it never outlives the process that started it.
    """

    endpoint: str
    """Base URL of every service, for example ``http://127.0.0.1:40123``."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-P", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "MOTO_IAM_LOAD_MANAGED_POLICIES": "true"},
            start_new_session=True,  # Ctrl-C reaches the parent alone, which still needs AWS to clean up
        )
        assert self._process.stdout is not None  # noqa: S101 (for the type checker)
        try:
            port = self._process.stdout.readline().strip()
        except KeyboardInterrupt:
            self._end()
            raise
        if not port:
            raise RuntimeError("The embedded AWS did not start; what it said stands above.")
        self.endpoint = f"http://{LOOPBACK}:{port}"
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _end(self) -> None:
        self._process.kill()  # all that it has is in its memory
        self._process.communicate()

    def environment(self, region: str) -> dict[str, str]:
        """The variables that point boto3, the AWS CLI and Terraform's provider at this server, past any proxy."""
        others = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
        direct = f"{LOOPBACK},{others}" if others else LOOPBACK
        return {
            "NO_PROXY": direct,
            "no_proxy": direct,
            **CREDENTIALS,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
        }


def _serve() -> None:
    import logging

    from moto.awslambda.models import LambdaBackend
    from moto.dynamodb.responses import DynamoHandler
    from moto.moto_api._internal.recorder.models import Recorder
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication as Dispatcher
    from moto.server import ThreadedMotoServer
    from moto.sqs.models import Queue

    # A mapped stream's records would go to Docker, and be dropped whatever becomes of them; local/stream.py
    # reads them instead. What this returns says that nobody took them.
    LambdaBackend.send_dynamodb_items = lambda *_: ""  # type: ignore[method-assign]
    # Nor may a queue that is mapped have its messages received there and then; local/queue.py does it.
    Queue.lambda_event_source_mappings = property(lambda _: {}, lambda *_: None)  # type: ignore[assignment]
    # moto checks a condition and then writes, and another thread may write in between.
    _run_alone(DynamoHandler, "call_action")
    # It appends a large request in pieces.
    _run_alone(Recorder, "_record_request")
    # It lists moto's folder and tries two hundred patterns, at each request.
    Dispatcher.get_backend_for_host = cache(Dispatcher.get_backend_for_host)  # type: ignore[method-assign]
    _copy_tables_once()
    _answer_as_aws()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address=LOOPBACK, port=0, verbose=False)
    server.start()
    print(server.get_host_and_port()[1], flush=True)
    sys.stdin.read()


def _run_alone(owner: type, name: str) -> None:
    """Has a method run for one thread at a time."""
    lock, method = Lock(), getattr(owner, name)

    def alone(*arguments: Any, **options: Any) -> Any:
        with lock:
            return method(*arguments, **options)

    setattr(owner, name, alone)


def _copy_tables_once() -> None:
    """Has moto copy a table once for a transaction, of which it has one for each item: seconds with some thousand."""
    import copy
    from types import SimpleNamespace
    from typing import Any

    from moto.dynamodb import models
    from moto.dynamodb.models.table import Table

    copies: dict[int, Any] = {}
    transact = models.DynamoDBBackend.transact_write_items

    def deepcopy(value: Any) -> Any:
        if not isinstance(value, Table):
            return copy.deepcopy(value)
        if id(value) not in copies:
            copies[id(value)] = copy.deepcopy(value)
        return copies[id(value)]

    def transact_write_items(
        backend: Any, transact_items: Any
    ) -> None:  # for one thread at a time, as all calls
        copies.clear()
        transact(backend, transact_items)

    models.copy = SimpleNamespace(deepcopy=deepcopy)  # type: ignore[assignment, attr-defined]
    models.DynamoDBBackend.transact_write_items = transact_write_items  # type: ignore[assignment, method-assign]


def _answer_as_aws() -> None:
    """Has moto keep and tell what AWS does, where Terraform would find a difference at each plan."""
    from typing import Any

    from moto.apigateway.models import GatewayResponse
    from moto.awslambda.models import LambdaFunction
    from moto.core.responses import ActionResult
    from moto.s3.responses import S3Response
    from moto.sqs.models import Queue

    # As LocalStack recorded it from AWS (its test_gateway_response_put).
    status_codes = {
        "BAD_REQUEST_BODY": "400",
        "BAD_REQUEST_PARAMETERS": "400",
        "INTEGRATION_TIMEOUT": "504",
        "REQUEST_TOO_LARGE": "413",
        "THROTTLED": "429",
        "UNSUPPORTED_MEDIA_TYPE": "415",
    }
    gateway_response = GatewayResponse.to_json

    def with_status_code(response: GatewayResponse) -> dict[str, Any]:
        default = status_codes.get(response.response_type)
        return ({"statusCode": default} if default else {}) | gateway_response(response)

    make, configuration = LambdaFunction.__init__, LambdaFunction.get_configuration

    def make_with_dead_letters(function: Any, *, spec: dict[str, Any], **others: Any) -> None:
        function.dead_letters = {name: spec[name] for name in spec.keys() & {"DeadLetterConfig"}}
        make(function, spec=spec, **others)

    def with_dead_letters(function: Any, on_create: bool = False) -> dict[str, Any]:
        return {**configuration(function, on_create), **function.dead_letters}

    notifications = S3Response.get_bucket_notification

    def with_eventbridge(response: S3Response) -> Any:
        kept = response.backend.get_bucket_notification_configuration(response.bucket_name)
        if kept is None or kept.event_bridge is None:
            return notifications(response)
        response.data["Action"] = "GetBucketNotificationConfiguration"
        return response.serialized(ActionResult({"EventBridgeConfiguration": {}}))

    attributes = Queue.attributes

    def with_compact_policy(queue: Queue) -> dict[str, Any]:
        found: dict[str, Any] = attributes.fget(queue)  # type: ignore[attr-defined]
        if found.get("RedrivePolicy"):
            found["RedrivePolicy"] = json.dumps(json.loads(found["RedrivePolicy"]), separators=(",", ":"))
        return found

    GatewayResponse.to_json = with_status_code  # type: ignore[assignment, method-assign]
    LambdaFunction.__init__ = make_with_dead_letters  # type: ignore[assignment, method-assign]
    LambdaFunction.get_configuration = with_dead_letters  # type: ignore[assignment, method-assign]
    S3Response.get_bucket_notification = with_eventbridge  # type: ignore[assignment, method-assign]
    Queue.attributes = property(with_compact_policy)  # type: ignore[assignment, method-assign]


if __name__ == "__main__":
    _serve()
