"""The page that a customer opens."""

from collections.abc import Mapping
from html import escape
from typing import Any, Final

#: Of every answer with a page.
HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}


def home() -> str:
    """The page with the search box."""
    return _page("<form><input name=tracking_id><button>Find</button></form>")


def shipment(body: Mapping[str, Any]) -> str:
    """The page of a shipment, as the API's JSON describes it."""
    return _page(f"<h1>{escape(body['tracking_id'])}</h1><p>{escape(body['status'])}</p>")


def missing(tracking_id: str) -> str:
    """The page for a tracking id that nobody knows."""
    return _page(f"<p>Nothing is known of {escape(tracking_id)}.</p>")


def failure(error: str) -> str:
    """The page for a request that cannot be answered; `error` is one sentence."""
    return _page(f"<p>{escape(error)}</p>")


def _page(content: str) -> str:
    return f"<!doctype html><html lang=en><meta charset=utf-8><title>Shipment</title>{content}"
