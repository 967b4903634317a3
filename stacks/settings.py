"""What differs between environments: cdktf.json's `context`, chosen and tagged by environment variables."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin, get_type_hints


class SettingsError(Exception):
    """A setting is wrong, unknown or missing; the message names it, what it may be and where it stands."""


class Range(NamedTuple):
    """The numbers from `least` to `most`: whole ones, but for a float."""

    least: float
    most: float


class Pattern(NamedTuple):
    """The texts that `regex` matches whole, and what to call them."""

    regex: str
    meaning: str


#: The retentions that CloudWatch Logs takes (API reference, PutRetentionPolicy).
RetentionDays = Literal[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653
]
Region = Annotated[str, Pattern(r"[a-z]{2,3}(-[a-z]+)+-\d", "an AWS region such as us-east-1")]
Status = Literal["pending", "in_transit", "delivered", "failed"]
Email = Annotated[
    str, Pattern(r"[A-Za-z0-9_.!#%&'*+/=?^|~-]+@([A-Za-z0-9-]+\.)+[A-Za-z0-9-]{2,}", "an e-mail address")
]
Origin = Annotated[
    str,
    Pattern(
        r"\*|https?://[a-z0-9-]+(\.[a-z0-9-]+)*(:[0-9]{1,5})?",
        "* or an origin such as https://shop.example.com",
    ),
]
Count = Annotated[int, Range(0, 1_000_000)]
Percent = Annotated[int, Range(0, 100)]

#: The region that no state's name holds.
FIRST_REGION = "us-east-1"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of one environment.

    Every field but those of the first group is a key of cdktf.json's `context`; the limits are those of
    AWS's service quotas and API references.
    """

    environment: str
    """Suffix of every name; chosen by ENVIRONMENT_SUFFIX."""
    tags: Mapping[str, str]
    emulated: bool
    """The deployment goes to an emulator on this machine, which AWS_ENDPOINT_URL names."""
    region_suffix: str
    """Ends the names of what an account has once for all regions, roles and dashboards, in one of `more_regions`.

    It begins with an underscore, which is in no environment's name, so no other environment has the same name.
    """

    region: Region
    """AWS_REGION goes before it."""
    more_regions: list[Region]
    """Where else the environment is deployed, apart from the others; none of them if AWS_REGION chooses one."""

    state_owner: Literal["s3", "hcp", "local"]
    """Who keeps the Terraform state: an S3 bucket, HCP Terraform, or a file in this folder."""
    state_bucket: Annotated[
        str,
        Pattern(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", "3 to 63 lower-case letters, digits and hyphens"),
    ]
    """Unique in the world; ``{region}`` in it stands for the region."""
    hcp_organization: Annotated[
        str, Pattern(r"[A-Za-z0-9_-]*", "an organization of HCP Terraform, which state_owner hcp needs")
    ]
    api_gateway_account_role: bool
    """The state stack sets the region's API Gateway role for writing logs. False where the account has one."""

    protect_from_deletion: bool
    """The table and the log groups refuse to be deleted."""
    customer_managed_key: bool
    """The table, queue, parameters and log groups are encrypted with the environment's own KMS key."""
    log_retention_days: RetentionDays
    web_acl: bool
    """AWS WAF guards the API: addresses that are known for attacks, known attacks, and too much from one address."""

    memory_mb: Annotated[int, Range(128, 10_240)]
    timeout_seconds: Annotated[int, Range(1, 30)]
    """At most 30: API Gateway stops waiting after 29."""
    rate_limit: Annotated[int, Range(1, 10_000)]
    """Requests a second, for all callers together; at most the default quota of an account."""
    burst_limit: Annotated[int, Range(1, 5_000)]
    """Requests at once; at most the default quota of an account."""

    status_index_shards: Annotated[int, Range(1, 100)]
    """Over which the updates with one status are spread; a greater number takes two deployments."""

    enhanced_tracking: bool
    batch_processing: bool
    real_time_notifications: bool

    notification_emails: dict[Email, list[Status]]
    """Who is told of shipments' changes to these statuses; an empty list stands for all."""

    availability_goal_percent: Annotated[float, Range(95, 99.99)]
    """Of the requests, how many are answered without a fault of ours; below 95 no burn rate could be reached."""
    public_tracking: Literal["open", "closed"]
    """Whether anyone who knows a tracking id may see where the shipment is."""
    public_allowed_origins: list[Origin]
    """The sites whose scripts may read the public API."""
    public_rate_limit: Annotated[int, Range(1, 10_000)]
    """Requests a second to the public API, for all callers together."""
    public_burst_limit: Annotated[int, Range(1, 5_000)]
    public_log_retention_days: RetentionDays

    alarm_emails: list[Email]
    alarm_4xx_count: Count
    alarm_5xx_count: Count
    alarm_5xx_percent: Percent
    alarm_min_requests: Annotated[int, Range(1, 1_000_000)]
    """Fewer requests tell no rate. At the default one failure alone sets off no alarm."""
    alarm_latency_ms: Count
    alarm_latency_p99_ms: Count
    alarm_throttle_count: Count
    alarm_function_error_count: Count
    alarm_duration_percent: Percent
    """Of a function's timeout."""
    alarm_update_failed_count: Count
    alarm_unhandled_count: Count
    alarm_table_throttle_count: Count
    alarm_table_error_count: Count
    alarm_notifier_error_count: Count
    alarm_notifier_lag_ms: Count
    alarm_dead_letter_count: Count
    alarm_public_error_count: Count
    alarm_public_duration_ms: Count
    alarm_public_throttle_count: Count

    @property
    def state_suffix(self) -> str:
        """Ends the names of the states, of which those of several regions may lie in one place."""
        return "" if self.region == FIRST_REGION else f"_{self.region}"


def load_settings(path: Path, environ: Mapping[str, str]) -> Settings:
    """Reads the settings of the environment that `environ` chooses from the cdktf.json at `path`.

    Raises:
        SettingsError: the file, the environment's name or a setting is wrong.
    """
    try:
        context = json.loads(path.read_text(encoding="utf-8"))["context"]
        blocks = {name: dict(block) for name, block in context.items()}
        values = blocks.pop("defaults")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SettingsError(
            f'{path.name} cannot be read ({error!r}): it needs a "context" with a block "defaults" '
            f"and one for each environment."
        ) from error

    environment = environ.get("ENVIRONMENT_SUFFIX") or "dev"
    # Stage names allow letters, digits, hyphens and underscores; the longest name, that of a role, 64 in all.
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,30}[a-z0-9]|[a-z0-9]", environment):
        raise SettingsError(
            f"ENVIRONMENT_SUFFIX is {environment!r}: it becomes part of AWS names, so it may be 1 to 32 "
            f"lower-case letters, digits and inner hyphens."
        )
    # A name goes before the patterns that match it too: prod is not to get the block of "p*".
    matching = (name for name in blocks if fnmatchcase(environment, name))
    block = environment if environment in blocks else next(matching, None)
    if block is None:
        raise SettingsError(
            f"ENVIRONMENT_SUFFIX is {environment!r}, for which {path.name} has no settings: "
            f"it may be {', '.join(blocks)}, or add a block for it to context."
        )

    places = dict.fromkeys(values, "defaults") | dict.fromkeys(blocks[block], block)
    values |= blocks[block]
    region_suffix = ""
    more_regions = values.get("more_regions")
    if isinstance(more_regions, list) and values.get("region") in more_regions:
        raise SettingsError(
            f"'more_regions' in {path.name}, context.{places['more_regions']}, names {values['region']}, "
            f"which is the region already; leave it out there."
        )
    if region := environ.get("AWS_REGION"):
        values["region"], places["region"] = region, "AWS_REGION"
        if isinstance(more_regions, list):
            region_suffix = f"_{region}" if region in more_regions else ""
            values["more_regions"] = []

    if environ.get("AWS_ENDPOINT_URL"):
        values["state_owner"] = "s3"  # whoever keeps the real state has nothing to do with an emulator's

    types = get_type_hints(Settings, include_extras=True)
    keys = [
        field.name
        for field in fields(Settings)
        if field.name not in ("environment", "tags", "emulated", "region_suffix")
    ]
    for key in values:
        if key not in keys:
            raise SettingsError(
                f"{key!r} in {path.name}, context.{places[key]}, is not a setting; "
                f"the settings are {', '.join(keys)}."
            )
    bucket_of_all = "{region}" not in str(values.get("state_bucket"))
    if isinstance(values.get("state_bucket"), str):
        values["state_bucket"] = values["state_bucket"].replace("{region}", str(values.get("region")))
    for key in keys:
        if key not in values:
            raise SettingsError(
                f"{key!r} is missing from {path.name}, context.defaults; it may be {_meaning(types[key])}."
            )
        if not _allowed(values[key], types[key]):
            place = places[key] if places[key].isupper() else f"{path.name}, context.{places[key]}"
            raise SettingsError(
                f"{key!r} in {place} is {json.dumps(values[key])}; it may be {_meaning(types[key])}."
            )
    if values["state_owner"] == "hcp" and not values["hcp_organization"]:
        raise SettingsError(
            f"'hcp_organization' in {path.name}, context.{places['hcp_organization']}, is empty; "
            f"with state_owner hcp it must name an organization of HCP Terraform."
        )

    if values["more_regions"] and values["state_owner"] == "s3" and bucket_of_all:
        raise SettingsError(
            f"'state_bucket' in {path.name}, context.{places['state_bucket']}, lacks {{region}}; "
            f"with more_regions each region has a bucket of its own."
        )

    if len(environment + region_suffix) > 40:  # of the 64 of a role's name
        raise SettingsError(
            f"ENVIRONMENT_SUFFIX is {environment!r}: with the region {values['region']}, which ends the names of "
            f"roles, it may be {40 - len(region_suffix)} characters long."
        )
    return Settings(
        environment=environment,
        emulated=bool(environ.get("AWS_ENDPOINT_URL")),
        region_suffix=region_suffix,
        tags={
            "Project": "LogisticsTracking",
            "Environment": environment,
            "ManagedBy": "CDKTF",
            "Repository": _tag_value(environ.get("REPOSITORY")),
            "Author": _tag_value(environ.get("COMMIT_AUTHOR")),
        },
        **values,
    )


