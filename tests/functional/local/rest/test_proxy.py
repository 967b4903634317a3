"""What the function behind the local REST API gets, and what becomes of its answer."""

import base64
import json
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
import requests

from local.aws import CREDENTIALS, LOOPBACK
from tests.functional.local.rest.conftest import HANDLER, Deployed, ask, refusal, send, send_target, signed
from tests.functional.local.runner import Runner


class TestEvent:
    def test_complete_event(self, url: str) -> None:
        before = datetime.now(UTC)
        host = urlsplit(url).netloc
        event = ask(
            "POST",
            f"{url}/echo?a=1&a=2&b=x%20y&c=",
            data="\u00e9".encode(),
            headers={"X-Mixed-Case": "1", "User-Agent": "tests", "X-Forwarded-For": "1.2.3.4"},
        ).json()
        context = event.pop("requestContext")
        headers = event.pop("headers")
        assert event.pop("multiValueHeaders") == {name: [value] for name, value in headers.items()}
        assert event == {
            "resource": "/echo",
            "path": "/echo",
            "httpMethod": "POST",
            "queryStringParameters": {"a": "2", "b": "x y", "c": ""},
            "multiValueQueryStringParameters": {"a": ["1", "2"], "b": ["x y"], "c": [""]},
            "pathParameters": None,
            "stageVariables": None,
            "body": "\u00e9",
            "isBase64Encoded": False,
        }
        assert headers["X-Mixed-Case"] == "1"
        assert headers["Host"] == host
        assert headers["X-Forwarded-For"] == f"1.2.3.4, {LOOPBACK}"
        assert headers["X-Forwarded-Proto"] == "http"
        assert headers["X-Forwarded-Port"] == host.split(":")[1]
        assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}", headers["X-Amzn-Trace-Id"])
        assert not {"authorization", "content-length", "connection"} & {name.lower() for name in headers}
        at = datetime.strptime(context.pop("requestTime"), "%d/%b/%Y:%H:%M:%S %z")
        assert before - timedelta(seconds=1) <= at <= datetime.now(UTC)
        assert abs(context.pop("requestTimeEpoch") / 1000 - before.timestamp()) < 9
        for random in ("requestId", "extendedRequestId", "apiId", "deploymentId", "resourceId"):
            assert context.pop(random)
        identity = context.pop("identity")
        assert {name: value for name, value in identity.items() if value is not None} == {
            "accessKey": CREDENTIALS["AWS_ACCESS_KEY_ID"],
            "accountId": "123456789012",
            "caller": identity["user"],
            "user": identity["caller"],
            "userArn": "arn:aws:sts::123456789012:user/moto",
            "sourceIp": LOOPBACK,
            "userAgent": "tests",
        }
        assert context == {
            "accountId": "123456789012",
            "domainName": host,
            "domainPrefix": "127",
            "httpMethod": "POST",
            "operationName": "Echo",
            "path": "/dev/echo",
            "protocol": "HTTP/1.1",
            "resourcePath": "/echo",
            "stage": "dev",
        }

    def test_what_is_not_there_is_null(self, url: str) -> None:
        event = ask("GET", f"{url}/echo").json()
        for name in ("queryStringParameters", "multiValueQueryStringParameters", "pathParameters", "body"):
            assert event[name] is None, name

    def test_request_id_is_that_of_the_response(self, url: str) -> None:
        response = ask("GET", f"{url}/echo")
        assert response.json()["requestContext"]["requestId"] == response.headers["x-amzn-RequestId"]
        assert response.json()["headers"]["X-Amzn-Trace-Id"] == response.headers["X-Amzn-Trace-Id"]

    @pytest.mark.parametrize(
        ("signed_query", "query", "parameters"),
        [
            ("a=%2Bb", "a=+b", {"a": " b"}),
            ("a=1%3Bb%3D2", "a=1%3Bb%3D2", {"a": "1;b=2"}),
            ("a=1%3Bb%3D2", "a=1;b=2", {"a": "1", "b": "2"}),
        ],
    )
    def test_query(self, url: str, signed_query: str, query: str, parameters: dict[str, str]) -> None:
        status, event = send_target(signed("GET", f"{url}/echo?{signed_query}"), f"/dev/echo?{query}")
        assert (status, event.get("queryStringParameters")) == (200, parameters)

    def test_repeated_header(self, url: str) -> None:
        request = signed("GET", f"{url}/echo")
        headers = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items() if name != "Host")
        host, port = urlsplit(url).netloc.split(":")
        with socket.create_connection((host, int(port)), 9) as connection:
            connection.sendall(
                f"GET /dev/echo HTTP/1.1\r\nHost: {host}:{port}\r\n{headers}X-Two: a\r\nX-Two: b\r\n\r\n".encode()
            )
            event = json.loads(b"".join(iter(lambda: connection.recv(9999), b"")).split(b"\r\n\r\n", 1)[1])
        assert event["headers"]["X-Two"] == "b"
        assert event["multiValueHeaders"]["X-Two"] == ["a", "b"]

    def test_body_is_text(self, url: str) -> None:
        content = bytes(range(256))
        event = ask("POST", f"{url}/echo", data=content, headers={"Content-Type": "image/png"}).json()
        assert (event["isBase64Encoded"], event["body"]) == (False, content.decode(errors="replace"))

    def test_chunked_body(self, url: str) -> None:
        request = signed("POST", f"{url}/echo", data=b"onetwo")
        del request.headers["Content-Length"]
        request.headers["Transfer-Encoding"] = "chunked"
        request.body = iter([b"one", b"two"])  # type: ignore[assignment]
        response = send(request)
        assert response.json()["body"] == "onetwo"


