"""The page that a customer opens: HTML that is the same for the same data, so that a client can keep it."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from html import escape
from pathlib import Path
from string import Template
from typing import Any, Final
from urllib.parse import quote

import contract
from places import gazetteer
from public import atlas, drawing, texts
from shipments.summary import is_precise

_DAY_MS: Final = 86_400_000
#: Days without an update that are worth a word.
QUIET_DAYS: Final = 3

#: From a dot to a pin.
_WAY: Final = """<svg class="way" viewBox="0 0 320 72" aria-hidden="true">
<path d="M8 60C70-10 120 90 180 44S262 10 302 45"/><circle cx="8" cy="60" r="5"/>
<path class="pin" d="M303 5a14 14 0 0 0-14 14c0 11 14 26 14 26s14-15 14-26a14 14 0 0 0-14-14z
m0 8a6 6 0 1 1 0 12 6 6 0 0 1 0-12z"/>
</svg>"""


@cache
def headers() -> Mapping[str, str]:
    """Of every answer with a page: nothing comes from anywhere else, and no other script than the page's runs."""
    policy = {
        "default-src": "'none'",
        "style-src": _source("page.css"),
        "script-src": _source("page.js"),
        "img-src": "data:",
        "connect-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Robots-Tag": "noindex",
    }


@cache
def version() -> str:
    """What changes with the code, the texts and the map of the pages."""
    digest = sha256()
    for file in [*sorted(Path(__file__).parent.glob("*.*")), gazetteer.FILE]:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def home() -> str:
    """The page with the search box."""
    hint = f"<h1>{texts.HOME}</h1><p>{texts.HOME_HINT}</p>"
    return _page(texts.NAME, f'<section class="message">{_WAY}{hint}{_search("./")}</section>', root="./")


def missing(tracking_id: str) -> str:
    """The page for a tracking id that nobody knows, yet."""
    heading = _heading(tracking_id, texts.MISSING)
    return _message(texts.MISSING, f'<div id="news">{heading}</div><p>{texts.MISSING_HINT}</p>')


def choice(number: str, ids: Sequence[str]) -> str:
    """The page for a number that several carriers have given to a shipment."""
    links = "".join(
        f'<li><a href="./{quote(id, safe="")}">{escape(id.partition(":")[0])}</a></li>' for id in ids
    )
    heading = _heading(number, texts.CHOICE)
    return _message(
        texts.CHOICE, f'<div id="news">{heading}</div><p>{texts.CHOICE_HINT}</p><ul role="list">{links}</ul>'
    )


def invalid() -> str:
    """The page for a request that will never be answered."""
    return _message(texts.INVALID, f"<h1>{texts.INVALID}</h1><p>{texts.INVALID_HINT}</p>")


def failure() -> str:
    """The page for a request that cannot be answered now."""
    return _message(texts.FAILURE, f'<h1 id="news">{texts.FAILURE}</h1><p>{texts.FAILURE_HINT}</p>')


