"""What the public function tells of a shipment, and when it tells it again."""

import json
import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest

import contract
from public import page
from tests.conftest import environment_suffix
from tests.fault_proxy import Fault, FaultProxy
from tests.functional.conftest import Caller
from tests.functional.functions.conftest import BROWSER, NOW, Public
from tests.pipeline import Pipeline


def test_a_place_is_told_by_name_and_without_what_is_personal(
    public: Public, caller: Caller, shipment: str
) -> None:
    place = {"city": "Köln", "postcode": "50667", "unlocode": "DECGN"}
    optional = {"place": place, "detail": "SECRET", "carrier": "SECRET", "references": ["SECRET"]}
    bodies: list[dict[str, Any]] = [optional, {"place": {"postcode": "50667"}}]
    for number, more in enumerate(bodies):
        update = {"tracking_id": shipment, "status": "in_transit", "timestamp": NOW + number, **more}
        assert caller.post(update).status == 200
    answer = public.get(f"/shipments/{shipment}")
    update = {"status": "in_transit", "timestamp": NOW}
    assert answer.body["updates"] == [
        {**update, "timestamp": NOW + 1, "location": None},
        {
            **update,
            "location": {"lat": 50.93, "lng": 6.95, "precision": "city"},
            "place": {"city": "Köln", "country": "DE"},
        },
    ]
    text = public.get(f"/shipments/{shipment}", accept=BROWSER).body["html"]
    assert "<p>Köln, Germany</p>" in text
    assert "50667" not in text
    assert "SECRET" not in text


def test_the_newest_estimate_is_told_on_every_page(
    environment: dict[str, str], set_clock: Callable[[int], None]
) -> None:
    pipeline = Pipeline()
    public = Public({**environment, **pipeline.environment})
    set_clock(NOW)
    pipeline.put("PKG-1", "pending", NOW - 3, estimated_delivery=NOW + 1)
    pipeline.put("PKG-1", "pending", NOW - 2, estimated_delivery={"from": NOW, "to": NOW + 2})
    pipeline.put("PKG-1", "in_transit", NOW - 1, reason="out_for_delivery")
    estimate = {"from": NOW, "to": NOW + 2}
    key = ""
    for query in ("", "limit=1", "limit=1&last_key={}", "limit=1&last_key={}"):
        body = public.get(f"/shipments/PKG-1?{query.format(key)}").body
        assert body["estimated_delivery"] == estimate
        key = body.get("next_key", key)
    assert "next_key" not in body
    pipeline.store("PKG-1", "in_transit", NOW, estimated_delivery=NOW + 5)  # before the record has it
    body = public.get("/shipments/PKG-1?limit=2").body
    assert body["estimated_delivery"] == NOW + 5
    assert [update.get("reason") for update in body["updates"]] == [None, "out_for_delivery"]


def test_a_page_without_news_changes_with_the_days(
    public: Public, caller: Caller, shipment: str, set_clock: Callable[[int], None]
) -> None:
    update = {"tracking_id": shipment, "status": "in_transit", "location": {"lat": 1, "lng": 1}}
    assert caller.post({**update, "timestamp": NOW}).status == 200
    told = {}
    for hours in (71, 72, 95, 96):
        set_clock(NOW + hours * 3_600_000)
        answer = public.get(f"/shipments/{shipment}", accept=BROWSER)
        told[hours] = (re.findall("No news for . days", answer.body["html"]), answer.headers["ETag"])
    assert [told[hours][0] for hours in told] == [[], *[["No news for 3 days"]] * 2, ["No news for 4 days"]]
    assert told[72] == told[95]
    assert len({tag for _, tag in told.values()}) == 3


def test_a_shipment_as_strangers_see_it(public: Public, stored: str) -> None:
    answer = public.get(f"/shipments/{stored}")
    assert answer.status == 200
    assert answer.body == {
        "tracking_id": stored,
        "status": "delivered",
        "updates": [
            {"status": "delivered", "timestamp": NOW + 2, "location": {"lat": 0.0, "lng": -180.0}},
            {"status": "in_transit", "timestamp": NOW + 1, "location": {"lat": 48.86, "lng": 2.29}},
            {"status": "pending", "timestamp": NOW, "location": {"lat": 52.52, "lng": 13.38}},
        ],
        "count": 3,
    }
    assert "-0.0" not in json.dumps(answer.body)


def test_pages_of_a_shipment_all_tell_its_present_status(public: Public, stored: str) -> None:
    first = public.get(f"/shipments/{stored}?limit=2")
    second = public.get(f"/shipments/{stored}?limit=2&last_key={first.body['next_key']}")
    assert [answer.body["count"] for answer in (first, second)] == [2, 1]
    assert [answer.body["status"] for answer in (first, second)] == ["delivered"] * 2
    assert second.body["updates"][0]["status"] == "pending"
    assert "next_key" not in second.body


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=x", "limit=", "last_key=x", "last_key=", "last_key=AAAA"]
)
def test_parameters_that_are_wrong(public: Public, stored: str, query: str) -> None:
    answer = public.get(f"/shipments/{stored}?{query}")
    assert answer.status == 400
    assert answer.body["errors"][0]["pointer"] == f"/{query.partition('=')[0]}"


def test_a_key_of_another_shipment_is_refused(public: Public, stored: str, caller: Caller) -> None:
    token = caller.get("/status", tracking_id=stored, limit="1").body["next_key"]
    assert public.get(f"/shipments/{stored}?last_key={token}").status == 400


