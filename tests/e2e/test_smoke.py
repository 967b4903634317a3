"""What `make smoke` asks, of the deployed APIs."""

import json

import pytest

from local.aws import CREDENTIALS
from local.gateway import Gateway
from local.http_api import HttpGateway
from tests.e2e.conftest import REGION, Deployment
from tools.failures import DeployError
from tools.smoke import QUESTIONS, check, urls


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


def test_the_deployed_apis_answer_what_is_asked(
    deployment: Deployment, gateway: Gateway, public: HttpGateway, partners: HttpGateway
) -> None:
    asked = []
    for stack, served in (
        ("tracking-dev", gateway.url),
        ("public-dev", public.url),
        ("partners-dev", partners.url),
    ):
        _, said = deployment.stacks.terraform(stack, "output", "-json", quiet=True)
        outputs = {name: item["value"] for name, item in json.loads(said).items()}
        for url, field in urls(outputs):
            assert url.startswith("https://")
            path = next(path for path, _ in QUESTIONS.values() if url.endswith(path))
            check(served + path, field, region=REGION)
            asked.append(path)
    assert asked == [path for path, _ in QUESTIONS.values()]


def test_an_api_that_does_not_answer_is_told_with_the_way_back(gateway: Gateway) -> None:
    with pytest.raises(DeployError, match=r"/nowhere does not answer as it should: .*403.* roll back"):
        check(f"{gateway.url}/nowhere", "updates", region=REGION, seconds_between=0)
