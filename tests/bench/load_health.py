"""Requests `/healthz` repeatedly and prints the seconds of each answer: HOST PORT SECONDS.

Each request uses a new connection, as probes do. It is a program of its own, because a thread beside 64
senders would wait for Python more than for the server.
"""

import sys
import time

import load_client

PAUSE_SECONDS = 0.1


def main() -> None:
    host, port, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    connection, end = load_client.Connection(host, port), time.monotonic() + seconds
    request = f"GET /healthz HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode()
    while time.monotonic() < end:
        answer = connection.ask(request)
        connection.close()
        sys.stdout.write(f"{answer.seconds if answer.status == 200 else float('inf')}\n")
        time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    main()
