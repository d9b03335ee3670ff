"""Who is told of alarms, and everybody's mail box: takes what Flow sends, and shows the last of it.

Mail comes by a small SMTP server on a port of its own, alarms by POST /alarms; GET /_sandbox/inbox has both.
"""

from __future__ import annotations

import hashlib
import hmac
import socketserver
import threading
import time
from collections import deque
from email import message_from_bytes, policy
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, request

bp = Blueprint("inbox", __name__)

_KEPT = 200
_LONGEST = 1_000_000


class Inbox:
    """What came, the newest last."""

    def __init__(self, secret: str | None) -> None:
        self.secret = (secret or "").encode()
        self.alarms: deque[dict[str, Any]] = deque(maxlen=_KEPT)
        self.mails: deque[dict[str, Any]] = deque(maxlen=_KEPT)

    def is_signed(self, signature: str, body: bytes) -> bool:
        """Tell whether a body bears the signature of who holds the secret, from the last five minutes."""
        parts = dict(part.partition("=")[::2] for part in signature.split(","))
        moment = parts.get("t", "")
        expected = hmac.new(self.secret, moment.encode() + b"." + body, hashlib.sha256).hexdigest()
        is_recent = moment.isdecimal() and abs(time.time() - int(moment)) < 300
        return is_recent and hmac.compare_digest(expected, parts.get("v1", ""))

    def take_mail(self, recipients: list[str], raw: bytes) -> None:
        """Keep one mail."""
        mail = message_from_bytes(raw, policy=policy.default)
        body = mail.get_body(("plain",))
        self.mails.append({
            "at": time.time(), "to": recipients, "from": str(mail["From"]), "subject": str(mail["Subject"]),
            "reply_to": str(mail["Reply-To"] or "") or None, "id": str(mail["Message-ID"]),
            "text": body.get_content() if body else "",
        })  # fmt: skip


def _inbox() -> Inbox:
    inbox: Inbox = current_app.extensions["inbox"]
    return inbox


@bp.post("/alarms")
def take_alarms() -> tuple[Response, int]:
    """Take a signed telling of alarms; 401 for another."""
    if not _inbox().is_signed(request.headers.get("X-Flow-Signature", ""), request.get_data()):
        return jsonify({"error": "The signature does not fit."}), 401
    _inbox().alarms.append(request.get_json())
    return jsonify({"ok": True}), 200


@bp.get("/_sandbox/inbox")
def show() -> Response:
    """Give what came: {alarms, mails}."""
    return jsonify({"alarms": list(_inbox().alarms), "mails": list(_inbox().mails)})


class _Conversation(socketserver.StreamRequestHandler):
    """One connection of SMTP: as much of RFC 5321 as a client needs to hand over mail."""

    timeout = 30

    def handle(self) -> None:
        recipients: list[str] = []
        self._say("220 Flow sandbox")
        while line := self.rfile.readline(1000):
            verb = line[:4].upper().decode("ascii", "replace")
            match verb:
                case "RCPT":
                    recipients.append(line.decode("utf-8", "replace").partition("<")[2].partition(">")[0])
                case "DATA":
                    self._say("354 Go on")
                    self.server.inbox.take_mail(recipients, self._data())  # type: ignore[attr-defined]
                    recipients = []
                case "QUIT":
                    self._say("221 Bye")
                    return
            self._say("250 OK")

    def _data(self) -> bytes:
        lines: list[bytes] = []
        size = 0
        while (line := self.rfile.readline()) not in (b".\r\n", b"") and size < _LONGEST:
            lines.append(line[1:] if line.startswith(b"..") else line)
            size += len(line)
        return b"".join(lines)

    def _say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")


class MailServer(socketserver.ThreadingTCPServer):
    """Takes mail on a port of 127.0.0.1."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, inbox: Inbox, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Conversation)
        self.inbox = inbox

    def start(self) -> None:
        """Serve in a thread of its own, until `shutdown`."""
        threading.Thread(target=self.serve_forever, args=(0.05,), name="mail", daemon=True).start()