@pytest.mark.parametrize(
    "tracking_id", ["nobody", "a b", "ä/ö", "50%25", "<script>alert(1)</script>", "a?b", ".."]
)
def test_an_unknown_shipment(public: Public, tracking_id: str) -> None:
    event = {"requestContext": {"http": {"method": "GET"}}, "rawPath": f"/shipments/{tracking_id}"}
    assert public.invoke(event).status == 404
    html = public.invoke({**event, "headers": {"accept": BROWSER}})
    assert html.status == 404
    assert "<script>alert" not in html.body["html"]


@pytest.mark.parametrize("tracking_id", ["x" * 101, "a\nb", "\x00", "\ud800"])
def test_a_tracking_id_that_cannot_be(public: Public, tracking_id: str) -> None:
    assert public.get(f"/shipments/{tracking_id}").status == 400
    html = public.get(f"/shipments/{tracking_id}", accept=BROWSER)
    assert (html.status, html.body) == (400, {"html": page.invalid()})


@pytest.mark.parametrize("tracking_id", ["a/b", "50% of it", "ä ö", "%41", "a+b"])
def test_the_path_is_decoded_by_the_gateway_and_not_again(
    caller: Caller, public: Public, tracking_id: str
) -> None:
    tracking_id += str(uuid.uuid4())
    caller.post({"tracking_id": tracking_id, "status": "failed", "location": {"lat": 1, "lng": 2}})
    assert public.get(f"/shipments/{tracking_id}").body["tracking_id"] == tracking_id


def test_another_spelling_of_a_tracking_id(caller: Caller, public: Public) -> None:
    tracking_id = f"{uuid.uuid4()}\u00e9"
    update = {"tracking_id": tracking_id, "location": {"lat": 1, "lng": 2}}
    for status in ("pending", "failed"):
        assert caller.post({**update, "status": status}).status == 200
    asked = f"/shipments/{tracking_id[:-1]}e\u0301"
    page = public.get(f"{asked}?limit=1").body
    assert (page["tracking_id"], page["status"]) == (tracking_id, "failed")
    older = public.get(f"{asked}?limit=1&last_key={page['next_key']}").body
    assert (older["status"], older["updates"][0]["status"]) == ("failed", "pending")


@pytest.mark.parametrize("accept", ["*/*", BROWSER])
def test_what_has_not_changed_is_not_sent_again(
    public: Public, caller: Caller, stored: str, update: dict[str, Any], accept: str
) -> None:
    path = f"/shipments/{stored}"
    first = public.get(path, accept=accept)
    etag = first.headers["ETag"]
    assert re.fullmatch(r'"[^"]+"', etag)
    assert re.search(r"max-age=\d", first.headers["Cache-Control"])
    for known in (etag, f"W/{etag}", f'"x", {etag}', "*"):
        again = public.get(path, accept=accept, if_none_match=known)
        assert (again.status, again.body) == (304, {})
        for name in ("ETag", "Cache-Control", "Content-Type"):  # a cache takes them over
            assert again.headers[name] == first.headers[name]
        assert again.headers["Vary"] == "Accept, Origin"
    for unknown in ('"x"', etag.strip('"'), ""):
        assert public.get(path, accept=accept, if_none_match=unknown).status == 200
    caller.post({**update, "tracking_id": stored, "status": "failed"})
    changed = public.get(path, accept=accept, if_none_match=etag)
    assert changed.status == 200
    assert changed.headers["ETag"] != etag


def test_a_page_that_has_not_changed_is_not_rendered(
    public: Public, stored: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    etag = public.get(f"/shipments/{stored}", accept=BROWSER).headers["ETag"]
    monkeypatch.delattr("public.page.shipment")
    assert public.get(f"/shipments/{stored}", accept=BROWSER, if_none_match=etag).status == 304


def test_a_page_of_other_texts_has_another_tag(
    public: Public, stored: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    etag = public.get(f"/shipments/{stored}", accept=BROWSER).headers["ETag"]
    monkeypatch.setattr("public.page.version", lambda: "another")
    assert public.get(f"/shipments/{stored}", accept=BROWSER, if_none_match=etag).status == 200


def test_html_and_json_have_tags_of_their_own(public: Public, stored: str) -> None:
    tags = {public.get(f"/shipments/{stored}", accept=accept).headers["ETag"] for accept in ("*/*", BROWSER)}
    assert len(tags) == 2


@pytest.fixture
def cut(
    proxy: FaultProxy, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Callable[[Fault], Public]:
    """The function behind a proxy on which every query fails."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)

    def over(fault: Fault) -> Public:
        proxy.cut["Query"] = fault
        return Public(environment)

    return over


@pytest.mark.slow
@pytest.mark.parametrize("fault", [Fault.THROTTLED, Fault.BROKEN, Fault.RESET])
def test_a_table_that_does_not_answer(cut: Callable[[Fault], Public], fault: Fault) -> None:
    public = cut(fault)
    answer = public.get("/shipments/a")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    html = public.get("/shipments/a", accept=BROWSER)
    assert (html.status, html.headers["Retry-After"]) == (503, "1")
    assert html.body == {"html": page.failure()}
    assert public.get("/").status == 200


def test_a_table_that_is_gone_is_our_own_fault(environment: dict[str, str]) -> None:
    gone = f"tracking-data-{environment_suffix()}"
    answer = Public({**environment, contract.TABLE_NAME: gone}).get("/shipments/a")
    assert (answer.status, answer.body["error"]) == (500, "Internal server error")


def test_the_log_names_no_shipment(public: Public, stored: str, capfd: pytest.CaptureFixture[str]) -> None:
    public.get(f"/shipments/{stored}", accept=BROWSER)
    log = capfd.readouterr().out
    assert '"route":"GET /shipments/{tracking_id}"' in log
    assert stored not in log
