"""`python -m tools.cost`: what an environment costs; writes the tables of docs/cost.md and docs/scale.md."""

import io
import json
import os
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import redirect_stdout
from decimal import Decimal
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, Final, NamedTuple
from unittest.mock import patch

import contract
from main import add_stacks
from runtime.settings import Settings as RunningSettings
from runtime.telemetry import Telemetry
from stacks.settings import Settings, load_settings
from storage.attributes import AttributeValue, Item
from storage.updates import UpdateStore
from tools.generated import fill
from tools.toolchain import ROOT
from tracking.api import Api
from tracking.idempotency import FirstSeen

COST, SCALE = ROOT / "docs/cost.md", ROOT / "docs/scale.md"
ENVIRONMENTS = ("dev", "prod")


class Price(NamedTuple):
    """USD for `per` units, in us-east-1, without free tiers and volume discounts."""

    usd: float
    per: float
    unit: str
    page: str


#: Of AWS's pricing pages; most were checked against infracost's copies of AWS's price list, and DynamoDB's requests
#: against reports of the halving of November 2024. Those of composite alarms and of WAF could not be checked.
PRICES: Final = {
    "api": Price(
        3.50, 1e6, "requests to a REST API, for the first 333 million a month", "Amazon API Gateway pricing"
    ),
    "write": Price(0.625, 1e6, "write request units", "Amazon DynamoDB on-demand pricing"),
    "read": Price(0.125, 1e6, "read request units", "Amazon DynamoDB on-demand pricing"),
    "table": Price(0.25, 1, "GB of a table or an index for a month", "Amazon DynamoDB on-demand pricing"),
    "recovery": Price(
        0.20, 1, "GB of a table for a month, for point-in-time recovery", "Amazon DynamoDB on-demand pricing"
    ),
    "invocation": Price(0.20, 1e6, "invocations", "AWS Lambda pricing"),
    "time": Price(0.0000133334, 1, "GB-second on arm64", "AWS Lambda pricing"),
    "log": Price(0.50, 1, "GB of logs taken in", "Amazon CloudWatch pricing"),
    "kept": Price(0.03, 1, "GB of compressed logs for a month", "Amazon CloudWatch pricing"),
    "metric": Price(0.30, 1, "custom metric a month", "Amazon CloudWatch pricing"),
    "alarm": Price(0.10, 1, "metric of an alarm a month", "Amazon CloudWatch pricing"),
    "composite": Price(0.50, 1, "composite alarm a month", "Amazon CloudWatch pricing"),
    "dashboard": Price(3.00, 1, "dashboard a month", "Amazon CloudWatch pricing"),
    "trace": Price(5.00, 1e6, "traces", "AWS X-Ray pricing"),
    "key": Price(1.00, 1, "key a month", "AWS KMS pricing"),
    "acl": Price(5.00, 1, "web ACL a month", "AWS WAF pricing"),
    "rule": Price(1.00, 1, "rule of a web ACL a month", "AWS WAF pricing"),
    "inspected": Price(0.60, 1e6, "requests to a web ACL", "AWS WAF pricing"),
    "publish": Price(0.50, 1e6, "notifications published", "Amazon SNS pricing"),
    "webhook": Price(0.60, 1e6, "notifications to HTTPS", "Amazon SNS pricing"),
    "email": Price(20.00, 1e6, "notifications by e-mail", "Amazon SNS pricing"),
    "transfer": Price(0.09, 1, "GB out to the internet", "Amazon EC2 on-demand pricing, data transfer"),
}

#: REST API requests in millions a month up to which a million costs so many USD; "Amazon API Gateway pricing".
API_TIERS: Final = ((333, 3.50), (1_000, 2.80), (20_000, 2.38), (float("inf"), 1.51))

#: CPU ms of a warm request on the machine of `make bench`, and records of the notifier for each second of CPU.
POST_CPU_MS, GET_CPU_MS, NOTIFIED_A_CPU_SECOND = 0.75, 0.95, 1_400
#: A function has one processor at 1,769 MB (Lambda developer guide, "Configure Lambda function memory"), and a
#: part of it below. That one is taken to be as fast as the machine of `make bench`.
MB_A_PROCESSOR: Final = 1_769
#: ms that a function waits for DynamoDB: "single-digit millisecond latency".
WAIT_MS: Final = 5
#: X-Ray's default rule, without the one request a second ("Configure sampling rules").
TRACED: Final = 0.05
#: What DynamoDB adds to each item that it stores, in the table and in an index ("DynamoDB Item sizes and formats").
OVERHEAD_BYTES: Final = 100
#: What Lambda logs for an invocation ("Sending Lambda function logs to CloudWatch Logs").
LAMBDA_LINES: Final = """\
START RequestId: 8f507cfc-xmpl-4697-b07a-ac58fc914c95 Version: $LATEST
END RequestId: 8f507cfc-xmpl-4697-b07a-ac58fc914c95
REPORT RequestId: 8f507cfc-xmpl-4697-b07a-ac58fc914c95\tDuration: 8.41 ms\tBilled Duration: 9 ms\tMemory Size: 512 MB\t\
Max Memory Used: 90 MB\t
XRAY TraceId: 1-5e34a614-10bdxmplf1fb44f07bc535a1\tSegmentId: 07f5xmpl2d1f6f85\tSampled: true\t
"""
UPDATE: Final[dict[str, Any]] = {
    "tracking_id": "1Z999AA10123456784",
    "status": "in_transit",
    "location": {"lat": 52.520008, "lng": 13.404954},
    "timestamp": 1764590667876,
    "metadata": {"carrier": "DHL Express", "facility": "BER-1", "scanner": "B7", "weight_kg": 12.5},
}
SECONDS_A_MONTH: Final = 730 * 3600
BATCH: Final = 100


