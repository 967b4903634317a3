"""From a batch of the stream's records to the records of its shipments."""

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

from botocore.exceptions import BotoCoreError, ClientError

from projector.records import Records
from runtime import batch
from runtime.telemetry import Telemetry
from shipments.shipment import StoredUpdate
from storage.updates import decode_stored

#: Shipments that are worked on at once; a client keeps 10 connections.
_WORKERS = 10


def make_batches(records: Records, telemetry: Telemetry) -> batch.Batches:
    """What handles the stream's batches.

    A batch fails as a whole if DynamoDB does not answer: whatever was folded already stays as it is when it comes
    again. A shipment whose record is none holds nothing else back.
    """

    def add(updates: list[StoredUpdate]) -> int | Exception:
        try:
            return records.add(updates)
        except (BotoCoreError, ClientError):
            raise
        except Exception as error:
            return error

    def work(changed: batch.Records) -> batch.Failures:
        failures: dict[str, Exception] = {}
        arrivals: defaultdict[str, dict[str, StoredUpdate]] = defaultdict(dict)
        for record in changed:
            try:
                update = decode_stored(record["dynamodb"]["NewImage"])
            except Exception as error:  # whatever was written to the table, the records beside it matter
                failures[record["eventID"]] = error
            else:
                arrivals[update.tracking_id][record["eventID"]] = update
        with ThreadPoolExecutor(_WORKERS) as pool:
            outcomes = pool.map(add, [list(updates.values()) for updates in arrivals.values()])
        late = 0
        for updates, outcome in zip(arrivals.values(), outcomes, strict=True):
            if isinstance(outcome, Exception):
                failures |= dict.fromkeys(updates, outcome)
            else:
                late += outcome
        telemetry.count("LateUpdate", late)
        return failures

    return batch.Batches("project", telemetry, work)
