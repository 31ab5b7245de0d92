"""JSON as it is sent: one line that ends, so that a shell's prompt does not stick to it."""

import json


def dumps(value: object) -> str:
    """Return the value as a line of JSON; letters beyond ASCII stay as they are."""
    return json.dumps(value, ensure_ascii=False) + "\n"
