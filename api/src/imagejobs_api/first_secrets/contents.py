"""What each of the Secrets holds, from what it holds already. Pure, except that new secrets are random."""

import json
import secrets
from collections.abc import Mapping

from imagejobs_api.callers import api_keys

API_KEY = "API_KEY"
FILE = "callers.yaml"
WATCH = "WATCH_SECRETS"
ACCESS_KEY, SECRET_KEY, PASSWORD = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "VALKEY_PASSWORD"
SECRET_BYTES = 32
FIRST_CALLER = "first"

Data = Mapping[str, str]


def key(present: Data) -> Data:
    """Return the first caller's key."""
    return {API_KEY: present.get(API_KEY) or api_keys.new_key()}


def callers(present_key: Data) -> Data:
    """Return the file of callers with the first one, by the hash of its key."""
    digest = api_keys.digest(present_key[API_KEY])
    return {FILE: f'callers:\n  - name: {FIRST_CALLER}\n    keys:\n      - sha256: "{digest}"\n'}


def watch(present: Data) -> Data:
    """Return the secret that signs watch links."""
    return {WATCH: present.get(WATCH) or secrets.token_urlsafe(SECRET_BYTES)}


def try_out(present: Data, redis: str) -> Data:
    """Return what the try-out's own S3 and Valkey, and their clients, need.

    Args:
        redis: host:port of Valkey.
    """
    access = present.get(ACCESS_KEY) or secrets.token_hex(10)
    secret = present.get(SECRET_KEY) or secrets.token_hex(20)
    password = present.get(PASSWORD) or secrets.token_hex(SECRET_BYTES)
    identity = {
        "name": "imagejobs",
        "credentials": [{"accessKey": access, "secretKey": secret}],
        "actions": ["Admin"],
    }
    return {
        ACCESS_KEY: access,
        SECRET_KEY: secret,
        PASSWORD: password,
        "REDIS_URL": f"redis://:{password}@{redis}/0",
        "s3.json": json.dumps({"identities": [identity]}),
    }


def for_clients(try_out_data: Data) -> Data:
    """Return what pods of Jobs need of it in another namespace."""
    return {name: try_out_data[name] for name in (ACCESS_KEY, SECRET_KEY, "REDIS_URL")}
