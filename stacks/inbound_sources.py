"""The sources of the settings, each with its mapping, as the inbound function gets them."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import fastjsonschema

from contract import STATUSES, UPDATE_SCHEMA
from contract.reasons import REASONS
from stacks.settings import Settings, SettingsError

MAPPINGS = Path(__file__).parents[1] / "lambda/inbound/mappings"
#: Of 4 KB for all variables of a function.
MAX_CHARACTERS = 3_000
SCHEMA = Path(__file__).with_name("mapping.schema.json")


def sources_variable(settings: Settings) -> str:
    """The function's variable.

    Raises:
        SettingsError: a source names a mapping that is not there, or asks for what is no proof or no place.
        ValueError: a mapping is wrong.
    """

    def refuse(setting: str, problem: str) -> NoReturn:
        raise SettingsError(f"{setting!r} in {settings.places['partners.sources']}, {problem}.")

    sources, known = settings.partners.sources, mapping_names()
    variable = json.dumps(sources, separators=(",", ":"))
    if len(variable) > MAX_CHARACTERS:
        refuse("partners.sources", f"is too long: as JSON it may have {MAX_CHARACTERS} characters")
    for name, source in sources.items():
        setting = f"partners.sources.{name}"
        if source["mapping"] not in known:
            refuse(setting, f"has no mapping; the mappings are {', '.join(known)}")
        check_mapping(source["mapping"])
        try:
            proof = proof_of(source)
            _validator(SCHEMA, "definitions", "proof")(proof)
            for place in source.get("places", {}).values():
                _validator(UPDATE_SCHEMA, "properties", "place")(place)
        except fastjsonschema.JsonSchemaValueException as error:
            refuse(setting, f"asks for a proof or names a place that there is not: {error.message}")
        if proof.get("issuer", "").startswith("http:") and not settings.emulated:
            refuse(setting, "has an issuer without TLS, whose URL has to begin with https:// in AWS")
    return variable


def proof_of(source: Mapping[str, Any]) -> Mapping[str, Any]:
    """How a source of the settings proves itself: as it says, or as its mapping does."""
    chosen = source if "proof" in source else check_mapping(source["mapping"])
    found: Mapping[str, Any] = chosen["proof"]
    return found


def mapping_names() -> list[str]:
    """Of those that there are."""
    return sorted(path.stem for path in MAPPINGS.glob("*.json"))


def check_mapping(name: str) -> Mapping[str, Any]:
    """The content of a mapping's file. Raises ValueError if it is wrong."""
    document: dict[str, Any] = json.loads((MAPPINGS / f"{name}.json").read_bytes())
    try:
        _validator(SCHEMA)(document)
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
def _validator(file: Path, *path: str) -> Any:
    """Of the schema in a file, or of a part of it."""
    schema = json.loads(file.read_bytes())
    definitions = schema.get("definitions", {})
    for name in path:
        schema = schema[name]
    return fastjsonschema.compile({**schema, "definitions": definitions}, use_default=False)
