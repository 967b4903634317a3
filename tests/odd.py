"""Odd requests to the routes of webhooks, for the function behind them and for them as they are served."""
# ruff: noqa: E501, RUF001, SIM905
# fmt: off

import base64
import json
from typing import Any

NOBODY = "00000000-0000-4000-8000-000000000000"

#: Other spellings of this machine, and ports that are not for webhooks: what an emulator lets in, and nobody else.
THIS_MACHINE = [
    f"https://{host}/"
    for host in """
    127.0.0.1 127.1 127.0.1 127.0.0.01 127.0.0.0x1 127.0x0.0.1 127.255.255.254 0x7f.1 0x7f.0.0.1 0x7F000001 0x7f000001
    0177.1 0177.0.0.1 017700000001 2130706433 0000000000000000000177.0.0.1 localhost LOCALHOST
    [::1] [0:0:0:0:0:0:0:1] [0000:0000:0000:0000:0000:0000:0000:0001] [::ffff:127.0.0.1] [::ffff:7f00:1]
    [0:0:0:0:0:ffff:127.0.0.1] 127.0.0.1:8443 [::1]:443
    example.com:22 example.com:80 example.com:0 example.com:25 example.com:6379 example.com:9000
    """.split()
]
#: Inner addresses however they are spelled, what stands for such, names that are none, and URLs that two parsers may
#: read in two ways.
URLS = [
    *(
        f"https://{host}/"
        for host in """
        127.0.0.1. 127.1. 0x7f.1. 2130706433. 127.0.0.1%20 0 00 0x0 0.0 0.0.0.0 0.0.0.0. 1 4294967295 4294967296
        999999999999 169.254.169.254 169.254.169.254. 169.254.43518 2852039166 0xa9fea9fe 0251.0376.0251.0376
        0xa9.0xfe.0xa9.0xfe 169.254.170.2 169.254.170.23 100.100.100.200 192.0.0.192 10.0.0.1 10.1 0xa000001 012.0.0.1
        172.16.0.1 172.31.255.255 192.168.0.1 192.168.1 100.64.0.1 100.127.255.255 198.18.0.1 198.51.100.1 203.0.113.1
        192.0.2.1 192.88.99.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 1.1.1.1.1 256.256.256.256 08.8.8.8
        0x100000000 12345678901234567890 -1 1e9 a.b.c.127 example.0x7f example.127
        [::] [::ffff:0:0] [::ffff:a9fe:a9fe] [::ffff:8.8.8.8] [::127.0.0.1] [::8.8.8.8] [::ffff:0:127.0.0.1]
        [64:ff9b::127.0.0.1] [64:ff9b::a9fe:a9fe] [64:ff9b::8.8.8.8] [64:ff9b:1::1] [2002:7f00:1::] [2002:a9fe:a9fe::]
        [2001:db8::1] [2001:0:4136:e378:8000:63bf:3fff:fdd2] [fc00::1] [fd00:ec2::254] [fe80::1] [fec0::1] [ff02::1]
        [100::1] [5f00::1] [fe80::1%25lo] [fe80::1%lo] [::1%25lo] [::1%lo] [127.0.0.1] [1] [] [:::1] [[::1]] [v1.x]
        [v7.1:2] [::1 ::1] ::1 [::1]:99999 [example.com] [8.8.8.8]
        localhost. ip6-localhost metadata instance-data intranet . .. .example.com example..com example.com.
        -example.com example-.com exa_mple.com *.example.com xn-- xn--a example.com;127.0.0.1 example.com,127.0.0.1
        (example.com) {example.com} <127.0.0.1> "127.0.0.1" '127.0.0.1' `id` $(id) % example.com|127.0.0.1
        example.com&x %31%32%37.0.0.1 10.0.0.1%2f 127.0.0.1%00.example.com exam%70le.com %65xample.com
        example.com%2f@127.0.0.1 ①②⑦.⓪.⓪.① 127。0。0。1 127．0．0．1 １２７.0.0.1 ⅼocalhost bücher.example
        exam\u00adple.com example\u200b.com exampl\u0435.com
        user@example.com :@example.com @example.com user:password@example.com example.com@127.0.0.1
        example.com:443@127.0.0.1 127.0.0.1:443@example.com example.com:65536 example.com:99999999999 example.com:-443
        example.com:+443 example.com:x example.com:8443:22 example.com:0x1bb :443 example.com:４４３
        example.com\\ example.com\\@127.0.0.1 127.0.0.1\\@example.com example.com#@127.0.0.1 example.com/# # ?
        """.split()
    ),
    *"""
    https:\\\\127.0.0.1\\ https:/127.0.0.1/ https:127.0.0.1 https:///127.0.0.1/ https:////127.0.0.1 https:// https
    http://169.254.169.254/latest/meta-data/ //127.0.0.1/ ftp://example.com/ file:///etc/passwd
    file://localhost/etc/passwd /etc/passwd example.com gopher://127.0.0.1:6379/_x dict://127.0.0.1:11211/
    ldap://127.0.0.1/ ws://example.com/ wss://example.com/ javascript:alert(1) data:text/plain,x arn:aws:sns:x
    blob:https://example.com/ jar:https://example.com/ https+unix://%2frun%2fdocker.sock/ unix:///run/docker.sock
    https://example.com/ä
    """.split(),
    *(
        "https://example.com:443 /",
        "https://exa mple.com/",
        "https://example.com\t/",
        "https://example.com/\x00",
    ),
    *(
        "\thttps://example.com/",
        " https://example.com/",
        "https://example.com/\r\nX: y",
        "https://example.com/\x7f",
    ),
    *(f"https://{'a' * 64}.example/", f"https://example.com/{'a' * 2000}", "", " ", "\x00"),
]


