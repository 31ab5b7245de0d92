"""Presigned links for clients, signed by arithmetic for the public endpoint; no request is sent.

boto3 takes 0.3 s and 30 MB to import, and 0.7 ms for a link. It is needed to find credentials, AWS's own
endpoints, and host names of buckets. Where the settings give all of these and the bucket is in the path,
links are signed here.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from urllib.parse import quote, urlsplit

from imagejobs_contract.model.names import S3Key, UploadId
from imagejobs_contract.model.times import utc_now
from imagejobs_contract.runtime.settings import S3Settings
from imagejobs_contract.s3 import boto

MAX_SECONDS = 7 * 86_400
"""Signature version 4 allows no more."""


def open_signer(settings: S3Settings) -> "KeySigner | BotoSigner":
    """Return the signer of a bucket's links."""
    is_complete = settings.access_key_id and settings.public_endpoint and settings.path_style
    return KeySigner(settings) if is_complete else BotoSigner(settings)


class KeySigner:
    """Implements `storage.LinkSigner` for a given key and endpoint, with the bucket in the path.

    The signature is version 4 in the query
    (docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html).
    """

    def __init__(self, settings: S3Settings, clock: Callable[[], datetime] = utc_now) -> None:
        parts = urlsplit(settings.public_endpoint)
        self._scheme = parts.scheme
        self._host = parts.netloc.removesuffix({"http": ":80", "https": ":443"}.get(parts.scheme, ""))
        self._root = parts.path.rstrip("/")
        self._settings = settings
        self._clock = clock

    def get_link(
        self,
        key: S3Key,
        *,
        seconds: int,
        content_type: str,
        file_name: str,
        method: str = "GET",
        attachment: bool = False,
    ) -> str:
        """Return a link; see `storage.LinkSigner`."""
        query = {
            "response-content-disposition": content_disposition(file_name, attachment=attachment),
            "response-content-type": content_type,
        }
        return self._link(method, key, seconds, query, {})

    def put_link(self, key: S3Key, *, seconds: int, size: int, content_type: str) -> str:
        """Return a link; see `storage.LinkSigner`. Size and type are signed headers."""
        return self._link(
            "PUT", key, seconds, {}, {"content-length": str(size), "content-type": content_type}
        )

    def part_link(self, key: S3Key, upload: UploadId, number: int, *, seconds: int, size: int) -> str:
        """Return a link; see `storage.LinkSigner`."""
        return self._link(
            "PUT",
            key,
            seconds,
            {"partNumber": str(number), "uploadId": upload},
            {"content-length": str(size)},
        )

    def list_link(self, prefix: str, *, seconds: int, max_keys: int, token: str) -> str:
        """Return a link to a page of keys; see `BotoSigner.list_link`."""
        query = {"list-type": "2", "encoding-type": "url", "max-keys": str(max_keys), "prefix": prefix}
        return self._link(
            "GET", S3Key(""), seconds, query | ({"continuation-token": token} if token else {}), {}
        )

    def _link(
        self, method: str, key: S3Key, seconds: int, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> str:
        time = self._clock().strftime("%Y%m%dT%H%M%SZ")
        scope = f"{time[:8]}/{self._settings.region}/s3/aws4_request"
        path = quote(f"{self._root}/{self._settings.bucket}/{key}", safe="/~")
        signed = {**headers, "host": self._host}
        names = ";".join(sorted(signed))
        parameters = {
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Credential": f"{self._settings.access_key_id}/{scope}",
            "X-Amz-Date": time,
            "X-Amz-Expires": str(_clamp_seconds(seconds)),
            "X-Amz-SignedHeaders": names,
            **({"X-Amz-Security-Token": token} if (token := self._settings.session_token) else {}),
            **query,
        }
        text_query = "&".join(
            f"{name}={quote(value, safe='~')}" for name, value in sorted(parameters.items())
        )
        header_lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
        request = f"{method}\n{path}\n{text_query}\n{header_lines}\n{names}\nUNSIGNED-PAYLOAD"
        text = f"AWS4-HMAC-SHA256\n{time}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        signature = _hmac(_day_key(self._settings.secret_access_key, *scope.split("/")), text).hex()
        return f"{self._scheme}://{self._host}{path}?{text_query}&X-Amz-Signature={signature}"


class BotoSigner:
    """Implements `storage.LinkSigner` with boto3."""

    def __init__(self, settings: S3Settings) -> None:
        self._bucket = settings.bucket
        self._client = boto.open_client(settings, settings.public_endpoint, signature_version="s3v4")

    def get_link(
        self,
        key: S3Key,
        *,
        seconds: int,
        content_type: str,
        file_name: str,
        method: str = "GET",
        attachment: bool = False,
    ) -> str:
        """Return a link with which anyone can GET an object for a time, with that type and file name.

        Args:
            key: The object's.
            seconds: Brought into 1 to `MAX_SECONDS`; if the credentials end earlier, the link does, too.
            content_type: Answered as Content-Type.
            file_name: Under which browsers save it; any characters.
            method: GET or HEAD: a link is good for one of them.
            attachment: Whether browsers save the object at once, instead of showing it.
        """
        parameters: dict[str, object] = {
            "Bucket": self._bucket,
            "Key": key,
            "ResponseContentType": content_type,
            "ResponseContentDisposition": content_disposition(file_name, attachment=attachment),
        }
        return self._link("head_object" if method == "HEAD" else "get_object", parameters, seconds)

    def put_link(self, key: S3Key, *, seconds: int, size: int, content_type: str) -> str:
        """Return a link with which anyone can PUT an object for a time.

        Its size in bytes and its type are signed headers.
        """
        return self._link(
            "put_object",
            {"Bucket": self._bucket, "Key": key, "ContentLength": size, "ContentType": content_type},
            seconds,
        )

    def part_link(self, key: S3Key, upload: UploadId, number: int, *, seconds: int, size: int) -> str:
        """Return a link with which anyone can PUT a part of an upload; its size in bytes is signed."""
        parameters = {
            "Bucket": self._bucket,
            "Key": key,
            "UploadId": upload,
            "PartNumber": number,
            "ContentLength": size,
        }
        return self._link("upload_part", parameters, seconds)

    def list_link(self, prefix: str, *, seconds: int, max_keys: int, token: str) -> str:
        """Return a link with which anyone can GET a page of the keys under a prefix.

        Args:
            token: Where the page before ended, as S3 said; "" for the first page.
        """
        parameters: dict[str, object] = {
            "Bucket": self._bucket,
            "Prefix": prefix,
            "EncodingType": "url",
            "MaxKeys": max_keys,
            **({"ContinuationToken": token} if token else {}),
        }
        return self._link("list_objects_v2", parameters, seconds)

    def _link(self, operation: str, parameters: dict[str, object], seconds: int) -> str:
        link: str = self._client.generate_presigned_url(
            operation, Params=parameters, ExpiresIn=_clamp_seconds(seconds)
        )
        return link


def content_disposition(file_name: str, *, attachment: bool = False) -> str:
    """Return the header that shows a file in the browser, or saves it, and names it for saving (RFC 6266).

    Plain ASCII comes first, then the true name (RFC 8187).
    """
    plain = "".join(letter if " " <= letter <= "~" and letter not in '"\\%/' else "_" for letter in file_name)
    header = f'{"attachment" if attachment else "inline"}; filename="{plain}"'
    return (
        header
        if plain == file_name
        else f"{header}; filename*=UTF-8''{quote(file_name.encode('utf-8', 'replace'), safe='')}"
    )


def _clamp_seconds(seconds: int) -> int:
    return min(max(seconds, 1), MAX_SECONDS)


@lru_cache(maxsize=4)
def _day_key(secret: str, *scope: str) -> bytes:
    """Return the key that signs for a day, a region and a service."""
    key = f"AWS4{secret}".encode()
    for part in scope:
        key = _hmac(key, part)
    return key


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
