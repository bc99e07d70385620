"""A receiver of Headgate's webhook: verified, applied once, never out of order.

    RECEIVER_SECRET=whsec_... python receiver.py --projects projects.json --state receiver.db

It shows how a suspension becomes switches of a platform, here two flags of a DNAnexus project:
`downloadRestricted` and `previewViewerRestricted`. Without `--dnanexus` it only prints what it
would switch. Put it behind a proxy that speaks TLS; by itself it listens on loopback.

It needs `pip install standardwebhooks`, and `dxpy` for DNAnexus.
"""

import argparse
import json
import os
import sqlite3
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

BODY_BYTES_MAX = 1_048_576
FLAGS = ("downloadRestricted", "previewViewerRestricted")
# Work inside the platform goes on while it is throttled: only what leaves it is stopped.
SWITCHES = {
    "throttle": {"downloadRestricted": True},
    "suspend": {"downloadRestricted": True, "previewViewerRestricted": True},
}
SCHEMA = """
CREATE TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS scopes (scope TEXT PRIMARY KEY, version TEXT, wanted TEXT, projects TEXT);
CREATE TABLE IF NOT EXISTS before (project TEXT PRIMARY KEY, flags TEXT);
"""


class Printed:
    """A platform that only says what would be switched."""

    def read(self, project):
        """Return the flags of a project."""
        return dict.fromkeys(FLAGS, False)

    def write(self, project, flags):
        """Set the flags of a project; to set them again changes nothing."""
        print(f"{project}: {json.dumps(flags, sort_keys=True)}", flush=True)


class DNAnexus:
    """The flags of DNAnexus projects, by its own client."""

    def __init__(self):
        import dxpy

        self.api = dxpy.api

    def read(self, project):
        """Return the flags of a project."""
        found = self.api.project_describe(project, {"fields": dict.fromkeys(FLAGS, True)})
        return {flag: bool(found[flag]) for flag in FLAGS}

    def write(self, project, flags):
        """Set the flags of a project; to set them again changes nothing."""
        self.api.project_update(project, flags)


class UnknownScope(Exception):
    """No project is known for whom this is about. Not acknowledged: a person must look."""


class Receiver:
    """Applies each record once, and keeps in `state` what it must not forget."""

    def __init__(self, *, state, projects, platform):
        self.database = sqlite3.connect(state, check_same_thread=False)
        self.database.executescript(SCHEMA)
        self.projects = projects
        self.platform = platform
        self.lock = threading.Lock()

    def apply(self, message_id, suspension):
        """Bring the platform to what `suspension` says, and return what was done."""
        with self.lock, self.database:
            # One transaction: what is switched twice because of a crash in between is switched
            # to the same. What is forgotten would stay switched for ever.
            if self._one("SELECT id FROM seen WHERE id = ?", message_id):
                return "repeat"
            scope = json.dumps([suspension[key] for key in ("scope", "institution", "subject")])
            version = [suspension["requested_ms"], suspension["revision"]]
            last = self._one("SELECT version FROM scopes WHERE scope = ?", scope)
            self.database.execute("INSERT INTO seen VALUES (?)", (message_id,))
            if last and json.loads(last[0]) >= version:
                return "older"
            self._switch(scope, version, suspension)
            return "applied"

    def _switch(self, scope, version, suspension):
        in_effect = suspension["state"] == "active" and not suspension["dry_run"]
        wanted = SWITCHES[suspension["measure"]] if in_effect else {}
        projects = self._projects_of(suspension) if in_effect else self._projects_before(scope)
        self.database.execute(
            "INSERT OR REPLACE INTO scopes VALUES (?, ?, ?, ?)",
            (scope, json.dumps(version), json.dumps(wanted), json.dumps(projects)),
        )
        for project in projects:
            self._set(project)

    def _projects_of(self, suspension):
        try:
            return self.projects[suspension["scope"]][suspension["subject"]]
        except KeyError:
            raise UnknownScope(f"{suspension['scope']} {suspension['subject']}") from None

    def _projects_before(self, scope):
        """Return the projects that this scope's measure switched, if it ever did."""
        found = self._one("SELECT projects FROM scopes WHERE scope = ?", scope)
        return json.loads(found[0]) if found else []

    def _set(self, project):
        """Set the flags that any measure wants; the others as they were before the first one."""
        row = self._one("SELECT flags FROM before WHERE project = ?", project)
        before = json.loads(row[0]) if row else self.platform.read(project)
        if not row:
            self.database.execute("INSERT INTO before VALUES (?, ?)", (project, json.dumps(before)))
        flags = dict(before)
        is_limited = False
        for wanted, projects in self.database.execute("SELECT wanted, projects FROM scopes"):
            if project in json.loads(projects):
                flags |= json.loads(wanted)
                is_limited |= wanted != "{}"
        self.platform.write(project, flags)
        if not is_limited:
            self.database.execute("DELETE FROM before WHERE project = ?", (project,))

    def _one(self, sql, value):
        return self.database.execute(sql, (value,)).fetchone()


class Handler(BaseHTTPRequestHandler):
    """Believes nobody who cannot sign, and acknowledges only what has been done."""

    receiver: Receiver
    webhook: Webhook
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_POST(self):
        """Verify, apply, acknowledge."""
        length = int(self.headers.get("content-length") or 0)
        if not 0 < length <= BODY_BYTES_MAX:
            self.close_connection = True
            return self._answer(413)
        body = self.rfile.read(length)
        try:
            # The signature, and that it is not older than five minutes.
            event = self.webhook.verify(body, dict(self.headers))
            message_id = self.headers["webhook-id"]
            if event["id"] != message_id:
                return self._answer(401)
        except (WebhookVerificationError, ValueError, KeyError, TypeError):
            return self._answer(401)
        try:
            done = self.receiver.apply(message_id, event["data"])
        except UnknownScope as error:
            print(f"{message_id}: no project is known for {error}", flush=True)
            return self._answer(422)
        print(f"{message_id}: {done}", flush=True)
        letter = event["data"]["letter"]
        if done == "applied" and letter:
            # Here it would be sent to the researcher, or shown where they log in.
            print(f"{message_id}: {letter['title']}", flush=True)
        return self._answer(204)

    def _answer(self, status):
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        """Say nothing but what was done."""


def main():
    """Listen until Ctrl-C."""
    options = argparse.ArgumentParser(description="Receive Headgate's suspensions.")
    options.add_argument("--port", type=int, default=8080, help="0 chooses a free one")
    options.add_argument("--state", default="receiver.db", help="what must not be forgotten")
    options.add_argument("--projects", required=True, help="which projects a scope has (JSON)")
    options.add_argument("--dnanexus", action="store_true", help="switch for real, by dxpy")
    chosen = options.parse_args()
    Handler.webhook = Webhook(os.environ["RECEIVER_SECRET"])
    Handler.receiver = Receiver(
        state=chosen.state,
        projects=json.loads(Path(chosen.projects).read_text()),
        platform=DNAnexus() if chosen.dnanexus else Printed(),
    )
    server = ThreadingHTTPServer(("127.0.0.1", chosen.port), Handler)
    print(f"listening on http://127.0.0.1:{server.server_port}/", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
