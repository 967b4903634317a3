"""Messages of webhooks beside docs/asyncapi.json."""

from typing import Any

import jsonschema

from tools.asyncapi import describe


def check(kind: str, value: Any) -> None:
    """Fails if a message has no such payload, or says more."""
    document = describe()
    for name in ("Notification", "CloudEvent"):
        document["components"]["schemas"][name]["additionalProperties"] = False
    reference = document["components"]["messages"][kind]["payload"]["$ref"]
    validator = jsonschema.Draft202012Validator({**document, "$ref": reference})
    validator.validate(value)
