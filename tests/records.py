"""The records of shipments, and what they have to say."""

from typing import Any

import boto3

from shipments.shipment import Shipment, StoredUpdate
from storage.shipments import Record
from storage.updates import decode_stored
from tests.pipeline import Pipeline


def expected(history: list[StoredUpdate], tracking_id: str = "A") -> Shipment:
    """What is true of a history, which is in order of time."""
    newest = history[-1]

    def latest(field: str) -> tuple[Any, int | None]:
        found = [update for update in history if getattr(update, field) is not None]
        return (getattr(found[-1], field), found[-1].timestamp) if found else (None, None)

    carrier, carrier_at = latest("carrier")
    estimate, estimated_at = latest("estimated_delivery")
    references = {reference for update in history for reference in update.references or ()}
    others = [update for update in history if update.status != newest.status]
    before = others[-1].timestamp if others else -1
    return Shipment(
        tracking_id=tracking_id,
        status=newest.status,
        since=next(update.timestamp for update in history if update.timestamp > before),
        last_update=newest.timestamp,
        location=newest.location,
        place=newest.place,
        detail=newest.detail,
        reason=newest.reason,
        carrier=carrier,
        carrier_at=carrier_at,
        estimated_delivery=estimate,
        estimated_at=estimated_at,
        references=sorted(references)[:20],
        first_update=history[0].timestamp,
        newest={update.status: update.timestamp for update in history},
    )


def history(pipeline: Pipeline, shipment: str) -> list[StoredUpdate]:
    """What is stored of a shipment, in order of time."""
    pages = (
        boto3.client("dynamodb")
        .get_paginator("query")
        .paginate(
            TableName=pipeline.updates.table,
            KeyConditionExpression="tracking_id = :id",
            ExpressionAttributeValues={":id": {"S": shipment}},
        )
    )
    return [decode_stored(item) for page in pages for item in page["Items"]]


def record_of(pipeline: Pipeline, shipment: str) -> Record:
    found = pipeline.projection.read(shipment)
    assert found
    return found


def check(pipeline: Pipeline, *shipments: str) -> None:
    """The records are the folds of the histories."""
    for shipment in shipments:
        assert record_of(pipeline, shipment).shipment == expected(history(pipeline, shipment), shipment)
