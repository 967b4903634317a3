"""What the workflows do with GitHub: comments, leftover previews, and the roles that GitHub's tokens assume."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest

from local.aws import EmbeddedAws
from main import ROOT
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

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
        if not path:
            return 200, REPOSITORY
        if (found := re.fullmatch(r"/pulls/(\d+)", path)) and found[1] in self.pull_requests:
            return 200, self.pull_requests[found[1]]
        if method == "GET" and path == "/issues/7/comments":
            size, page = int(query["per_page"][0]), int(query["page"][0])
            return 200, self.comments[(page - 1) * size : page * size]
        if method == "POST" and path == "/issues/7/comments":
            self.comment(AUTHOR, body["body"])
            return 201, self.comments[-1]
        if (found := re.fullmatch(r"/issues/comments/(\d+)", path)) and method == "PATCH":
            (comment,) = (comment for comment in self.comments if comment["id"] == int(found[1]))
            comment["body"] = body["body"]
            return 200, comment
        return 404, {"message": "Not Found"}

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

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            url = urlsplit(self.path)
            size = int(self.headers["Content-Length"] or 0)
            body = json.loads(self.rfile.read(size)) if size else None
            path = url.path.removeprefix("/repos/acme/tracking")
            status, answer = repository.answer(self.command, path, parse_qs(url.query), body)
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = _answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        url = f"http://127.0.0.1:{server.server_port}"
        yield {
            **os.environ,
            "GITHUB_API_URL": url,
            "GITHUB_REPOSITORY": "acme/tracking",
            "NO_PROXY": "127.0.0.1",
        }
        server.shutdown()


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
    printed = subprocess.run(
        [sys.executable, "-m", "tools.ci_roles"],
        cwd=ROOT,
        env={**environ, **aws.environment("us-east-1"), "ENVIRONMENT_SUFFIX": "prod"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    files = re.findall(r"file://(\S+)", printed)
    assert len(files) == 4
    for file in files:
        assert json.loads((ROOT / file).read_bytes())["Version"] == "2012-10-17"
    assert printed.count("aws iam create-role ") == 2
    assert printed.count("aws iam create-open-id-connect-provider ") == 1
