"""A small threaded WSGI server with keep-alive, that can close a connection without an answer.

Flask's development server closes every connection, gunicorn cannot run in a test's thread, and neither lets a
view hang up on its caller: that is why there is one more server here. Loopback only.
"""

import io
import sys
from collections.abc import Iterable
from http.client import responses
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

HANG_UP = "sandbox.hang_up"
RAW = "sandbox.raw"
"""In the environ, what to write instead of the app's answer, byte for byte, until the caller goes away."""
MAX_BODY = 101 * 1024 * 1024


class Handler(BaseHTTPRequestHandler):
    """Serves the requests of one connection, one after the other."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 120
    server: "LoopbackServer"

    def _body(self) -> bytes | None:
        if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
            length = int(self.headers.get("Content-Length") or 0)
            return self.rfile.read(length) if 0 <= length <= MAX_BODY else None
        whole = bytearray()
        while size := int(self.rfile.readline(32).split(b";")[0], 16):
            whole += self.rfile.read(size)
            self.rfile.readline(8)
            if len(whole) > MAX_BODY:
                return None
        while self.rfile.readline(1024).strip():
            pass
        return bytes(whole)

    def _environ(self, body: bytes) -> dict[str, Any]:
        path, _, query = self.path.partition("?")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": self.command,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": str(self.server.port),
            "SERVER_PROTOCOL": self.request_version,
            "REMOTE_ADDR": self.client_address[0],
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for name, value in self.headers.items():
            key = name.upper().replace("-", "_")
            if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
                environ[f"HTTP_{key}"] = value
        return environ

    def _serve(self) -> None:
        try:
            body = self._body()
        except ValueError:
            body = None
        if body is None:
            self.close_connection = True
            self.send_error(400)
            return
        environ = self._environ(body)
        head: list[tuple[str, list[tuple[str, str]]]] = []

        def start(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> Any:  # noqa: ARG001
            head.append((status, headers))

        answer: Iterable[bytes] = self.server.app(environ, start)
        try:
            content = b"".join(answer)
        finally:
            if hasattr(answer, "close"):
                answer.close()
        if environ.get(HANG_UP):
            self.close_connection = True
            return
        if raw := environ.get(RAW):
            self.close_connection = True
            self._write(raw)
            return
        self._answer(*head[-1], content)

    def _write(self, pieces: Iterable[bytes]) -> None:
        try:
            for piece in pieces:
                self.wfile.write(piece)
        except OSError:
            self.close_connection = True

    def _answer(self, status: str, headers: list[tuple[str, str]], content: bytes) -> None:
        code = int(status[:3])
        lines = [f"HTTP/1.1 {code} {responses.get(code, 'Unknown')}"]
        lines += [f"{k}: {v}" for k, v in headers if k.lower() not in ("content-length", "connection")]
        lines.append(f"Content-Length: {len(content)}")
        if self.close_connection:
            lines.append("Connection: close")
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        try:
            self.wfile.write(head if self.command == "HEAD" else head + content)
        except OSError:
            self.close_connection = True

    do_GET = do_POST = do_DELETE = do_PUT = do_PATCH = do_HEAD = do_OPTIONS = _serve  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Stays silent: the control API tells what was called."""


class LoopbackServer(ThreadingHTTPServer):
    """Serves one WSGI app on 127.0.0.1; port 0 picks a free one."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, app: "WSGIApplication", port: int) -> None:
        self.app = app
        super().__init__(("127.0.0.1", port), Handler)

    @property
    def port(self) -> int:
        """Gives the port it listens on."""
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        """Gives the address without a trailing slash."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Serves from a thread of its own, until `shutdown`."""
        Thread(target=self.serve_forever, kwargs={"poll_interval": 0.1}, name="sandbox", daemon=True).start()

    def handle_error(self, request: object, client_address: object) -> None:
        """Stays silent about callers that went away; everything else is told as usual."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]