class Line(NamedTuple):
    """A row of a table: what is paid for, how much of it, and USD."""

    what: str
    amount: float
    price: str

    @property
    def usd(self) -> float:
        price = PRICES[self.price]
        return self.amount * price.usd / price.per


class Request(NamedTuple):
    """Bytes of a request: of the update's item, of its answer, and of what is logged."""

    item: int
    answer: int
    logged: int


def measure() -> tuple[Request, Request]:
    """A POST and a GET of 10 such updates, answered by the function's own code over a table of one item."""
    items: list[Item] = []
    table = SimpleNamespace(
        put_item=lambda **request: items.append(request["Item"]),
        query=lambda **request: {"Items": items * (request["Limit"] - 1)},
    )
    names = {"POWERTOOLS_SERVICE_NAME": "tracking-api", "POWERTOOLS_METRICS_NAMESPACE": "LogisticsTracking"}
    # The answer says how long ago the last update was, and so is as long as that is.
    with patch.dict(os.environ, names), patch("time.time", return_value=UPDATE["timestamp"] / 1000 + 3600):
        api = Api(
            store=UpdateStore(table, "updates", "prod"),
            settings=SimpleNamespace(current=lambda: RunningSettings(contract.DEFAULT_FLAGS, 10**7)),  # type: ignore[arg-type]
            first_seen=FirstSeen(table, "keys"),
            telemetry=Telemetry("prod"),
        )
        post = _ask(api, httpMethod="POST", path="/track", body=json.dumps(UPDATE))
        get = _ask(
            api,
            httpMethod="GET",
            path="/status",
            queryStringParameters={"tracking_id": UPDATE["tracking_id"], "limit": "10"},
        )
    size = item_size(items[0])
    return Request(size, *post), Request(size, *get)


def _ask(api: Api, **event: Any) -> tuple[int, int]:
    """Bytes of the answer, and of the log: of the function, of Lambda, and of the gateway's line."""
    from stacks.constructs.rest_api import ACCESS_LOG  # loads the bindings

    context = {"requestContext": {"requestId": "8f507cfc-0000-4697-b07a-ac58fc914c95"}}
    with redirect_stdout(io.StringIO()) as said:
        answer = api.answer({**event, **context}, None)
    assert answer["statusCode"] == 200, answer  # noqa: S101
    return len(answer["body"]), len(said.getvalue()) + len(LAMBDA_LINES) + len(json.dumps(ACCESS_LOG))


def item_size(item: Item) -> int:
    """Bytes that DynamoDB counts ("DynamoDB Item sizes and formats")."""
    return sum(len(name.encode()) + _size(value) for name, value in item.items())


def _size(value: AttributeValue) -> int:
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":  # a byte for two significant digits, and one
            return ceil(len(Decimal(content).normalize().as_tuple().digits) / 2) + 1
        case "M":
            return 3 + sum(len(name.encode()) + _size(member) + 1 for name, member in content.items())
        case "L":
            return 3 + sum(_size(member) + 1 for member in content)
        case _:
            return 1


def for_updates(memory_mb: int, request: Request, *, batch: int = 1, web_acl: bool = False) -> list[Line]:
    """A million updates, `batch` in a request."""
    requests = 1e6 / batch
    units = ceil(request.item / 1024) * 1e6
    told = 1e6 / NOTIFIED_A_CPU_SECOND * MB_A_PROCESSOR / memory_mb
    return [
        Line("API Gateway", requests, "api"),
        *([Line("Web ACL", requests, "inspected")] if web_acl else []),
        Line("Lambda, requests", requests, "invocation"),
        # The writes of a batch wait ten at a time.
        Line("Lambda, time", _time(memory_mb, POST_CPU_MS * batch, ceil(batch / 10)) * requests, "time"),
        Line("DynamoDB, table", units, "write"),
        Line("DynamoDB, index", units, "write"),
        Line("Logs", request.logged * requests / 1e9, "log"),
        Line("Traces", TRACED * requests, "trace"),
        Line("Answers", request.answer * 1e6 / 1e9, "transfer"),
        Line("Notifier, requests", 1e6 / BATCH, "invocation"),
        Line("Notifier, time", told * memory_mb / 1024, "time"),
        Line("Notifier, reads", 1e6, "read"),
    ]


