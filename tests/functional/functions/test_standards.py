"""What becomes of messages in every form that the examples of GS1's and DCSA's standards have.

The examples themselves are not here, since GS1 licenses none. Those of EPCIS are in https://github.com/gs1/EPCIS, in
the folders JSON and JSON-simple-context; those of DCSA in https://github.com/dcsaorg/Conformance-Gateway, in
tnt/src/main/resources/standards/tnt/messages.
"""

from typing import Any

import pytest

from tests.senders import SECRET, Sender

TIME = {"eventTime": "2026-07-22T20:33:31.116-06:00", "eventTimeZoneOffset": "-06:00"}
ITEM = "urn:epc:id:sgtin:4012345.012345."
PALLET = "urn:epc:id:sscc:4012345.0000000001"
QUANTITY = {"epcClass": "urn:epc:class:lgtin:4012345.012345.998877", "quantity": 200, "uom": "KGM"}
SENSORS = {"sensorElementList": [{"sensorReport": [{"type": "Temperature", "value": 26.0, "uom": "CEL"}]}]}
ERROR = {"errorDeclaration": {"declarationTime": "2026-07-23T10:00:00Z", "reason": "incorrect_data"}}
NOT_IN_TABLE = " is not in the mapping's table"


def event(step: str | None, *epcs: str, **members: Any) -> dict[str, Any]:
    business = {"bizStep": step} if step else {}
    things = {"epcList": list(epcs)} if epcs else {}
    return {"type": "ObjectEvent", "action": "OBSERVE", **business, **things, **TIME, **members}


