"""What becomes of vendors' messages: each file of tests/vendors is one as its page documents it."""

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import contract
from inbound import mapping
from places import gazetteer
from shipments.document import Invalid, Schema
from shipments.update import Update
from stacks.inbound_sources import check_mapping, mapping_names
from web import exact_json

FOLDER = Path(__file__).parents[2] / "vendors"
FILES = sorted(FOLDER.glob("*.json"), key=lambda path: path.name)
#: After all of the messages.
NOW = 1_800_000_000_000
SCHEMA = Schema(contract.UPDATE_SCHEMA)


def read(path: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """The updates of a message, and why the rest of it is none."""
    example = exact_json.loads(path.read_text("utf-8"))
    updates, kept = [], []
    source = mapping.load(path.stem.partition("-")[0])
    for place, found in source.read(example["message"], example.get("places", {})):
        if found is None:
            continue
        try:
            if isinstance(found, mapping.Unmapped):
                raise found
            Update.parse(found, SCHEMA, NOW)
            updates.append(found)
        except (mapping.Unmapped, Invalid) as error:
            kept.append(f"event {place}: {error}")
    return updates, kept


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_message_as_its_vendor_documents_it(path: Path) -> None:
    example = exact_json.loads(path.read_text("utf-8"))
    updates, kept = read(path)
    assert updates == example["updates"]
    assert len(kept) == len(example["kept"])
    for reason, part in zip(kept, example["kept"], strict=True):
        assert part in reason


@pytest.mark.parametrize("name", mapping_names())
def test_every_mapping_is_valid_and_has_an_example_of_its_page(name: str) -> None:
    document = check_mapping(name)
    examples = [json.loads(path.read_bytes()) for path in FILES if path.stem.partition("-")[0] == name]
    assert examples
    assert {example["page"] for example in examples} == {document["page"]}


def test_nothing_of_a_person_is_taken_over() -> None:
    for path in FILES:
        assert not re.search("customer", json.dumps(read(path)[0], default=str), re.IGNORECASE), path.name


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("time('2026-01-01')", 1767225600000),
        ("time('20260101T000000Z')", 1767225600000),
        ("time('2026-01-01T01:00:00+01:00')", 1767225600000),
        ("time('2026-01-01T00:00:00')", 1767225600000),
        ("time(`null`)", None),
        ("text(' a\n\tb ', `3`)", "a b"),
        ("text('abc ', `2`)", "ab"),
        ("country('DEU')", "DE"),
        ("country('de')", "DE"),
        ("country('Germany')", None),
        ("country(`null`)", None),
        ("number('1.50')", Decimal("1.50")),
        ("number(`null`)", None),
        ("cbv('https://ref.gs1.org/cbv/BizStep-void_shipping')", "void_shipping"),
        ("cbv('https://gs1.org/cbv/Disp-in_transit')", "in_transit"),
        ("cbv('cbv:BizStep-shipping')", "shipping"),
        ("cbv('urn:epcglobal:cbv:disp:in_transit')", "in_transit"),
        ("cbv('shipping')", "shipping"),
        ("cbv('https://example.com/bizStep/shipping')", "https://example.com/bizStep/shipping"),
        ("cbv(`null`)", None),
        ("geo('geo:-1,2.5;u=10')", {"lat": Decimal(-1), "lng": Decimal("2.5")}),
        ("geo('geo:a,b')", None),
        ("gs1_key('urn:epc:id:sscc:0614141.1234567890')", "106141412345678908"),
        ("gs1_key('https://id.gs1.org/00/106141412345678908')", "106141412345678908"),
        ("gs1_key('urn:epc:id:grai:1.2.3')", "urn:epc:id:grai:1.2.3"),
        ("estimate(`null`, `null`, '20260101')", {"from": 1767225600000, "to": 1767311999999}),
        ("estimate('2026-01-01', '2026-01-02', `null`)", {"from": 1767225600000, "to": 1767312000000}),
        ("estimate(`null`, `null`, `null`)", None),
    ],
)
def test_a_function(expression: str, value: Any) -> None:
    assert mapping._search(mapping._compile(expression), {}) == value


@pytest.mark.parametrize("expression", ["time('soon')", "time('9999-99-99')", "number('x')", "time(`1`)"])
def test_what_a_function_cannot_read_is_kept(expression: str) -> None:
    with pytest.raises(mapping.Unmapped):
        mapping._search(mapping._compile(expression), {})


def test_the_countries_are_those_that_a_place_may_have() -> None:
    codes = set(mapping._countries().values())
    assert len(codes) == len(mapping._countries()) == 249
    # Kosovo's is no code of ISO 3166-1.
    assert set(gazetteer.load().countries) - codes == {"XK"}
