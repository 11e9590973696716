"""Sends one file to a gateway with as little work as possible: ``python -m bench.peers.send_file URL FILE NAME``."""

from __future__ import annotations

import http.client
import json
import os
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

_BOUNDARY = "----bench-upload"
_ANSWER_SECONDS = 600


def main() -> None:
    """Upload; the time counts from the connection to the answer."""
    url, path, name = urlsplit(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    disposition = f'Content-Disposition: form-data; name="file"; filename="{name}"'
    head = f"--{_BOUNDARY}\r\n{disposition}\r\nContent-Type: application/pdf\r\n\r\n".encode()
    tail = f"\r\n--{_BOUNDARY}--\r\n".encode()
    started = time.perf_counter()
    connection = http.client.HTTPConnection(url.hostname or "", url.port or 80, timeout=_ANSWER_SECONDS)
    connection.putrequest("POST", "/v1/ingest")
    connection.putheader("Content-Type", f"multipart/form-data; boundary={_BOUNDARY}")
    connection.putheader("Content-Length", str(len(head) + path.stat().st_size + len(tail)))
    connection.endheaders(head)
    with path.open("rb") as file:
        _send_all(connection, file.fileno(), path.stat().st_size)
    connection.send(tail)
    answer = connection.getresponse()
    body = answer.read()
    seconds = time.perf_counter() - started
    if answer.status != http.client.ACCEPTED:
        sys.exit(f"{answer.status}: {body.decode(errors='replace')}")
    accepted = json.loads(body)
    figures = {"seconds": seconds, "run_id": accepted["run_id"], "source_id": accepted["source_id"]}
    sys.stdout.write(json.dumps(figures) + "\n")


def _send_all(connection: http.client.HTTPConnection, descriptor: int, size: int) -> None:
    """From the page cache to the socket, past this process."""
    sent = 0
    connection.sock.settimeout(None)  # sendfile needs a blocking socket
    while sent < size:
        sent += os.sendfile(connection.sock.fileno(), descriptor, sent, size - sent)
    connection.sock.settimeout(_ANSWER_SECONDS)


if __name__ == "__main__":
    main()
