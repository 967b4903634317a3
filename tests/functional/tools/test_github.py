"""What the workflows do with GitHub: comments, leftover previews, and the roles that GitHub's tokens assume."""

import json
import os
import re
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

import boto3
import pytest
from werkzeug.wrappers import Request, Response

from local.aws import EmbeddedAws
from local.server import Server
from main import ROOT
from tests.commands import output
from tests.synthesis import settings, synthesize
from tools.ci_roles import GITHUB, HCP, roles
from tools.comment import AUTHOR, put_comment
from tools.github import GitHub, GitHubError
from tools.previews import left_over

ACCOUNT = "111122223333"
MARKER = "<!-- plan of dev -->"
REPOSITORY = {"id": 456, "name": "tracking", "owner": {"id": 123, "login": "acme"}}


class Repository:
    """Answers as GitHub's REST API does for one repository, as far as its documentation says."""

    def __init__(self) -> None:
        self.comments: list[dict[str, Any]] = []
        self.pull_requests: dict[str, dict[str, Any]] = {}

    def answer(self, request: Request) -> Response:
        method, path = request.method, request.path.removeprefix("/repos/acme/tracking")
        found: Any = None
        if not path:
            found = REPOSITORY
        elif path.startswith("/pulls/"):
            found = self.pull_requests.get(path.removeprefix("/pulls/"))
        elif (method, path) == ("GET", "/issues/7/comments"):
            size, page = int(request.args["per_page"]), int(request.args["page"])
            found = self.comments[(page - 1) * size : page * size]
        elif (method, path) == ("POST", "/issues/7/comments"):
            self.comment(AUTHOR, request.get_json(force=True)["body"])
            found = self.comments[-1]
        elif method == "PATCH" and path.startswith("/issues/comments/"):
            (found,) = (one for one in self.comments if path.endswith(f"/{one['id']}"))
            found["body"] = request.get_json(force=True)["body"]
        return Response(json.dumps(found), 404 if found is None else 200, content_type="application/json")

    def comment(self, author: str, text: str) -> None:
        self.comments.append({"id": len(self.comments) + 1, "user": {"login": author}, "body": text})

    def texts(self, author: str) -> list[str]:
        return [comment["body"] for comment in self.comments if comment["user"]["login"] == author]


@pytest.fixture
def repository() -> Repository:
    return Repository()


@pytest.fixture
def environ(repository: Repository) -> Iterator[dict[str, str]]:
    """The variables that lead to `repository`."""

    with Server(Request.application(repository.answer)) as server:
        place = {"GITHUB_API_URL": server.url, "GITHUB_REPOSITORY": "acme/tracking"}
        yield {**os.environ, **place, "NO_PROXY": "127.0.0.1"}


def test_a_comment_is_edited_and_those_of_others_are_not(
    repository: Repository, environ: dict[str, str]
) -> None:
    github = GitHub(environ)
    repository.comment("mallory", f"{MARKER}\nnot a plan")
    for number in range(150):
        repository.comment("alice", f"question {number}")
    repository.comment(AUTHOR, "of another workflow")
    put_comment(github, "7", MARKER, "first")
    repository.comment(AUTHOR, "of another workflow, and later")
    put_comment(github, "7", MARKER, "second")
    put_comment(github, "7", "<!-- plan of prod -->", "of prod")
    assert repository.texts(AUTHOR) == [
        "of another workflow",
        f"{MARKER}\nsecond",
        "of another workflow, and later",
        "<!-- plan of prod -->\nof prod",
    ]
    assert repository.texts("mallory") == [f"{MARKER}\nnot a plan"]


def test_what_github_refuses_is_told_in_one_sentence(environ: dict[str, str]) -> None:
    with pytest.raises(
        GitHubError, match=r"answers 404 to GET .*/pulls/9; if the repository is private, set GH_TOKEN"
    ):
        GitHub(environ).request("GET", "/pulls/9")
    with pytest.raises(GitHubError, match="GITHUB_REPOSITORY is ''; it has to be OWNER/NAME"):
        GitHub({})
    with pytest.raises(GitHubError, match="cannot be reached"):
        GitHub({**environ, "GITHUB_API_URL": "http://127.0.0.1:9"}).request("GET")


