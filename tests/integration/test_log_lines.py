"""What the three programs log of one request: every line is JSON, and one id leads through all of them."""

import json

from support.servers import local_stack


def lines(stack, program):
    """Return what a program logged."""
    return [
        json.loads(line)
        for path in stack.data.glob(f"logs/{program}*.log")
        for line in path.read_text().splitlines()
    ]


def test_one_request_id_leads_through_all_programs(stack, client):
    answer = client.post_image(local_stack.photo(), headers={"X-Request-ID": "order-4711"}, width=100)
    job = answer.json()["job_id"]
    for program, event in {
        "api": "request",
        "operator": "1 of 1 images succeeded, 0 failed",
        "worker": "image ended",
    }.items():
        (line,) = [
            each
            for each in lines(stack, program)
            if each["event"] == event and each.get("request_id") == "order-4711"
        ]
        assert line["job_id"] == job
        assert {"time", "level", "program"} <= line.keys()