def document(*events: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {
        "@context": ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-07-22T10:00:00Z",
        "epcisBody": {"eventList": list(events)},
        **members,
    }


def refused(place: int, *keys: str) -> str:
    return f'event {place}: the status ["{keys[0]}/{keys[1]}", "{keys[0]}"]{NOT_IN_TABLE}'


SHIPPED = event("shipping", f"{ITEM}2017", f"{ITEM}2018", disposition="in_transit")
RECEIVED = event("receiving", f"{ITEM}2018", disposition="in_progress")
QUERY_RESULTS = {
    "epcisBody": {
        "queryResults": {
            "queryName": "SimpleEventQuery",
            "subscriptionID": "s-1",
            "resultsBody": {"eventList": [SHIPPED, RECEIVED]},
        }
    },
    "type": "EPCISQueryDocument",
}
LINK = "https://id.gs1.org/01/04012345123456/21/"

EPCIS: dict[str, tuple[Any, int, list[str]]] = {
    "objects": (document(SHIPPED, RECEIVED), 3, []),
    "one event alone": (SHIPPED, 2, []),
    "the results of a query, which subscriptions send": (document(**QUERY_RESULTS), 3, []),
    "headers": (document(SHIPPED, sender="urn:epc:id:sgln:4012345.00001.0", instanceIdentifier="1"), 2, []),
    "digital links": (document(event("shipping", f"{LINK}2017", f"{LINK}2018")), 2, []),
    "words of the vocabulary as URIs": (
        document(
            event(
                "https://ref.gs1.org/cbv/BizStep-receiving",
                PALLET,
                disposition="urn:epcglobal:cbv:disp:returned",
            )
        ),
        1,
        [],
    ),
    "another vocabulary's word that is like one": (
        document(event("https://example.com/bizStep/inspecting", PALLET)),
        0,
        [refused(0, "ObjectEvent/https://example.com/bizStep/inspecting", "")],
    ),
    "a step that is no move": (
        document(event("other", "urn:epc:id:giai:4000001.111")),
        0,
        [refused(0, "ObjectEvent/other", "")],
    ),
    "no step": (
        document(event(None, PALLET), SHIPPED),
        2,
        [
            "event 0: it has no status: join('/', [event.errorDeclaration && 'errorDeclaration' || event.type,"
            " cbv(event.bizStep)])"
        ],
    ),
    "classes of objects alone": (
        document(event("receiving", quantityList=[QUANTITY])),
        0,
        ["event 0: it names no shipment: event.epcList"],
    ),
    "objects and classes": (document(event("receiving", PALLET, quantityList=[QUANTITY])), 1, []),
    "what a sensor measured": (document(event("sensor_reporting", PALLET, **SENSORS)), 0, []),
    "what a sensor measured of no object": (document(event("sensor_reporting", **SENSORS)), 0, []),
    "sensors and an object": (document(event("inspecting", PALLET, **SENSORS)), 1, []),
    "an event that was wrong": (
        document(event("shipping", PALLET, f"{ITEM}1", **ERROR), RECEIVED),
        1,
        [refused(0, "errorDeclaration/shipping", "")],
    ),
    "an aggregation": (
        document(event("packing", type="AggregationEvent", parentID=PALLET, childEPCs=[f"{ITEM}1"])),
        0,
        [refused(0, "AggregationEvent/packing", "")],
    ),
    "an association": (
        document(event("installing", type="AssociationEvent", parentID=PALLET, disposition="in_progress")),
        0,
        [refused(0, "AssociationEvent/installing", "in_progress")],
    ),
    "a transaction": (
        document(event("shipping", PALLET, type="TransactionEvent", disposition="in_transit")),
        0,
        [refused(0, "TransactionEvent/shipping", "in_transit")],
    ),
    "a transformation": (
        document(event("commissioning", type="TransformationEvent", inputEPCList=[PALLET])),
        0,
        [refused(0, "TransformationEvent/commissioning", "")],
    ),
    "after an event of two objects": (
        document(SHIPPED, event("transforming", PALLET)),
        2,
        [refused(1, "ObjectEvent/transforming", "")],
    ),
    "no time": (document({**SHIPPED, "eventTime": None}), 0, ["event 0: it has no time"] * 2),
    "a query": (
        {"type": "QueryDefinition", "query": {"eventType": ["ObjectEvent"]}},
        0,
        [
            "event 0: it has no status: join('/', [event.errorDeclaration && 'errorDeclaration' || event.type,"
            " cbv(event.bizStep)])"
        ],
    ),
}

CALL = {"transportCallID": "1", "modeOfTransport": "VESSEL", "UNLocationCode": "FRPAR"}
BOOKING = {
    "documentReferences": [
        {"documentReferenceType": "BKG", "documentReferenceValue": "ABC123"},
        {"documentReferenceType": "TRD", "documentReferenceValue": "HHL123"},
    ]
}
ARRIVED = {
    "eventID": "3cecb101-7a1a-43a4-9d62-e88a131651e2",
    "eventCreatedDateTime": "2026-07-22T12:00:00Z",
    "eventDateTime": "2026-07-22T11:41:00+02:00",
    "eventType": "TRANSPORT",
    "eventClassifierCode": "ACT",
    "transportEventTypeCode": "ARRI",
    "transportCall": CALL,
    **BOOKING,
}
LOADED = {
    "eventDateTime": "2026-07-22 07:41:00+08:30",
    "eventType": "EQUIPMENT",
    "eventClassifierCode": "ACT",
    "equipmentEventTypeCode": "LOAD",
    "equipmentReference": "APZU4812090",
    "emptyIndicatorCode": "EMPTY",
    "eventLocation": {"latitude": "48.8585500", "longitude": "2.294492036", "address": {"country": "France"}},
    "transportCall": CALL,
}
DRAFTED = {
    "eventDateTime": "2026-07-22T11:41:00+02:00",
    "eventType": "SHIPMENT",
    "eventClassifierCode": "ACT",
    "shipmentEventTypeCode": "DRFT",
    "documentID": "ABC123",
    "documentTypeCode": "BKG",
}
NO_STATUS = "it has no status: join('/', [event.eventType, event.eventClassifierCode])"

DCSA: dict[str, tuple[Any, int, list[str]]] = {
    "events of all types": ([ARRIVED, DRAFTED, LOADED], 2, []),
    "one": (ARRIVED, 1, []),
    "what is only estimated or planned": (
        [{**ARRIVED, "eventClassifierCode": "EST"}, {**LOADED, "eventClassifierCode": "PLN"}],
        0,
        [],
    ),
    "a vessel's call of no shipment": (
        {name: value for name, value in ARRIVED.items() if name != "documentReferences"},
        0,
        ["event 0: /tracking_id is required"],
    ),
    "a container alone": ({**LOADED, "transportCall": None}, 1, []),
    "a container, nowhere": (
        [{**LOADED, "transportCall": None, "eventLocation": {"locationName": "Kai"}}, ARRIVED],
        1,
        ["event 0: /location is required, or place"],
    ),
    "no time": ([{**ARRIVED, "eventDateTime": None}], 0, ["event 0: it has no time"]),
    "a time that is none": (
        [{**ARRIVED, "eventDateTime": "2026 07 22"}],
        0,
        ["event 0: Invalid isoformat string: '2026 07 22'"],
    ),
    "a code that there is not": (
        [{**ARRIVED, "transportEventTypeCode": "FLEW"}],
        0,
        [f'event 0: the status ["TRANSPORT/ACT/FLEW", "TRANSPORT/ACT"]{NOT_IN_TABLE}'],
    ),
    "no type": ([ARRIVED, {**ARRIVED, "eventType": None}], 1, [f"event 1: {NO_STATUS}"]),
    "the form of Track & Trace 3.0": (
        {"events": [{"metadata": {"eventType": "TRANSPORT"}, "payload": {"eventClassifierCode": "ACT"}}]},
        0,
        [f"event 0: {NO_STATUS}"],
    ),
    "the form of Track & Trace 1": (
        {"eventType": "SHIPMENT", "eventSubtype": "ISSU", "documentTypeCode": "TRD"},
        0,
        [f"event 0: {NO_STATUS}"],
    ),
}


def outcome(environment: dict[str, str], standard: str, message: Any) -> tuple[int, list[str]]:
    """How many updates are stored, and why the rest is kept."""
    proof = {"kind": "token", "header": "x-api-key"}
    chosen = {"mapping": standard, "proof": proof}
    if standard == "epcis":
        chosen["places"] = {"*": {"country": "DE"}}
    sender = Sender.of(environment, "demo", chosen, lambda _: {"x-api-key": SECRET})
    answer = sender.send(message, content_type="application/ld+json")
    assert answer.status == 202
    reasons = [reason for kept in sender.kept() for reason in kept["reasons"]]
    assert answer.body["kept"] == len(reasons)
    return answer.body["stored"], reasons


@pytest.mark.parametrize("form", EPCIS)
def test_epcis(environment: dict[str, str], form: str) -> None:
    message, stored, reasons = EPCIS[form]
    assert outcome(environment, "epcis", message) == (stored, reasons)


@pytest.mark.parametrize("form", DCSA)
def test_dcsa(environment: dict[str, str], form: str) -> None:
    message, stored, reasons = DCSA[form]
    assert outcome(environment, "dcsa", message) == (stored, reasons)
