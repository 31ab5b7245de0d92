"""Send one small picture through a running imagejobs, for `helm test`. Standard library only."""

import json
import os
import struct
import sys
import urllib.error
import urllib.request
import zlib

BOUNDARY = "imagejobs-helm-test"
WIDTH = 64


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return one chunk of a PNG (its specification, section 5.3)."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def square() -> bytes:
    """Return a PNG of 64 x 64 red pixels."""
    rows = (b"\0" + b"\xc0\x30\x30" * WIDTH) * WIDTH
    header = struct.pack(">IIBBBBB", WIDTH, WIDTH, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def request(base: str) -> urllib.request.Request:
    """Return the request of `curl -F image=@square.png -F width=32 BASE/api/resize`, with a wait of 60 s.

    It carries API_KEY if that is set.
    """
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="square.png"\r\n'
    head += "Content-Type: image/png\r\n\r\n"
    tail = f'\r\n--{BOUNDARY}\r\nContent-Disposition: form-data; name="width"\r\n\r\n32\r\n--{BOUNDARY}--\r\n'
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", "Prefer": "wait=60"}
    if key := os.environ.get("API_KEY"):
        headers["Authorization"] = f"Bearer {key}"
    return urllib.request.Request(  # noqa: S310
        f"{base}/api/resize", data=head.encode() + square() + tail.encode(), headers=headers
    )


def main(base: str) -> int:
    """Return 0 if the picture came back 32 pixels wide."""
    try:
        with urllib.request.urlopen(request(base), timeout=75) as response:  # noqa: S310
            answer = json.load(response)
    except urllib.error.HTTPError as ex:
        sys.stderr.write(f"refused: {ex.code} {ex.read(4096).decode(errors='replace')}\n")
        return 1
    except OSError as ex:
        sys.stderr.write(f"no answer from {base}: {ex}\n")
        return 1
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0 if (answer.get("state"), answer.get("width")) == ("Succeeded", 32) else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