def load_all_regions(path: Path, environ: Mapping[str, str]) -> list[Settings]:
    """The settings for each region of the environment, that of `region` first. Raises SettingsError."""
    first = load_settings(path, environ)
    return [first, *(load_settings(path, {**environ, "AWS_REGION": name}) for name in first.more_regions)]


def _tag_value(text: str | None) -> str:
    """Authors and repositories are named by others, so what AWS refuses in a tag is replaced, not refused."""
    return re.sub(r"[^\w .:/=+\-@]", "_", text or "")[:256].strip() or "unknown"


def _allowed(value: Any, kind: Any) -> bool:
    if get_origin(kind) is Literal:
        return any(value == choice and type(value) is type(choice) for choice in get_args(kind))
    if get_origin(kind) is list:
        return (
            isinstance(value, list)
            and all(_allowed(item, get_args(kind)[0]) for item in value)
            and len(set(value)) == len(value)
        )
    if get_origin(kind) is dict:
        key_kind, item_kind = get_args(kind)
        return isinstance(value, dict) and all(
            _allowed(key, key_kind) and _allowed(item, item_kind) for key, item in value.items()
        )
    if get_origin(kind) is Annotated:
        base, limit = get_args(kind)
        if type(value) is not base and not (base is float and type(value) is int):
            return False
        if isinstance(limit, Range):
            return bool(limit.least <= value <= limit.most)
        return re.fullmatch(limit.regex, value) is not None
    return bool(type(value) is kind)


def _meaning(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(str(choice) for choice in get_args(kind))
    if get_origin(kind) is list:
        return f"a list without repetition, each item of it {_meaning(get_args(kind)[0])}"
    if get_origin(kind) is dict:
        key_kind, item_kind = get_args(kind)
        return f"an object, each name in it {_meaning(key_kind)} and each value {_meaning(item_kind)}"
    if get_origin(kind) is Annotated:
        base, limit = get_args(kind)
        if isinstance(limit, Range):
            return f"a {'' if base is float else 'whole '}number from {limit.least} to {limit.most}"
        return str(limit.meaning)
    return {bool: "true or false"}[kind]
