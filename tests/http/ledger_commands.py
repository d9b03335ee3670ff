"""The commands about money, run against a database that notes what it is asked."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

from click.testing import CliRunner, Result

from workers.cli import flow

ORG = str(uuid4())

DONE, REFUSED, WRONG_USE = 0, 1, 2

Json = dict[str, Any]


class Gateway:
    """The API before the database, on a socket of this machine: answers by function, keeps what was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Json]] = []
        self.answers: dict[str, list[tuple[int, Json]]] = {}
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                given = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
                name = self.path.removeprefix("/rest/v1/rpc/")
                gateway.asked.append((name, given))
                answers = gateway.answers.get(name) or [(200, {})]
                status, answer = answers.pop(0) if len(answers) > 1 else answers[0]
                body = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def answer(self, name: str, *answers: Json) -> None:
        """Say what a function answers, one after the other, the last again and again."""
        self.answers[name] = [(200, answer) for answer in answers]

    def refuse(self, name: str, message: str, detail: str, *before: Json, status: int = 422) -> None:
        """Say that a function refuses, after these answers."""
        error = {"code": f"PT{status}", "message": message, "details": detail, "hint": None}
        self.answers[name] = [*((200, answer) for answer in before), (status, error)]


def run(*args: str, stdin: str | bytes | None = None) -> Result:
    """Run a command as people do."""
    return CliRunner().invoke(flow, args, input=stdin)


def done(*args: str, stdin: str | bytes | None = None) -> Json:
    """Run a command that must succeed; the one JSON object that it prints."""
    result = run(*args, "--json", stdin=stdin)
    assert result.exit_code == DONE, result.output
    answer = json.loads(result.stdout)
    assert isinstance(answer, dict)
    return answer


def refused(*args: str, stdin: str | bytes | None = None) -> Json:
    """Run a command that must be refused; its error."""
    result = run(*args, "--json", stdin=stdin)
    assert result.exit_code == REFUSED, result.output
    assert "Traceback" not in result.output
    answer = json.loads(result.stdout)
    assert set(answer) == {"error"}
    error: Json = answer["error"]
    return error