def _bodies(member: str, *values: Any) -> list[str]:
    return [json.dumps({member: value}) for value in values]


#: What is no JSON, and what is no webhook.
BODIES = [
    *"{ } [ ] ' , : {] {}{} {}, [{}] nul undefined NaN Infinity - +1 01 1. .5 1e 0x10 True {'a':1} {\"a\"} {\"a\":}".split(),
    *("{} {}", '{"a": 1,}', "\ufeff{}", "\x00", "\ud800", "\\u0000", "<webhook/>", "url=https://example.com/", "--x", "%7B%7D"),
    *("[" * 50_000, '{"a":' * 10_000, "9" * 50_000, " ", "\n", "/* */ {}", "# x", '"\\ud800"', '"\\x41"', '"', "null", "true"),
    *("0", "1e999999999", '""', "[]", '["url"]', '[{"url": "https://example.com/"}]', '{"description": "a", "description": "b"}'),
    '{"url": "https://example.com/", "url": "https://169.254.169.254/"}',
    *_bodies("url", None, True, 0, 1e308, [], {}, ["https://example.com/"], {"url": "https://example.com/"}),
    *_bodies("events", None, "stalled", {}, [None], [1], ["all"], ["stalled"] * 2, [[]]),
    *_bodies("statuses", None, 1, ["lost"], ["Failed"], ["failed\x00"], [{}], "failed"),
    *_bodies("carriers", None, [""], ["a" * 101], ["a"] * 2, [1], list("abcdefghijklmnopqrstu")),
    *_bodies("description", None, 1, "x" * 201, ["x"], {"x": 1}),
    *_bodies("format", None, "", "xml", "PLAIN", 1, ["plain"]),
    *_bodies("state", None, "", "open", "Active", 1, ["active"]),
    *(
        json.dumps({name: 1})
        for name in [
            *"id secrets secret token sequence lanes replay replay_failed failures blocked_until created_at URL".split(),
            *("__proto__", "constructor", "", " url", "url\x00", "u\u200brl", "$schema"),
        ]
    ),
]
#: Of the event of a request: bodies that cannot be read.
RAW_BODIES: list[dict[str, Any]] = [
    {"body": body, "isBase64Encoded": True}
    for body in [
        *("%", "{", "e30", "e30==", "e3 0=", "ä", "=", "e30=\n="),
        *(base64.b64encode(raw).decode() for raw in (b"\xff\xfe", b"\x1f\x8b\x08", b"{", b"\xc0\x80")),
    ]
]
#: What is the id of no webhook.
IDS = [
    *("", " ", "x", "0", "-1", "null", "*", "%", "%00", "\x00", "\ud800", ".", "..", "../..", "/", "a" * 35, "a" * 37),
    *(NOBODY, f"{NOBODY} ", f" {NOBODY}", NOBODY.replace("-", ""), f"{{{NOBODY}}}", "-" * 36, "ä" * 36, "\N{PACKAGE}" * 36),
    *("../" * 12, "a" * 3000, "' OR '1'='1", "{{7*7}}", "${id}", "id;x", "{id}", "\r\nX: y", "١" * 36),
]
#: What is no number.
NUMBERS: list[Any] = [
    *("", " ", "-1", "+1", "1.0", "1e3", "0x10", "1_000", "1,000", " 1", "1 ", "1\n", "\u0661", "１", "\x00", "\ud800", "NaN"),
    *("Infinity", "null", "true", "9" * 16, "9" * 5000, "1;2", "1' OR '1", "yesterday", 5, True, [], ["1"], {}),
]
#: Of an event of no route.
EVENTS: list[Any] = [
    *(None, [], "x", 5, True, {}, {"routeKey": None}, {"routeKey": 5}, {"httpMethod": "GET", "path": "/webhooks"}),
    *({"routeKey": key} for key in ("", "$default", "GET /other", "get /webhooks", "GET  /webhooks", "GET /webhooks/")),
    *({"routeKey": key} for key in ("PUT /webhooks", "OPTIONS /webhooks", "GET /webhooks ", "POST /changes", "ANY /{x+}")),
    *({"Records": [{"body": "{}"}]}, {"routeKey": "GET /webhooks\n"}, {"requestContext": {"routeKey": "GET /webhooks"}}),
]


def bad_tokens(feed: dict[str, Any], hook: dict[str, Any]) -> list[str]:
    """Those that read no feed, not even this one."""
    token, id = feed["token"], feed["id"]
    secret = token.partition(".")[2]
    return [
        *("", " ", ".", "..", "x", "null", "*", "\x00", "\ud800", "\udc80", "ä", "Bearer", "a" * 100_000, "." * 10_000),
        *(token[:-1], token[1:], token + "=", token + "A", token + " ", f"{token},{token}", f"{token} {token}", token * 2),
        *(token.upper(), token.lower(), token.swapcase(), token[::-1], token.replace(".", ":"), token.replace(".", "")),
        *(id, f"{id}.", f".{secret}", secret, f"{id}.{id}", f"{id}..{secret}", f"{NOBODY}.{secret}", f"{id.upper()}.{secret}"),
        *(f"{hook['id']}.{secret}", f"{hook['id']}.{hook['secret']}", hook["secret"], f"{id}.{hook['secret']}"),
        *(base64.b64encode(token.encode()).decode(), "eyJhbGciOiJub25lIn0.e30.", f"{id}.{'A' * 43}", f"{id}.*", f"{id}.%"),
    ]