def news(body: Mapping[str, Any], *, newest: int, now: int) -> str:
    """What to await of a shipment that is on its way, and whether it is long since it was heard of: HTML.

    It is all that changes with the time: `now`, and that of the `newest` update, both in ms since the epoch.
    """
    if body["status"] in contract.FINAL:
        return ""
    told = []
    if (estimate := body.get("estimated_delivery")) is not None:
        window = estimate if isinstance(estimate, dict) else {"from": estimate, "to": estimate}
        start, end = window["from"], window["to"]
        ahead = texts.EXPECTED if start == end else texts.EXPECTED_BETWEEN
        text = texts.WAS_EXPECTED if end < now else ahead
        told.append(text.format(start=_time(start), end=_time(end)))
    if (days := (now - newest) // _DAY_MS) >= QUIET_DAYS:
        told.append(texts.QUIET.format(days=days))
    return _paragraphs(told)


def shipment(body: Mapping[str, Any], *, older: bool = False, news: str = "") -> str:
    """The page of a shipment, as the API's JSON describes it; `older` if its updates are not the newest."""
    status, updates = _status(body["status"]), body["updates"]
    links = f'<a id="latest" href="?">{texts.LATEST}</a>' if older else ""
    if key := body.get("next_key"):
        links += f'<a id="earlier" href="?last_key={quote(key, safe="")}">{texts.EARLIER}</a>'
    seen = ""
    if updates and not older:
        place_and_time = ", ".join([*_place(updates[0]), _time(updates[0]["timestamp"])])
        seen = f"{_paragraphs(_reason(updates[0]))}<p>{place_and_time}</p>"
    return _page(
        f"{status} · {escape(body['tracking_id'])}",
        f"""<div class="shipment">
<section class="now {_class(body["status"])}">
<div id="news">{_heading(body["tracking_id"], status)} {seen}{news}</div>
{_progress(body["status"])}
</section>
{_map(updates)}
<section class="history">
<h2>{texts.HISTORY}</h2>
<ol role="list">{"".join(map(_update, updates))}</ol>
<nav>{links}</nav>
<p class="note" data-live="{texts.LIVE}" data-stale="{texts.STALE}">{texts.TIMES}</p>
</section>
</div>""",
        header=_search("../"),
    )


def _message(title: str, content: str) -> str:
    return _page(title, f'<section class="message">{content}</section>', header=_search("../"))


def _page(title: str, main: str, *, header: str = "", root: str = "../") -> str:
    """`root` is the way from the page's path to the home page's."""
    return _template().substitute(title=title, main=main, header=header, root=root)


@cache
def _template() -> Template:
    page = Template(_file("page.html"))
    return Template(
        page.safe_substitute(
            language=texts.LANGUAGE, name=texts.NAME, style=_file("page.css"), script=_file("page.js")
        )
    )


def _file(name: str) -> str:
    return Path(__file__).with_name(name).read_text("utf-8")


def _source(name: str) -> str:
    """The file's content as what a Content-Security-Policy allows."""
    return f"'sha256-{b64encode(sha256(_file(name).encode()).digest()).decode()}'"


def _search(root: str) -> str:
    return f"""<form role="search" action="{root}">
<label for="search">{texts.SEARCH}</label>
<input id="search" name="tracking_id" placeholder="{texts.SEARCH}" required maxlength="100"
 autocomplete="off" autocapitalize="none" spellcheck="false" enterkeyhint="search"><button>{texts.FIND}</button>
</form>"""


def _heading(tracking_id: str, text: str) -> str:
    return f"<h1><small>{texts.SHIPMENT.format(id=escape(tracking_id))}</small> {text}</h1>"


def _progress(status: str) -> str:
    steps = ["pending", "in_transit", "failed" if status == "failed" else "delivered"]
    if status not in steps:
        return ""
    reached = steps.index(status)
    items = "".join(map(_step, steps, range(reached, -3, -1)))
    return f'<ol class="progress" role="list" aria-label="{texts.PROGRESS}">{items}</ol>'


def _step(status: str, left: int) -> str:
    """A step of the progress; `left` are the steps from it to the one that is reached, below 0 beyond it."""
    here = ' aria-current="step"' if left == 0 else ""
    # A cross, a tick, a dot, or nothing yet.
    if status == "failed":
        mark = "M8 8l8 8M16 8l-8 8"
    elif left > 0 or (here and status == "delivered"):
        mark = "M7 12.5l3.5 3.5 6.5-7"
    else:
        mark = "M12 12h0" if here else ""
    reached = "reached " if left >= 0 else ""
    return f"""<li class="{reached}{status}"{here}><svg viewBox="0 0 24 24" aria-hidden="true">
<circle cx="12" cy="12" r="10.6"/><path d="{mark}"/></svg>{_status(status)}</li>"""


def _map(updates: Sequence[Mapping[str, Any]]) -> str:
    # A marker in the middle of a country would say more than is known.
    updates = [update for update in updates if is_precise(update["location"])]
    if not updates:
        return ""
    start, end = (", ".join(_place(updates[index])) for index in (-1, 0))
    label = (texts.MAP_OF_ONE if start == end else texts.MAP).format(start=start, end=end)
    picture = drawing.draw([_point(update) for update in reversed(updates)])
    return f"""<figure>
<svg class="map" role="img" aria-label="{label}">{picture}</svg>
<figcaption>{texts.CREDITS}</figcaption>
</figure>"""


def _update(update: Mapping[str, Any]) -> str:
    status = update["status"]
    more = _paragraphs([*_reason(update), *_place(update)])
    return f'<li class="{_class(status)}"><b>{_status(status)}</b> {_time(update["timestamp"])}{more}</li>'


def _reason(update: Mapping[str, Any]) -> list[str]:
    """Text for a person, if there is any; a later release may have stored one that this one has no words for."""
    words = texts.REASONS.get(update.get("reason", ""))
    return [words] if words else []


def _paragraphs(sentences: Sequence[str]) -> str:
    return "".join(f"<p>{sentence}</p>" for sentence in sentences)


def _status(status: str) -> str:
    return texts.STATUSES.get(status) or escape(status)


def _class(status: str) -> str:
    return status if status in texts.STATUSES else ""


def _time(timestamp: int) -> str:
    """HTML of a time in ms since the epoch."""
    time = datetime.fromtimestamp(timestamp / 1000, UTC)
    return f'<time datetime="{time:%Y-%m-%dT%H:%M:%SZ}">{time:%Y-%m-%d %H:%M}</time>'


def _point(update: Mapping[str, Any]) -> atlas.Point:
    return atlas.point(update["location"]["lat"], update["location"]["lng"])


def _place(update: Mapping[str, Any]) -> list[str]:
    """Text for a person, as HTML, if there is any."""
    if place := update.get("place"):
        names = [place[name] for name in ("city", "region") if name in place]
        if code := place.get("country"):
            names.append(gazetteer.country_name(code))
        return [escape(", ".join(names))]
    if update["location"] is None:
        return []
    if town := atlas.near(_point(update)):
        return [texts.NEAR.format(town=escape(town))]
    lng, lat = _point(update)
    return [
        f"{abs(lat) / 100:.2f}° {texts.SOUTH if lat < 0 else texts.NORTH}, "
        f"{abs(lng) / 100:.2f}° {texts.WEST if lng < 0 else texts.EAST}"
    ]