def test_previews_without_an_open_labelled_pull_request_are_left_over(
    repository: Repository, environ: dict[str, str], aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint)
    sqs = boto3.client("sqs", region_name="eu-north-1")
    labels = [{"name": "bug"}, {"name": "preview"}]
    repository.pull_requests = {
        "901": {"state": "open", "labels": labels},
        "902": {"state": "open", "labels": labels[:1]},
        "903": {"state": "closed", "labels": labels},
    }
    for name in ("pr-901", "pr-902", "pr-903", "dev", "pr-x"):
        sqs.create_queue(QueueName=name, tags={"Environment": name})
    assert left_over(GitHub(environ), ["eu-north-1", "eu-west-3"]) == ["pr-902", "pr-903"]


def subjects(role: dict[str, Any], issuer: str) -> list[str]:
    (statement,) = role["trust"]["Statement"]
    assert statement["Principal"]["Federated"] == f"arn:aws:iam::{ACCOUNT}:oidc-provider/{issuer}"
    assert set(statement["Condition"]) == {"StringEquals", "StringLike"}
    found: list[str] = statement["Condition"]["StringLike"][f"{issuer}:sub"]
    return found


@pytest.mark.parametrize(
    "subject",
    ["repo:acme/tracking:environment:{}", "repo:acme@123/tracking@456:environment:{}"],
    ids=["older repositories", "repositories since 2026-07-15"],
)
def test_a_role_trusts_the_jobs_of_its_github_environment_alone(subject: str) -> None:
    made = roles(settings("prod"), ACCOUNT, repository=REPOSITORY, workspaces=[])
    made |= roles(settings("pr-1"), ACCOUNT, repository=REPOSITORY, workspaces=[])
    assert set(made) == {"tracking-ci-prod", "tracking-ci-prod-plan", "tracking-ci-preview"}
    for role, document in made.items():
        trusted = subjects(document, GITHUB)
        for environment in ("prod", "prod-plan", "dev", "preview"):
            matches = [fnmatchcase(subject.format(environment), pattern) for pattern in trusted]
            assert any(matches) is (role == f"tracking-ci-{environment}")


def test_a_plan_reads_what_the_key_of_an_environment_encrypts_and_no_customers_data() -> None:
    made = roles(settings("prod"), ACCOUNT, repository=REPOSITORY, workspaces=[])
    deny, allow = made["tracking-ci-prod-plan"]["policy"]["Statement"]
    services = allow["Condition"]["StringLike"]["kms:ViaService"]
    assert {service.partition(".")[0] for service in services} == {"ssm", "lambda"}
    assert {"dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan", "logs:GetLogEvents"} <= {*deny["Action"]}


@pytest.mark.slow
def test_runs_of_hcp_terraform_are_trusted_in_all_workspaces_of_the_environment() -> None:
    chosen = settings("dev", state={"owner": "hcp", "hcp_organization": "acme"})
    stacks = synthesize(chosen)
    workspaces = [stack["terraform"]["cloud"]["workspaces"]["name"] for stack in stacks.values()]
    assert {"state", "tracking-dev", "public-dev"} <= {*workspaces}
    made = roles(chosen, ACCOUNT, repository=None, workspaces=workspaces, project="Default Project")
    run = "organization:acme:project:Default Project:workspace:{}:run_phase:{}"
    for role, phases in (("tracking-ci-dev-plan", ("plan",)), ("tracking-ci-dev", ("plan", "apply"))):
        trusted = subjects(made[role], HCP)
        for workspace in (*workspaces, "tracking-prod"):
            for phase in ("plan", "apply"):
                matches = [fnmatchcase(run.format(workspace, phase), pattern) for pattern in trusted]
                assert any(matches) is (phase in phases and workspace != "tracking-prod")


def test_the_commands_that_make_the_roles_name_files_that_are_there(
    environ: dict[str, str], aws: EmbeddedAws
) -> None:
    variables = {**environ, **aws.environment("us-east-1"), "ENVIRONMENT_SUFFIX": "prod"}
    printed = output(sys.executable, "-m", "tools.ci_roles", environ=variables)
    files = re.findall(r"file://(\S+)", printed)
    assert len(files) == 4
    for file in files:
        assert json.loads((ROOT / file).read_bytes())["Version"] == "2012-10-17"
    assert printed.count("aws iam create-role ") == 2
    assert printed.count("aws iam create-open-id-connect-provider ") == 1
