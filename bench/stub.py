"""A stand-in for DynamoDB and SSM that answers at once, over TLS, so that the caller's own work can be timed."""

import datetime
import ipaddress
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

_UPDATE = {
    "tracking_id": {"S": "SHIP-1"},
    "status": {"S": "in_transit"},
    "location": {"M": {"lat": {"N": "52.52"}, "lng": {"N": "13.405"}}},
    "metadata": {"M": {"carrier": {"S": "DHL"}, "weight_kg": {"N": "1.5"}, "express": {"BOOL": True}}},
    "environment": {"S": "bench"},
    "created_at": {"S": "2025-01-01 00:00:00"},
}
_FLAGS = '{"enhanced_tracking":true,"batch_processing":false,"real_time_notifications":true}'
_CONFIG = '{"max_request_size":"10MB","timeout":30,"rate_limit":100}'
_ANSWERS = {
    "PutItem": {},
    "Query": {
        "Items": [{**_UPDATE, "timestamp": {"N": str(1735689600000 - n)}} for n in range(10)],
        "Count": 10,
    },
    "GetParameter": {"Parameter": {"Name": "/flags", "Value": _FLAGS}},
    "GetParameters": {
        "Parameters": [{"Name": "/config", "Value": _CONFIG}, {"Name": "/flags", "Value": _FLAGS}],
        "InvalidParameters": [],
    },
}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps(_ANSWERS[self.headers["X-Amz-Target"].partition(".")[2]]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def stub(folder: Path) -> Iterator[str]:
    """The stub's URL; its certificate is written to `folder`/stub.pem."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_certificate(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"https://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def _certificate(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "stub")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "stub.pem"
    pem.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return pem
