"""`make cost`: what an environment costs, in USD; writes the tables of docs/cost.md and docs/scale.md."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from main import synthesize
from stacks.settings import Settings, load_settings
from tools.cost_model import (
    BATCH,
    DELIVERIES,
    GET_ANSWER,
    GET_LOG,
    INBOUND,
    INBOUND_METRICS,
    ITEM,
    METRICS,
    MILLION,
    POST_ANSWER,
    POST_LOG,
    READS,
    STANDING,
    STORAGE,
    UPDATE,
    UPDATES,
    WEBHOOKS_METRICS,
    Load,
    monthly,
    prices,
    usd,
)
from tools.generated import fill, table
from tools.toolchain import ROOT

COST, SCALE = ROOT / "docs/cost.md", ROOT / "docs/scale.md"


def synthesized(settings: Settings) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """The resources of an environment by their type; what an account has once is left out."""
    found: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for name, stack in synthesize(settings).items():
        if name != "state":
            for kind, resources in stack["resource"].items():
                found[kind] += resources.values()
    return found


def render() -> tuple[dict[str, str], dict[str, str]]:
    """The parts of docs/cost.md and of docs/scale.md by their names."""
    settings = {
        name: load_settings(ROOT / "cdktf.json", {"ENVIRONMENT_SUFFIX": name}) for name in ("dev", "prod")
    }
    loads = {
        name: Load(chosen.tracking.memory_mb, chosen.tracking.web_acl) for name, chosen in settings.items()
    }
    found = {name: synthesized(chosen) for name, chosen in settings.items()}
    alone = replace(settings["dev"], partners=replace(settings["dev"].partners, enabled=False))
    standing = {"dev": found["dev"], "dev without partners": synthesized(alone), "prod": found["prod"]}
    partners = {
        function["function_name"]: Load(function["memory_size"], web_acl=False)
        for function in found["dev"]["aws_lambda_function"]
    }
    batches = {name: load._replace(batch=BATCH) for name, load in loads.items()}
    shards = {
        f"{n:,}": {"GET /updates": sum(usd(READS, loads["prod"]._replace(shards=n)).values())}
        for n in (1, 4, 16, 64)
    }
    published, webhook, email = (MILLION * prices()[name] for name in ("publish", "webhook", "email"))
    cost = {
        "sizes": (
            f"```json\n{json.dumps(UPDATE)}\n```\n\n"
            f"It becomes an item of about {ITEM} bytes; its answer has {POST_ANSWER} bytes, and that to a GET of ten "
            f"such updates {GET_ANSWER:,}. A POST logs {POST_LOG:,} bytes, a GET {GET_LOG:,}."
        ),
        "standing": _amounts({name: usd(STANDING, resources) for name, resources in standing.items()}),
        "metrics": _amounts(
            {
                "USD": {
                    "Metrics of the functions": METRICS * prices()["metric"],
                    "Metrics of the inbound function": INBOUND_METRICS * prices()["metric"],
                    "Metrics of the functions of webhooks": WEBHOOKS_METRICS * prices()["metric"],
                }
            },
            "",
        ),
        "updates": _amounts({name: usd(UPDATES, load) for name, load in loads.items()}),
        "batches": _amounts({name: usd(UPDATES, load) for name, load in batches.items()}),
        "inbound": _amounts({"USD": usd(INBOUND, partners["tracking-inbound-dev"])}),
        "reads": _amounts({name: usd(READS, load) for name, load in loads.items()}),
        "shards": _amounts(shards),
        "notifications": _amounts(
            {
                "to queues, functions": {"Published": published, "Delivered": 0},
                "to webhooks": {"Published": published, "Delivered": webhook},
                "by e-mail": {"Published": published, "Delivered": email},
            }
        ),
        "deliveries": _amounts({"USD": usd(DELIVERIES, partners["tracking-delivery-dev"])}, ""),
        "storage": _amounts({"USD": usd(STORAGE, loads["prod"])}),
    }
    rates = {f"{rate:,}": monthly(rate, loads["prod"]) for rate in (10, 1_000, 100_000)}
    rates["100,000 in batches"] = monthly(100_000, batches["prod"])
    return cost, {"months": _amounts(rates, "USD a month", ",.0f")}


def _amounts(columns: Mapping[str, Mapping[str, float]], head: str = "USD", form: str = ",.3f") -> str:
    """A table of amounts, with their sums if there are several rows."""
    (names, *_) = columns.values()
    rows = [[what, *(f"{column[what]:{form}}" for column in columns.values())] for what in names]
    if len(rows) > 1:
        rows.append(["**total**", *(f"**{sum(column.values()):{form}}**" for column in columns.values())])
    return table([head, *columns], rows)


def main() -> None:
    """Writes the tables, and prints them."""
    cost, scale = render()
    fill(COST, cost)
    fill(SCALE, scale)
    for name, part in (cost | scale).items():
        print(f"{name}\n{part}\n")


if __name__ == "__main__":
    main()
