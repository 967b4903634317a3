"""Writes docs/page.png and docs/page-phone.png: the customer's page with the demo shipment."""

from local import demo
from public import page
from tools.browser import chromium
from tools.failures import one_sentence
from tools.toolchain import ROOT

#: 2026-06-01 15:40 UTC, so that the same page makes the same picture.
_NOW_MS = 1780328400000


def main() -> None:
    """Write the pictures."""
    updates = [
        {
            "status": scan.status,
            "timestamp": _NOW_MS - int(scan.hours * 3_600_000),
            "location": {"lat": scan.lat, "lng": scan.lng},
            "reason": scan.reason,
        }
        for scan in reversed([*demo.PAST, *demo.LATE[:-1]])
    ]
    start, end = (_NOW_MS + hours * 3_600_000 for hours in demo.WINDOW)
    body = {
        "tracking_id": demo.TRACKING_ID,
        "status": updates[0]["status"],
        "estimated_delivery": {"from": start, "to": end},
        "updates": updates,
    }
    text = page.shipment(body, news=page.news(body, newest=_NOW_MS, now=_NOW_MS))
    with chromium() as browser:
        options = {"locale": "en-GB", "timezone_id": "Europe/Madrid", "reduced_motion": "reduce"}
        wide = {"viewport": {"width": 1100, "height": 1010}, "color_scheme": "light"}
        phone = {"viewport": {"width": 390, "height": 1010}, "color_scheme": "dark"}
        for name, screen in (("page", wide), ("page-phone", phone)):
            opened = browser().new_page(**options, **screen)  # type: ignore[arg-type]
            opened.set_content(text)
            opened.screenshot(path=ROOT / f"docs/{name}.png")
            print(f"Wrote docs/{name}.png")


if __name__ == "__main__":
    with one_sentence():
        main()
