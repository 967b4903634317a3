"""Odd requests to POST /inbound/{source}: none is let in unproven, and none makes the function fail."""

import base64
import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from stacks.inbound_sources import mapping_names
from tests.senders import SECRET, Answer, Sender, sign

TEXTS = st.text(max_size=40) | st.sampled_from(
    ["", " ", "v1,", "v1,AAAA", "Bearer", "\ud800", "\x00", "0", "ä"]
)
HEADERS = st.dictionaries(
    st.sampled_from(
        [
            "webhook-id",
            "webhook-timestamp",
            "webhook-signature",
            "authorization",
            "x-api-key",
            "x-hmac-signature",
            "aftership-hmac-sha256",
            "notification-signature",
            "content-type",
        ]
    ),
    TEXTS,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner, max_size=4),
    max_leaves=20,
)
#: Messages of the vendors, in which anything may stand anywhere.
EXAMPLES: dict[str, Any] = {
    "generic": {"tracking_id": "A", "status": "in_transit", "place": {"country": "DE"}, "timestamp": 1},
    "aftership": {
        "msg": {
            "tracking_number": "A",
            "checkpoints": [{"tag": "InTransit", "checkpoint_time": "2026-01-01"}],
        }
    },
    "easypost": {
        "result": {
            "object": "Tracker",
            "tracking_code": "A",
            "tracking_details": [{"status": "in_transit", "datetime": "2026-01-01"}],
        }
    },
    "ups": {
        "trackingNumber": "A",
        "activityStatus": {"type": "I"},
        "gmtActivityDate": "20260101",
        "gmtActivityTime": "000000",
    },
    "epcis": {
        "type": "ObjectEvent",
        "bizStep": "shipping",
        "epcList": ["A"],
        "eventTime": "2026-01-01T00:00:00Z",
        "readPoint": {"id": "geo:1,2"},
    },
    "dcsa": {
        "eventType": "TRANSPORT",
        "eventClassifierCode": "ACT",
        "transportEventTypeCode": "DEPA",
        "eventDateTime": "2026-01-01T00:00:00Z",
        "documentReferences": [{"documentReferenceType": "BKG", "documentReferenceValue": "A"}],
    },
}
QUIETLY = hypothesis_settings(
    max_examples=100, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)


@pytest.fixture(scope="module")
def senders(environment: dict[str, str]) -> dict[str, Sender]:
    """Of each mapping a source; all but the first of them prove themselves by a token."""
    token = {"kind": "token", "header": "x-api-key"}

    def make(name: str) -> Sender:
        if name == "generic":
            return Sender.of(environment, "demo", {"mapping": name})
        chosen = {"mapping": name, "proof": token, "carrier": "acme", "places": {"*": {"country": "DE"}}}
        return Sender.of(environment, "demo", chosen, lambda _: {"x-api-key": SECRET})

    return {name: make(name) for name in mapping_names()}


@QUIETLY
@given(headers=HEADERS, body=st.binary(max_size=60))
def test_what_anybody_sends_is_refused(
    senders: dict[str, Sender], headers: dict[str, str], body: bytes
) -> None:
    for sender in senders.values():
        answer = sender.post(body, headers)
        assert (answer.status, answer.body["code"]) == (401, "unauthorized")


@QUIETLY
@given(event=JSON)
def test_an_event_of_no_api_is_refused(senders: dict[str, Sender], event: Any) -> None:
    assert senders["generic"].invoke(event).status in (401, 404)


def replaced(document: Any, value: Any) -> Iterator[Any]:
    """The document with `value` in each of its places in turn, and without what is there."""
    yield value
    members = list(document.items() if isinstance(document, dict) else enumerate(document))
    for key, member in members:
        if isinstance(member, dict | list):
            for changed in replaced(member, value):
                yield type(document)(
                    {**document, key: changed} if isinstance(document, dict) else [changed, *document[1:]]
                )
        elif isinstance(document, dict):
            yield {**document, key: value}
            yield {name: other for name, other in members if name != key}


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize(
    "value", [None, 0, -1, 1.5, True, "", " ", "\x00", "x" * 500, [], [[]], {}, {"a": 1}, [None]]
)
def test_a_proven_message_with_anything_anywhere_is_stored_or_kept(
    senders: dict[str, Sender], name: str, value: Any
) -> None:
    for message in replaced(EXAMPLES[name], value):
        answer = senders[name].send(message)
        assert answer.status == 202, (message, answer)


@QUIETLY
@given(message=JSON)
def test_any_proven_json_is_stored_or_kept(senders: dict[str, Sender], message: Any) -> None:
    for name, sender in senders.items():
        if name != "generic":  # whose reference library signs no half of a surrogate pair
            assert sender.send(message).status == 202


