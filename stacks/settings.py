"""What differs between environments: cdktf.json's `context`, chosen and tagged by environment variables.

settings.schema.json describes every setting, with its default; the classes here give them types.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal, NoReturn

from stacks import settings_schema

#: The region that no state's name holds.
FIRST_REGION = "us-east-1"


class SettingsError(Exception):
    """A setting is wrong, unknown or missing; the message names it, what it may be and where it stands."""


@dataclass(frozen=True, kw_only=True)
class Deployment:
    regions: Sequence[str]
    """Those that are deployed now: all of them, or the one that DEPLOY_REGION chooses."""
    protect_from_deletion: bool
    customer_managed_key: bool
    api_gateway_account_role: bool
    repository: str


@dataclass(frozen=True, kw_only=True)
class State:
    owner: Literal["s3", "hcp", "local"]
    bucket: str
    """Of this region."""
    hcp_organization: str


@dataclass(frozen=True, kw_only=True)
class Tracking:
    memory_mb: int
    timeout_seconds: int
    rate_limit: int
    burst_limit: int
    reserved_concurrency: int
    log_retention_days: int
    web_acl: bool
    status_index_shards: int


@dataclass(frozen=True, kw_only=True)
class Shipments:
    stalled_after_hours: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Flags:
    enhanced_tracking: bool
    batch_processing: bool
    real_time_notifications: bool


@dataclass(frozen=True, kw_only=True)
class Notifications:
    emails: Mapping[str, Sequence[str]]


@dataclass(frozen=True, kw_only=True)
class Public:
    access: Literal["open", "closed"]
    allowed_origins: Sequence[str]
    rate_limit: int
    burst_limit: int
    reserved_concurrency: int
    log_retention_days: int


@dataclass(frozen=True, kw_only=True)
class Partners:
    enabled: bool
    sources: Mapping[str, Mapping[str, Any]]
    rate_limit: int
    burst_limit: int
    reserved_concurrency: int
    webhooks_reserved_concurrency: int
    log_retention_days: int


@dataclass(frozen=True, kw_only=True)
class Monitoring:
    emails: Sequence[str]
    availability_goal_percent: float
    min_requests: int


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of one environment in one region; those in groups are described in settings.schema.json."""

    environment: str
    """Suffix of every name; chosen by ENVIRONMENT_SUFFIX."""
    tags: Mapping[str, str]
    emulated: bool
    """The deployment goes to an emulator on this machine, which AWS_ENDPOINT_URL names."""
    region: str
    region_suffix: str
    """In all regions but the first of an environment, ends the names of stacks, roles and dashboards.

    An account has roles and dashboards once for all regions. It begins with an underscore, which is in no
    environment's name, so no other environment has the same name.
    """
    places: Mapping[str, str]
    """Where each setting stands that cdktf.json sets, by its name with its group's, as in ``alarms.public-5xx``."""

    deployment: Deployment
    state: State
    tracking: Tracking
    shipments: Shipments
    flags: Flags
    notifications: Notifications
    public: Public
    partners: Partners
    monitoring: Monitoring
    alarms: Mapping[str, float]
    """Thresholds by the alarms' names, where they are not those of stacks/alarms.py."""

    @property
    def state_suffix(self) -> str:
        """Ends the names of the states, of which those of several regions may lie in one place."""
        return "" if self.region == FIRST_REGION else f"_{self.region}"

    def check_alarms(self, names: Sequence[str]) -> None:
        """Raises SettingsError for a threshold of an alarm that is not among `names`."""
        for name in self.alarms.keys() - names:
            raise SettingsError(
                f"'alarms.{name}' in {self.places[f'alarms.{name}']}, is not an alarm; "
                f"the alarms are {', '.join(names)}."
            )


def load_settings(path: Path, environ: Mapping[str, str]) -> Settings:
    """The settings of an environment in the first of its regions, or the one that DEPLOY_REGION chooses.

    Args:
        path: of cdktf.json.
        environ: the environment variables.

    Raises:
        SettingsError: the file, the environment's name or a setting is wrong.
    """
    return load_all_regions(path, environ)[0]


