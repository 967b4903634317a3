"""Failures that a user can do something about: what the tools print, and what to tell the user."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from stacks.package import PackageError
from stacks.settings import SettingsError
from tools.github import GitHubError
from tools.toolchain import ToolError

SENTENCES = {
    r"Terraform was killed": (
        "Terraform was killed before it was done; do the same again, which tells how to go on."
    ),
    r"Error acquiring the state lock.*?\bID:\s+(?P<id>[0-9a-f-]{36})": (
        "Another deploy holds the lock of this state, so nothing was changed. Wait for it; if it was killed and "
        "no other runs, release the lock with `make unlock LOCK={id}`."
    ),
    r"Saved plan (is stale|does not match|is discarded|is canceled|is already|cannot be applied)": (
        "The saved plan is no longer of use, since something was deployed after it, so nothing was changed; plan again."
    ),
    r"ExpiredToken|token.{0,40} expired|InvalidGrantException": (
        "The AWS credentials have expired; renew them, for example with `aws sso login`."
    ),
    r"No valid credential sources|Unable to locate credentials|NoCredentialProviders": (
        "There are no AWS credentials; set AWS_PROFILE, or run `aws configure` or `aws sso login`."
    ),
    r"config profile \(.{0,90}\) could not be found|failed to get shared config profile": (
        "The profile that AWS_PROFILE names is not in AWS's files on this machine; `aws configure list-profiles` "
        "shows those that are."
    ),
    r"InvalidClientTokenId|UnrecognizedClientException|SignatureDoesNotMatch|InvalidAccessKeyId": (
        "AWS does not accept the credentials; check AWS_PROFILE or the access key."
    ),
    r"NoSuchBucket|S3 bucket .{0,90} does not exist": (
        "The bucket of the Terraform states does not exist yet; run `make state` once for this account and region."
    ),
    r"CloudWatch Logs role ARN must be set": (
        "API Gateway may not write logs in this region yet; run `make state` once for this account and region."
    ),
    r"locked\s+provider.{0,90}does\s+not\s+match\s+configured": (
        "The checksums of the AWS provider are of another version than the bindings; run `make lock`."
    ),
    r"Failed to query available provider packages|Could not retrieve providers|could not connect to registry": (
        "The Terraform registry cannot be reached; connect to the internet, or name a mirror in PROVIDER_MIRROR."
    ),
    r"no such host|connection refused|Could not connect to the endpoint|i/o timeout": (
        "AWS cannot be reached; check the connection, the region, and AWS_ENDPOINT_URL if it is set."
    ),
    r"Invalid AWS Region: (?P<region>\S+)": (
        "AWS has no region {region}; check deployment.regions in cdktf.json."
    ),
    r"EntityAlreadyExists: Role with name (?P<role>\S+) already exists": (
        "The role {role} is there already, in the state of none of these stacks. If the environment is in another "
        "region too, list this one in deployment.regions in cdktf.json; otherwise delete the role."
    ),
    r"UnreservedConcurrentExecution\s+below\s+its\s+minimum\s+value\s+of\s+\[(?P<least>\d+)\]": (
        "AWS keeps {least} of the account's concurrent executions unreserved, so it cannot reserve so many; lower "
        "reserved_concurrency in cdktf.json (0 in a new account, which has 10 in all), or ask AWS for a higher quota."
    ),
    r"AccessDenied|is not authorized to perform": (
        "AWS refuses an action to these credentials; the lines above name it."
    ),
    r"Required token could not be found|unauthorized.{0,80}app\.terraform\.io": (
        "There is no token for HCP Terraform, or it is not accepted; run `terraform login`, or set "
        "TF_TOKEN_app_terraform_io."
    ),
}


class DeployError(Exception):
    """A command failed; the message says in one sentence why, where that is known.

    Args:
        message: the sentence.
        said: what the tool printed.
    """

    def __init__(self, message: str, said: str = "") -> None:
        super().__init__(message)
        self.said = said


def explain(said: str) -> str | None:
    """What to tell the user about a failure, by what the tools said; None for one that is not known."""
    for pattern, sentence in SENTENCES.items():
        if match := re.search(pattern, said, re.DOTALL):
            return sentence.format(**match.groupdict())
    return None


#: What says itself in one sentence why a command ends.
FAILURES = (DeployError, GitHubError, OSError, PackageError, SettingsError, ToolError)


@contextmanager
def one_sentence() -> Iterator[None]:
    """Makes whatever goes wrong in a command a SystemExit with one plain sentence."""
    try:
        yield
    except FAILURES as error:
        sys.exit(f"Error: {error}")
    except (BotoCoreError, ClientError) as error:
        sys.exit(f"Error: {explain(str(error)) or error}")
    except KeyboardInterrupt:
        sys.exit(130)
