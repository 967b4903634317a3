"""The sources of the settings, each with its mapping, as the inbound function gets them."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import fastjsonschema

from contract import STATUSES
from contract.reasons import REASONS
from stacks.settings import Settings, SettingsError

MAPPINGS = Path(__file__).parents[1] / "lambda/inbound/mappings"
SCHEMA = Path(__file__).with_name("mapping.schema.json")


def sources_variable(settings: Settings) -> str:
    """The function's variable.

    Raises:
        SettingsError: a source names a mapping that is not there, or asks for what is no proof.
        ValueError: a mapping is wrong.
    """
    for name, source in settings.partners.sources.items():
        where = f"'partners.sources.{name}' in {settings.places['partners.sources']}"
        known = mapping_names()
        if source["mapping"] not in known:
            raise SettingsError(f"{where}, has no mapping; the mappings are {', '.join(known)}.")
        check_mapping(source["mapping"])
        if "proof" in source:
            try:
                _validator("proof")(source["proof"])
            except fastjsonschema.JsonSchemaValueException as error:
                raise SettingsError(
                    f"{where}, asks for no proof that there is ({error.message.removeprefix('data ')}); "
                    f"{SCHEMA.name} describes them."
                ) from error
    return json.dumps(settings.partners.sources, separators=(",", ":"))


def mapping_names() -> list[str]:
    """Of those that there are."""
    return sorted(path.stem for path in MAPPINGS.glob("*.json"))


def check_mapping(name: str) -> Mapping[str, Any]:
    """The content of a mapping's file. Raises ValueError if it is wrong."""
    document: dict[str, Any] = json.loads((MAPPINGS / f"{name}.json").read_bytes())
    try:
        _validator()(document)
    except fastjsonschema.JsonSchemaValueException as error:
        raise ValueError(f"{name}.json: {error.message}") from error
    for vendors, ours in document.get("statuses", {}).items():
        if not ours:  # it is of no interest
            continue
        status, *reasons = ours
        if status not in STATUSES or any(status not in REASONS.get(reason, ()) for reason in reasons):
            raise ValueError(f"{name}.json: {vendors!r} cannot be {ours}")
    return document


@cache
def _validator(definition: str = "") -> Any:
    schema = json.loads(SCHEMA.read_bytes())
    return fastjsonschema.compile(
        {"definitions": schema["definitions"], "$ref": f"#/definitions/{definition}"}
        if definition
        else schema,
        use_default=False,
    )