def for_reads(
    memory_mb: int, request: Request, *, index_shards: int = 0, web_acl: bool = False
) -> list[Line]:
    """A million GET of 10 updates: of /status, or of /updates with so many shards."""
    # One item more than asked for is read. Reads of an index count half.
    units = ceil(11 * request.item / 4096) * (index_shards / 2 or 1)
    return [
        Line("API Gateway", 1e6, "api"),
        *([Line("Web ACL", 1e6, "inspected")] if web_acl else []),
        Line("Lambda, requests", 1e6, "invocation"),
        Line("Lambda, time", _time(memory_mb, GET_CPU_MS, ceil((index_shards or 1) / 10)) * 1e6, "time"),
        Line("DynamoDB, reads", units * 1e6, "read"),
        Line("Logs", request.logged * 1e6 / 1e9, "log"),
        Line("Traces", TRACED * 1e6, "trace"),
        Line("Answers", request.answer * 1e6 / 1e9, "transfer"),
    ]


def _time(memory_mb: int, cpu_ms: float, waits: int) -> float:
    """GB-seconds of an invocation, which are billed by the ms."""
    milliseconds = ceil(cpu_ms * max(1, MB_A_PROCESSOR / memory_mb) + waits * WAIT_MS)
    return milliseconds / 1000 * memory_mb / 1024


def for_storage(request: Request) -> list[Line]:
    """A million updates, kept for a month."""
    gigabytes = (request.item + OVERHEAD_BYTES) * 1e6 / 2**30
    return [
        Line("Table", gigabytes, "table"),
        Line("Index", gigabytes, "table"),
        Line("Point-in-time recovery", gigabytes, "recovery"),
    ]


def for_standing(resources: Sequence[tuple[str, dict[str, Any]]]) -> list[Line]:
    """What an environment's `resources`, each with its type, cost a month without any request."""
    count = Counter(kind for kind, _ in resources)
    metrics = sum(
        sum("metric" in query for query in resource.get("metric_query", [])) or 1
        for kind, resource in resources
        if kind == "aws_cloudwatch_metric_alarm"
    )
    rules = sum(len(resource["rule"]) for kind, resource in resources if kind == "aws_wafv2_web_acl")
    return [
        Line("Alarms", metrics, "alarm"),
        Line("Composite alarms", count["aws_cloudwatch_composite_alarm"], "composite"),
        Line("Dashboards", count["aws_cloudwatch_dashboard"], "dashboard"),
        Line("Keys", count["aws_kms_key"], "key"),
        Line("Web ACLs", count["aws_wafv2_web_acl"], "acl"),
        Line("Rules of web ACLs", rules, "rule"),
    ]


def own_metrics() -> Line:
    """The functions' own metrics, each of which is paid for in the hours in which it is written."""
    shared = _counted("web") | _counted("runtime")
    functions = {path.parent.name for path in (ROOT / "lambda").glob("*/handler.py")}
    return Line("Metrics of the functions", sum(len(_counted(name) | shared) for name in functions), "metric")


def _counted(folder: str) -> set[str]:
    """The names of the metrics that the code in a folder of lambda/ counts."""
    names = set()
    for path in (ROOT / "lambda" / folder).rglob("*.py"):
        for name, several in re.findall(
            r'\.count\(\s*(?:"(\w+)"|contract\.(\w+)\[)', path.read_text("utf-8")
        ):
            names |= {name} if name else set(getattr(contract, several).values())
    return names


def monthly(updates_a_second: float, lines: Sequence[Line]) -> dict[str, float]:
    """USD a month at a steady rate, by service; `lines` are those of a million updates."""
    millions = updates_a_second * SECONDS_A_MONTH / 1e6
    usd: defaultdict[str, float] = defaultdict(float)
    for line in lines:
        if line.price == "api":
            usd["API Gateway"] = _tiered(millions * line.amount / 1e6)
        else:
            usd[line.what.partition(",")[0]] += millions * line.usd
    return dict(usd)


def _tiered(millions: float) -> float:
    usd, below = 0.0, 0.0
    for limit, price in API_TIERS:
        usd += max(0, min(millions, limit) - below) * price
        below = limit
    return usd


