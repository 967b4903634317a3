"""`python -m tools.comment`: the reports of `make plan` as a comment under the pull request PULL_REQUEST.

An environment has one comment, which is edited when there is a newer plan.
"""

import os
import sys

from tools.deploy import REPORTS
from tools.failures import one_sentence
from tools.github import GitHub

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
    """Comments. Raises what `one_sentence` takes, or SystemExit."""
    environment = os.environ.get("ENVIRONMENT_SUFFIX") or "dev"
    reports = [path.read_text(encoding="utf-8") for path in sorted(REPORTS.glob("*.md"))]
    if not reports:
        sys.exit(f"Error: there is no plan in {REPORTS}; run `make plan` first.")
    if not (pull_request := os.environ.get("PULL_REQUEST", "")).isdecimal():
        sys.exit(f"Error: PULL_REQUEST is {pull_request!r}; it has to be the number of a pull request.")
    put_comment(GitHub(os.environ), pull_request, f"<!-- plan of {environment} -->", "".join(reports))


if __name__ == "__main__":
    with one_sentence():
        main()
