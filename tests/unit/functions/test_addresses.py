"""Where webhooks may be, by their URLs and by what their names resolve to."""

import socket
from typing import Any

import pytest

from outbound.addresses import Forbidden, check_url, resolve

PUBLIC = ("93.184.215.14", "8.8.8.8", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "2a00:1450:4001:82a::200e")
#: Of this machine, of networks that are not public, of the cloud's own services, and what stands for such addresses.
NOT_PUBLIC = (
    *("0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1", "172.31.255.255"),
    *(
        "192.168.0.1",
        "169.254.169.254",
        "169.254.170.2",
        "100.64.0.1",
        "192.0.0.1",
        "192.0.2.1",
        "198.18.0.1",
    ),
    *("198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"),
    *(
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:8.8.8.8",
        "::127.0.0.1",
        "::8.8.8.8",
    ),
    *("64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::a00:1", "2002:7f00:1::", "2002:808:808::"),
    *(
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "2001:db8::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "ff02::1",
    ),
    *("100::1", "5f00::1", "fec0::1", "::ffff:0:127.0.0.1"),
)
#: Other spellings of 127.0.0.1, which C libraries take, and of 169.254.169.254.
SPELLINGS = (
    *("2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.1", "127.0.1", "017700000001", "0x7f.0.0.1"),
    *("2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518", "0"),
)


@pytest.mark.parametrize("host", PUBLIC)
def test_public_addresses_are_allowed(host: str) -> None:
    url = f"https://[{host}]/" if ":" in host else f"https://{host}/"
    assert resolve(check_url(url, local=False), local=False) == [(host, 443)]


@pytest.mark.parametrize("host", [*NOT_PUBLIC, *SPELLINGS])
def test_others_are_not_however_they_are_spelled(host: str) -> None:
    url = f"https://[{host}]/" if ":" in host else f"https://{host}/"
    with pytest.raises(Forbidden, match="public addresses"):
        check_url(url, local=False)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "HTTP://example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "//example.com/",
        "example.com",
        "https:example.com",
        "https:///path",
        "https://",
        "https://:443/",
        "https://user@example.com/",
        "https://user:password@example.com/",
        "https://@example.com/",
        "https://example.com@127.0.0.1/",
        "https://example.com/#fragment",
        "https://example.com:22/",
        "https://example.com:80/",
        "https://example.com:0/",
        "https://example.com:65536/",
        "https://example.com:x/",
        "https://example.com:99999999999/",
        "https://exa mple.com/",
        "https://example.com/\r\nX: y",
        "https://example.com/\x00",
        "https://example.com\\@127.0.0.1/",
        "https://\N{FULLWIDTH DIGIT ONE}27.0.0.1/",
        "https://b\N{LATIN SMALL LETTER U WITH DIAERESIS}cher.example/",
        "https://[::1/",
        "https://[v1.x]/",
        "https://[fe80::1%25eth0]/",
        f"https://{'a' * 64}.example/",
        "https://a..example/",
        "\thttps://example.com/",
    ],
)
def test_what_is_no_public_https_url_is_refused(url: str) -> None:
    with pytest.raises(Forbidden):
        check_url(url, local=False)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://example.com/hook?x=%20&y#".rstrip("#"),
        "https://example.com:443/",
        "https://example.com:8443/",
        "HTTPS://EXAMPLE.COM/",
        "https://xn--bcher-kva.example/",
        "https://a-1.b2.xn--p1ai/",
    ],
)
def test_names_are_resolved_later(url: str) -> None:
    check_url(url, local=False)


def answering(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


@pytest.mark.parametrize("local", [False, True])
@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_a_name_with_one_address_that_is_not_public_is_refused(
    monkeypatch: pytest.MonkeyPatch, address: str, local: bool
) -> None:
    url = check_url("https://example.com/", local=local)
    answering(monkeypatch, "8.8.8.8", address)
    if local and address in ("127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1"):
        assert len(resolve(url, local=local)) == 2
        return
    with pytest.raises(Forbidden):
        resolve(url, local=local)


def test_an_emulator_may_call_this_machine_without_tls_and_nobody_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for url in ("http://127.0.0.1:9000/hook", "http://[::1]:9000/", "https://127.0.0.1:9443/"):
        check_url(url, local=True)
    for url in ("http://8.8.8.8/", "http://10.0.0.1/", "https://10.0.0.1/", "http://169.254.169.254/"):
        with pytest.raises(Forbidden):
            check_url(url, local=True)
    url_of_a_name = check_url("http://example.com/", local=True)
    answering(monkeypatch, "8.8.8.8")
    with pytest.raises(Forbidden):
        resolve(url_of_a_name, local=True)
