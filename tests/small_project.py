"""A project with one small function, whose Lambda package takes seconds to build."""

import shutil
from collections.abc import Callable
from pathlib import Path

from stacks.package import ROOT

SOURCES = {
    "probe/__init__.py": "",
    "probe/handler.py": """
import sys

from aws_lambda_powertools import Logger, Metrics, Tracer

from shared.data_schema import validate
from shared.facts import ITEM

def handler(event, context):
    validate(event)
    # As a sampled request does it.
    with Tracer(auto_patch=False).provider.in_subsegment("probe"):
        pass
    import boto3

    client = boto3.client("dynamodb")
    client.put_item(TableName=event["table"], Item=ITEM)
    answer = client.query(
        TableName=event["table"],
        KeyConditionExpression="tracking_id = :id",
        ExpressionAttributeValues={":id": ITEM["tracking_id"]},
    )
    compiler = [name for name in sys.modules if name.startswith("fastjsonschema.")]
    return {"items": answer["Items"], "compiler": compiler}
""",
    "shared/__init__.py": "",
    "shared/facts.py": "from shared import schema\n\nITEM = {'tracking_id': {'S': 'PROBE'}, 'timestamp': {'N': '1'}}\n",
    "shared/data.schema.json": '{"required": ["table"]}\n',
    "shared/schema.py": "",
    "shared/unused.py": "import boto3\n",
    "other/__init__.py": "",
}


def plant(root: Path, sources: dict[str, str]) -> Path:
    """Writes `sources` as the functions of a project in `root`, with this project's locks; returns `root`."""
    for name, text in sources.items():
        path = root / "lambda" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for lock in ("Pipfile.lock", "package-lock.json"):
        shutil.copyfile(ROOT / lock, root / lock)
    (root / "node_modules").symlink_to(ROOT / "node_modules")
    return root


def edit(root: Path, name: str, change: Callable[[str], str]) -> None:
    """Writes a file of the project anew, with `change` of its text."""
    path = root / name
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