def render() -> tuple[dict[str, str], dict[str, str]]:
    """The parts of docs/cost.md and of docs/scale.md by their names."""
    post, get = measure()
    settings = {env: load_settings(ROOT / "cdktf.json", {"ENVIRONMENT_SUFFIX": env}) for env in ENVIRONMENTS}
    memory = {env: settings[env].memory_mb for env in ENVIRONMENTS}
    acl = {env: settings[env].web_acl for env in ENVIRONMENTS}
    standing = {env: for_standing(_resources(settings[env])) for env in ENVIRONMENTS}
    cost = {
        "prices": _table(
            ["USD", "for", "", "page"],
            [
                [f"{price.usd:.10f}".rstrip("0").rstrip("."), f"{price.per:,.0f}", price.unit, price.page]
                for price in PRICES.values()
            ],
        ),
        "sizes": (
            f"```json\n{json.dumps(UPDATE)}\n```\n\n"
            f"It becomes an item of {post.item} bytes; its answer has {post.answer} bytes, and that to a GET of ten "
            f"such updates {get.answer:,}. A request logs {post.logged:,} bytes."
        ),
        "standing": _side_by_side(standing),
        "metrics": _side_by_side({env: [own_metrics()] for env in ENVIRONMENTS}),
        "updates": _side_by_side(
            {env: for_updates(memory[env], post, web_acl=acl[env]) for env in ENVIRONMENTS}
        ),
        "batches": _side_by_side(
            {env: for_updates(memory[env], post, batch=BATCH, web_acl=acl[env]) for env in ENVIRONMENTS}
        ),
        "reads": _side_by_side({env: for_reads(memory[env], get, web_acl=acl[env]) for env in ENVIRONMENTS}),
        "shards": _table(
            ["shards", "USD for a million GET /updates"],
            [
                [
                    str(n),
                    _usd(
                        sum(
                            line.usd
                            for line in for_reads(memory["prod"], get, index_shards=n, web_acl=acl["prod"])
                        )
                    ),
                ]
                for n in (1, 4, 16, 64)
            ],
        ),
        "notifications": _side_by_side(
            {
                "each": [Line("Published", 1e6, "publish")],
                "to webhooks": [Line("Published", 1e6, "publish"), Line("Delivered", 1e6, "webhook")],
                "by e-mail": [Line("Published", 1e6, "publish"), Line("Delivered", 1e6, "email")],
            }
        ),
        "storage": _side_by_side({"USD": for_storage(post)}),
    }
    rates = {
        "10": monthly(10, for_updates(memory["prod"], post, web_acl=acl["prod"])),
        "1,000": monthly(1_000, for_updates(memory["prod"], post, web_acl=acl["prod"])),
        "100,000": monthly(100_000, for_updates(memory["prod"], post, web_acl=acl["prod"])),
        "100,000 in batches": monthly(
            100_000, for_updates(memory["prod"], post, batch=BATCH, web_acl=acl["prod"])
        ),
    }
    rows = [
        [name, *(f"{usd.get(name, 0):,.0f}" for usd in rates.values())]
        for name in dict.fromkeys(name for usd in rates.values() for name in usd)
    ]
    rows.append(["**together**", *(f"**{sum(usd.values()):,.0f}**" for usd in rates.values())])
    return cost, {"months": _table(["USD a month", *rates], rows)}


def _resources(settings: Settings) -> list[tuple[str, dict[str, Any]]]:
    """Every resource of an environment with its type, as synthesized; what an account has once is left out."""
    from cdktf import App

    with TemporaryDirectory() as folder:
        app = App(outdir=folder)
        add_stacks(app, settings)
        app.synth()
        stacks = [
            json.loads(path.read_text("utf-8"))
            for path in Path(folder).rglob("cdk.tf.json")
            if path.parent.name != "state"
        ]
    return [
        (kind, resource)
        for stack in stacks
        for kind, named in stack["resource"].items()
        for resource in named.values()
    ]


def _side_by_side(columns: dict[str, list[Line]]) -> str:
    names = dict.fromkeys(line.what for lines in columns.values() for line in lines)
    usd = [{line.what: line.usd for line in lines} for lines in columns.values()]
    rows = [[name, *(_usd(column.get(name, 0)) for column in usd)] for name in names]
    if len(rows) > 1:
        rows.append(["**together**", *(f"**{_usd(sum(column.values()))}**" for column in usd)])
    return _table(["USD", *columns], rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [
        head,
        ["---", *["---:" if rows[0][n][:1] in "0123456789" else "---" for n in range(1, len(head))]],
    ]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [*lines, *rows])


def _usd(amount: float) -> str:
    return f"{amount:.3f}"


def main() -> None:
    """Writes the tables, and prints them."""
    cost, scale = render()
    fill(COST, cost)
    fill(SCALE, scale)
    for name, part in (cost | scale).items():
        print(f"{name}\n{part}\n")


if __name__ == "__main__":
    main()