def raw(sender: Sender, **changes: Any) -> Answer:
    event = {
        "routeKey": "POST /inbound/{source}",
        "headers": {"x-api-key": SECRET},
        "requestContext": {"requestId": "gw-1"},
        "pathParameters": {"source": sender.source},
        "body": "{}",
        "isBase64Encoded": False,
    }
    return sender.invoke({**event, **changes})


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"body": None}, 202),
        ({"body": 5}, 202),
        ({"body": "\ud800"}, 400),
        ({"body": "%%%", "isBase64Encoded": True}, 400),
        ({"body": "", "isBase64Encoded": True}, 202),
        ({"body": base64.b64encode(b"\xff\xfe").decode(), "isBase64Encoded": True}, 202),
        ({"body": "[" * 100_000}, 202),
        ({"body": '{"a": 1e999999999}'}, 202),
        ({"body": '{"trackingNumber": 1, "trackingNumber": 2}'}, 202),
        ({"body": "9" * 100_000}, 202),
        ({"body": " " * (2**20 + 1)}, 413),
        ({"headers": None}, 401),
        ({"headers": {"x-api-key": 5}}, 401),
        ({"headers": {"X-API-KEY": SECRET}}, 202),
        ({"headers": {"x-api-key": f"{SECRET},{SECRET}"}}, 401),
        ({"headers": {"x-api-key": SECRET[:-1]}}, 401),
        ({"headers": {"x-api-key": SECRET, "content-type": "multipart/form-data"}}, 415),
        ({"headers": {"x-api-key": SECRET, "content-type": "application/ld+json;charset=utf-8"}}, 202),
        ({"headers": {"x-api-key": SECRET, "content-type": ""}}, 415),
        ({"pathParameters": None}, 404),
        ({"pathParameters": {"source": None}}, 404),
        ({"pathParameters": {"source": ["ups"]}}, 404),
        ({"pathParameters": {"source": "../ups"}}, 404),
        ({"pathParameters": {"source": "x" * 10_000}}, 404),
        ({"routeKey": None}, 202),
        ({"requestContext": None}, 202),
    ],
)
def test_an_odd_event(senders: dict[str, Sender], changes: dict[str, Any], status: int) -> None:
    assert raw(senders["ups"], **changes).status == status


@pytest.mark.parametrize(
    "text", ["NaN", "Infinity", "\ufeff{}", "{} {}", "{'a': 1}", '{"updates": {}}', "nul"]
)
def test_a_signed_text_that_is_no_json_or_no_list_is_kept(senders: dict[str, Sender], text: str) -> None:
    answer = senders["generic"].post(text.encode(), sign(text.encode()))
    assert (answer.status, answer.body) == (202, {"stored": 0, "kept": 1})


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_are_stored_as_they_are(senders: dict[str, Sender], name: str) -> None:
    assert senders[name].send(EXAMPLES[name]).body == {"stored": 1, "kept": 0}


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        *(
            (text, 202)
            for text in (
                "application/json",
                "APPLICATION/JSON",
                "application/json;charset=utf-8",
                "application/json ;",
            )
        ),
        *(
            (text, 202)
            for text in (" application/json", "application/ld+json", "application/cloudevents+json", "x+json")
        ),
        *(
            (text, 415)
            for text in (
                "",
                " ",
                ";",
                "json",
                "text/json",
                "text/plain",
                "application/xml",
                "multipart/form-data",
            )
        ),
        *(
            (text, 415)
            for text in (
                "application/json, text/html",
                "application/jsonp",
                "application/json+xml",
                "\x00",
                "\ud800",
            )
        ),
        *(
            (text, 415)
            for text in ("application/x-www-form-urlencoded", "application/octet-stream", "a" * 100_000)
        ),
    ],
)
def test_an_odd_media_type(senders: dict[str, Sender], content_type: str, status: int) -> None:
    assert senders["generic"].send({}, content_type=content_type).status == status


@pytest.mark.parametrize(
    "encoding", ["utf-16", "utf-16-le", "utf-32", "utf-8-sig", "cp037", "gzip", "base64"]
)
def test_a_message_in_an_odd_encoding_is_kept(senders: dict[str, Sender], encoding: str) -> None:
    text = json.dumps(EXAMPLES["generic"])
    if encoding == "gzip":
        body = gzip.compress(text.encode())
    else:
        body = base64.b64encode(text.encode()) if encoding == "base64" else text.encode(encoding)
    answer = senders["ups"].send(body, content_encoding=encoding)
    assert (answer.status, answer.body) == (202, {"stored": 0, "kept": 1})