class TestAnswer:
    def test_status_and_headers(self, url: str) -> None:
        response = ask("GET", f"{url}/echo?do=headers")
        assert (response.status_code, response.text) == (201, "made")
        assert response.headers["X-One"] == "1"
        assert response.headers["X-True"] == "true"
        assert response.headers["Content-Type"] == "text/plain"
        assert response.headers["x-amzn-Remapped-Date"] == "never"
        assert response.headers["Date"] != "never"
        assert response.raw.headers.getlist("Set-Cookie") == ["a=1", "b=2", "c=3"]

    def test_default_content_type(self, url: str) -> None:
        assert ask("GET", f"{url}/echo").headers["Content-Type"] == "application/json"

    def test_encoded_answer_stays_encoded(self, url: str) -> None:
        assert ask("GET", f"{url}/echo?do=encoded").content == base64.b64encode(b"text")

    def test_head_has_no_body(self, url: str) -> None:
        response = ask("HEAD", f"{url}/echo")
        assert (response.status_code, response.content) == (200, b"")

    @pytest.mark.parametrize("order", ["malformed", "none", "object", "fail"])
    def test_malformed_or_failed(self, url: str, log: list[str], order: str) -> None:
        log.clear()
        response = ask("GET", f"{url}/echo?do={order}")
        assert refusal(response) == (502, "InternalServerErrorException", "Internal server error")
        assert re.fullmatch(r"GET /dev/echo 502 \d+ ms( cold)?: .+", log[0])

    def test_timeout_of_the_function(self, url: str) -> None:
        response = ask("GET", f"{url}/echo?do=sleep")
        assert refusal(response) == (502, "InternalServerErrorException", "Internal server error")
        assert ask("GET", f"{url}/echo").status_code == 200

    def test_timeout_of_the_integration(self, url: str) -> None:
        response = ask("GET", f"{url}/hurry?do=sleep")
        assert refusal(response) == (504, "InternalServerErrorException", "Endpoint request timed out")
        assert response.elapsed < timedelta(seconds=0.9)

    def test_throttled_function(self, module_runner: Runner) -> None:
        name, package = module_runner.deploy(HANDLER, Timeout=1)
        module_runner.client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
        deployed = Deployed(module_runner, module_runner.run(name, package))
        deployed.permit(deployed.small("reserved", milliseconds=300))
        with deployed.gateway("reserved") as gateway:
            assert ask("GET", f"{gateway.url}/x?do=sleep").status_code == 504
            response = ask("GET", f"{gateway.url}/x")
            assert refusal(response) == (500, "InternalServerErrorException", "Internal server error")

    def test_many_at_once(self, url: str) -> None:
        with ThreadPoolExecutor(24) as pool:
            answers = list(pool.map(lambda _: ask("GET", f"{url}/echo"), range(24)))
        assert [answer.status_code for answer in answers] == [200] * 24

    def test_each_request_is_a_line_of_the_log(self, url: str, log: list[str]) -> None:
        log.clear()
        ask("GET", f"{url}/echo?q=secret")
        requests.get(f"{url}/nowhere", timeout=9)
        assert re.fullmatch(r"GET /dev/echo 200 \d+ ms", log[0])
        assert re.fullmatch(r"GET /dev/nowhere 403 \d+ ms", log[1])


class TestLimits:
    @pytest.mark.parametrize("excess", [1, 20 * 1024 * 1024])
    def test_body_of_more_than_ten_megabytes(self, url: str, excess: int) -> None:
        response = ask("POST", f"{url}/echo", data=b"x" * (10 * 1024 * 1024 + excess))
        assert refusal(response)[:2] == (413, "RequestEntityTooLargeException")
        assert response.json()["message"] == "HTTP content length exceeded 10485760 bytes."

    def test_event_counts_in_bytes(self, url: str) -> None:
        headers = {"Content-Type": "text/plain"}
        body = "\u00e9" * 1_200_000  # 2.4 MB, and 7.2 with escapes
        assert ask("POST", f"{url}/unchecked?do=none", data=body.encode(), headers=headers).status_code == 502

    def test_event_too_large_for_the_function(self, url: str) -> None:
        response = ask("POST", f"{url}/echo", data=b"x" * (7 * 1024 * 1024))
        assert refusal(response)[::2] == (413, "Request Too Long")

    def test_answer_too_large_for_the_function(self, url: str) -> None:
        response = ask("GET", f"{url}/echo?do=big")
        assert refusal(response)[::2] == (502, "Internal server error")
