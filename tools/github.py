"""GitHub's REST API, as far as the workflows need it."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

PAGE = 100
"""Items of a page: as many as GitHub gives."""


class GitHubError(Exception):
    """GitHub refuses, or cannot be reached; the message says so in one sentence."""


class GitHub:
    """One repository.

    Args:
        environ: GITHUB_REPOSITORY names it (`owner/name`); GH_TOKEN is sent if it is set; GITHUB_API_URL is that
            of github.com unless it is set.

    Raises:
        GitHubError: GITHUB_REPOSITORY is not set.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.name = environ.get("GITHUB_REPOSITORY", "")
        if self.name.count("/") != 1:
            raise GitHubError(
                f"GITHUB_REPOSITORY is {self.name!r}; it has to be OWNER/NAME, as GitHub shows it."
            )
        self._url = f"{environ.get('GITHUB_API_URL') or 'https://api.github.com'}/repos/{self.name}"
        self._token = environ.get("GH_TOKEN")

    def request(self, method: str, path: str = "", body: Any = None) -> Any:
        """The answer to a request for a path below the repository. Raises GitHubError."""
        headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data=data, headers=headers, method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                hint = "" if self._token else "; if the repository is private, set GH_TOKEN (`gh auth token`)"
                raise GitHubError(
                    f"GitHub answers {error.code} to {method} {request.full_url}{hint}."
                ) from error
        except OSError as error:
            raise GitHubError(f"GitHub cannot be reached: {error}.") from error

    def items(self, path: str) -> Iterator[dict[str, Any]]:
        """All items of a list. Raises GitHubError."""
        for number in count(1):
            page = self.request("GET", f"{path}?per_page={PAGE}&page={number}")
            yield from page
            if len(page) < PAGE:
                return
