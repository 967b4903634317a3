"""`python -m tools.comment`: the reports of `make plan` as a comment under the pull request PULL_REQUEST.

An environment has one comment, which is edited when there is a newer plan.
"""

import os
import sys

from tools.deploy import REPORTS
from tools.github import GitHub, GitHubError

#: Who comments with the token of a workflow. A comment of somebody else may begin with the marker too.
AUTHOR = "github-actions[bot]"


def put_comment(github: GitHub, pull_request: str, marker: str, text: str) -> None:
    """Edits the workflow's comment that begins with `marker`, or makes it. Raises GitHubError."""
    body = {"body": f"{marker}\n{text}"}
    for comment in github.items(f"/issues/{pull_request}/comments"):
        if comment["user"]["login"] == AUTHOR and comment["body"].startswith(marker):
            github.request("PATCH", f"/issues/comments/{comment['id']}", body)
            return
    github.request("POST", f"/issues/{pull_request}/comments", body)


def main() -> None:
    """Raises SystemExit with one plain sentence for whatever goes wrong."""
    environment = os.environ.get("ENVIRONMENT_SUFFIX") or "dev"
    reports = [path.read_text(encoding="utf-8") for path in sorted(REPORTS.glob("*.md"))]
    if not reports:
        sys.exit(f"Error: there is no plan in {REPORTS}; run `make plan` first.")
    if not (pull_request := os.environ.get("PULL_REQUEST", "")).isdecimal():
        sys.exit(f"Error: PULL_REQUEST is {pull_request!r}; it has to be the number of a pull request.")
    try:
        put_comment(GitHub(os.environ), pull_request, f"<!-- plan of {environment} -->", "".join(reports))
    except GitHubError as error:
        sys.exit(f"Error: {error}")


if __name__ == "__main__":
    main()