def load_all_regions(path: Path, environ: Mapping[str, str]) -> list[Settings]:
    """The settings for each region that is deployed; otherwise as `load_settings`."""
    context = _read(path)
    environment = environ.get("ENVIRONMENT_SUFFIX") or "dev"
    block = _block_of(environment, context, path)
    places: dict[str, str] = {}
    for name in ("defaults", block):
        place = f"{path.name}, context.{name}"
        if error := settings_schema.find_error(context[name], place):
            raise SettingsError(error)
        places |= {f"{group}.{key}": place for group, chosen in context[name].items() for key in chosen}
    values = {
        group: {
            **{
                key: kind["default"]
                for key, kind in settings_schema.settings(group).items()
                if "default" in kind
            },
            **context["defaults"].get(group, {}),
            **context[block].get(group, {}),
        }
        for group in settings_schema.groups()
    }

    def refuse(setting: str, problem: str) -> NoReturn:
        place = places.get(setting, f"{path.name}, context.defaults")
        raise SettingsError(f"{setting!r} in {place}, {problem}.")

    state, deployment = values["state"], values["deployment"]
    if "bucket" not in state:
        meaning = settings_schema.describe(settings_schema.settings("state")["bucket"])
        refuse("state.bucket", f"is missing; it may be {meaning}")
    if environ.get("AWS_ENDPOINT_URL"):
        state["owner"] = "s3"  # whoever keeps the real state has nothing to do with an emulator's
    if state["owner"] == "hcp" and not state["hcp_organization"]:
        refuse("state.hcp_organization", "is empty; the owner hcp needs an organization of HCP Terraform")
    regions, chosen = deployment["regions"], environ.get("DEPLOY_REGION")
    if state["owner"] == "s3" and len(regions) > 1 and "{region}" not in state["bucket"]:
        refuse("state.bucket", "lacks {region}; each of several regions has a bucket of its own")
    if chosen and chosen not in regions:
        refuse(
            "deployment.regions", f"lacks {chosen}, which DEPLOY_REGION is; it may be {', '.join(regions)}"
        )
    deployment["regions"] = [chosen] if chosen else regions

    found = []
    for region in deployment["regions"]:
        suffix = "" if region == regions[0] else f"_{region}"
        if len(environment + suffix) > 40:  # of the 64 of a role's name
            raise SettingsError(
                f"ENVIRONMENT_SUFFIX is {environment!r}: with the region {region}, which ends the names of "
                f"roles, it may be {40 - len(suffix)} characters long."
            )
        settings = Settings(
            environment=environment,
            tags={
                "Project": "LogisticsTracking",
                "Environment": environment,
                "ManagedBy": "CDKTF",
                "Repository": _tag_value(environ.get("REPOSITORY") or deployment["repository"]),
                "Author": _tag_value(environ.get("COMMIT_AUTHOR")),
            },
            emulated=bool(environ.get("AWS_ENDPOINT_URL")),
            region=region,
            region_suffix=suffix,
            places=places,
            deployment=Deployment(**deployment),
            state=State(**{**state, "bucket": state["bucket"].replace("{region}", region)}),
            tracking=Tracking(**values["tracking"]),
            shipments=Shipments(**values["shipments"]),
            flags=Flags(**values["flags"]),
            notifications=Notifications(**values["notifications"]),
            public=Public(**values["public"]),
            partners=Partners(**values["partners"]),
            monitoring=Monitoring(**values["monitoring"]),
            alarms=values["alarms"],
        )
        found.append(settings)
    return found


def _block_of(environment: str, context: Mapping[str, Any], path: Path) -> str:
    """The name of the block of an environment. Raises SettingsError."""
    # Stage names allow letters, digits, hyphens and underscores; the longest name, that of a role, 64 in all.
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,30}[a-z0-9]|[a-z0-9]", environment):
        raise SettingsError(
            f"ENVIRONMENT_SUFFIX is {environment!r}: it becomes part of AWS names, so it may be 1 to 32 "
            f"lower-case letters, digits and inner hyphens."
        )
    blocks = [name for name in context if name != "defaults"]
    # A name before the patterns that match it too: prod is not to get the block of "p*".
    for name in (environment, *blocks):
        if name in blocks and fnmatchcase(environment, name):
            return name
    raise SettingsError(
        f"ENVIRONMENT_SUFFIX is {environment!r}, for which {path.name} has no settings: "
        f"it may be {', '.join(blocks)}, or add a block for it to context."
    )


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        context = json.loads(path.read_text(encoding="utf-8"))["context"]
        return {name: dict(context[name]) for name in ("defaults", *context)}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise SettingsError(
            f'{path.name} cannot be read ({error!r}): it needs a "context" with a block "defaults" '
            f"and one for each environment."
        ) from error


def _tag_value(text: str | None) -> str:
    """Authors and repositories are named by others, so what AWS refuses in a tag is replaced, not refused."""
    return re.sub(r"[^\w .:/=+\-@]", "_", text or "")[:256].strip() or "unknown"
