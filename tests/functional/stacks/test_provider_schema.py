"""What the resources leave unset and the provider does not take from AWS.

If AWS fills such an attribute in, every plan wants to take it away again, as it did with the status codes of gateway
responses. So each one that is left unset was looked at, and stands in `unset_attributes.txt`; a new one has to be
decided: set it, if AWS's documentation or recorded answers show a value for it, or else list it there.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.commands import output
from tests.synthesis import stacks

pytestmark = pytest.mark.slow

REVIEWED = Path(__file__).with_name("unset_attributes.txt")
PROVIDER = {"source": "hashicorp/aws", "version": "5.100.0"}


@pytest.fixture(scope="module")
def schemas(environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The provider's schema of each type of resource."""
    folder = tmp_path_factory.mktemp("schema")
    main = {"terraform": {"required_providers": {"aws": PROVIDER}}}
    (folder / "main.tf.json").write_text(json.dumps(main), encoding="utf-8")
    for command in (["init", "-input=false"], ["providers", "schema", "-json"]):
        said = output("terraform", *command, folder=folder, environ=environ)
    (provider,) = json.loads(said)["provider_schemas"].values()
    found: dict[str, Any] = provider["resource_schemas"]
    return found


def unset(block: Mapping[str, Any], values: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """The attributes and blocks (in braces) that could be set, are not, and are not taken from AWS."""
    for name, attribute in block.get("attributes", {}).items():
        if attribute.get("optional") and not attribute.get("computed") and name not in values:
            yield path + name
    for name, nested in block.get("block_types", {}).items():
        if name not in values:
            yield f"{path}{{{name}}}"
            continue
        items = values[name] if isinstance(values[name], list) else [values[name]]
        for item in items:
            yield from unset(nested["block"], item, f"{path}{name}.")


def reviewed() -> dict[str, set[str]]:
    """What the file lists, by type."""
    lines = (line.split("#")[0].partition(":") for line in REVIEWED.read_text(encoding="utf-8").splitlines())
    return {kind.strip(): set(names.split()) for kind, _, names in lines if kind.strip()}


def test_every_attribute_that_is_left_unset_was_decided(schemas: dict[str, Any]) -> None:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for environment in ("dev", "prod"):
        for stack in stacks(environment).values():
            for kind, items in stack["resource"].items():
                for item in items.values():
                    found[kind] |= set(unset(schemas[kind]["block"], item))
    known = reviewed()
    undecided = {kind: sorted(names - known.get(kind, set())) for kind, names in found.items()}
    assert not {kind: names for kind, names in undecided.items() if names}
    assert not {kind: names - found[kind] for kind, names in known.items() if names - found[kind]}, "gone"


def test_a_status_code_that_is_left_out_would_be_found(schemas: dict[str, Any]) -> None:
    response = {"rest_api_id": "a", "response_type": "BAD_REQUEST_BODY", "response_templates": {}}
    block = schemas["aws_api_gateway_gateway_response"]["block"]
    assert "status_code" in set(unset(block, response)) - set(
        unset(block, {**response, "status_code": "400"})
    )
