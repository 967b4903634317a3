"""A proxy before SNS that can be made to fail."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from threading import Thread
from urllib.parse import parse_qsl, urlencode, urlsplit

from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response


class SnsProxy:
    """A proxy before SNS: `batches` are the entries of each PublishBatch that came by, tries that failed included.

    While `away`, every call fails. Messages about a shipment and its status in `refused` are refused, with the
    fault on the sender's side if the value is True, and the others of their batch get through.
    """

    def __init__(self, target: str) -> None:
        self._target = urlsplit(target).netloc
        self.batches: list[list[dict[str, str]]] = []
        self.away = False
        self.refused: dict[tuple[str, str], bool] = {}
        self.endpoint = ""

    def answer(self, request: Request) -> Response:
        """The answer of SNS, or of a broken one."""
        form = dict(parse_qsl(request.get_data().decode()))
        prefix = "PublishBatchRequestEntries.member."
        entries: dict[str, dict[str, str]] = {}
        for name, value in form.items():
            if name.startswith(prefix):
                number, _, field = name.removeprefix(prefix).partition(".")
                entries.setdefault(number, {})[field] = value
        self.batches.append(list(entries.values()))
        if self.away:
            return Response(status=503)
        failed, taken = "", []
        for entry in entries.values():
            body = json.loads(json.loads(entry["Message"])["default"])
            fault = self.refused.get((body["tracking_id"], body["status"]))
            if fault is None:
                taken.append(entry)
            else:
                failed += (
                    f"<member><Id>{entry['Id']}</Id><Code>InternalError</Code>"
                    f"<SenderFault>{str(fault).lower()}</SenderFault></member>"
                )
        form = {name: value for name, value in form.items() if not name.startswith(prefix)} | {
            f"{prefix}{number}.{field}": value
            for number, entry in enumerate(taken, 1)
            for field, value in entry.items()
        }
        if taken:
            headers = {name: value for name, value in request.headers.items() if name != "Content-Length"}
            connection = HTTPConnection(self._target, timeout=10)
            connection.request("POST", "/", urlencode(form), headers)
            answer = connection.getresponse().read().decode()
            connection.close()
        else:
            answer = "<PublishBatchResponse><PublishBatchResult><Failed/></PublishBatchResult></PublishBatchResponse>"
        return Response(answer.replace("<Failed/>", f"<Failed>{failed}</Failed>"), mimetype="text/xml")


class _Quiet(WSGIRequestHandler):
    def log_request(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def open_sns_proxy(target: str) -> Iterator[SnsProxy]:
    """A proxy before the SNS at `target`, on a free port."""
    proxy = SnsProxy(target)
    application = Request.application(proxy.answer)
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=_Quiet)
    proxy.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        thread.join()
