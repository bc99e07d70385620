"""The demo's pager: prints each notification of Alertmanager as one line. Not for production."""
# ruff: noqa: INP001, T201 - a script whose output is what it is for.

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

_BODY_BYTES_MAX: Final = 1_048_576


class Pager(BaseHTTPRequestHandler):
    """Takes Alertmanager's webhook; the path says which receiver it was meant for."""

    def do_POST(self) -> None:
        """Print the notification's alerts and accept it."""
        length = int(self.headers.get("Content-Length", "0"))
        if length > _BODY_BYTES_MAX:
            self.send_error(413)
            return
        who = self.path.strip("/")
        lines = [
            f"{who}  {alert['status']}  {alert['annotations']['summary']}\n"
            for alert in json.loads(self.rfile.read(length))["alerts"]
        ]
        # In one go: others are told at the same time, each by a thread of its own.
        sys.stdout.write("".join(lines))
        sys.stdout.flush()
        self.send_response(204)
        self.end_headers()

    def do_GET(self) -> None:
        """Answer the health check."""
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep the health checks out of the output."""


def main(address: str, port: str) -> None:
    """Listen until told to stop."""
    with ThreadingHTTPServer((address, int(port)), Pager) as server:
        print(f"listening on {address}:{server.server_address[1]}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
