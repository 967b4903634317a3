"""What a person sees of the logs."""

import json

import pytest

from local.terminal import notification, shown


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("START RequestId: 1 Version: $LATEST", ""),
        ("INIT_START Runtime Version: python:3.13", ""),
        (json.dumps({"_aws": {}, "service": "tracking-api"}), ""),
        (json.dumps({"level": "INFO", "message": "all is well"}), ""),
        ("a print of the handler's", "a print of the handler's"),
        ("[ERROR] ValueError: no", "[ERROR] ValueError: no"),
        ('  File "/task/a.py", line 1, in b', '  File "/task/a.py", line 1, in b'),
        (
            json.dumps({"level": "WARNING", "message": "slow", "service": "x", "seconds": 3}),
            "WARNING slow, seconds=3",
        ),
        (
            json.dumps(
                {"level": "ERROR", "message": "failed", "kinds": ["KeyError"], "frames": ["  File\n"]}
            ),
            "ERROR failed, kinds=['KeyError']\n  File",
        ),
        ("5", "5"),
    ],
)
def test_line_of_a_function(line: str, text: str) -> None:
    assert shown(line) == text


def test_notification() -> None:
    change = {"tracking_id": "PKG-1", "status": "delivered"}
    assert notification(json.dumps(change)) == "Notification: PKG-1 new -> delivered"
    change["previous_status"] = "pending"
    assert notification(json.dumps(change)) == "Notification: PKG-1 pending -> delivered"
    change["event"] = "moving_again"
    assert notification(json.dumps(change)) == "Notification: PKG-1 moving again"
