"""python -m workers.local.storage PORT FOLDER: serve until told to stop.

Environment: FLOW_STORAGE_DSN, FLOW_JWT_SECRET, SUPABASE_PUBLISHABLE_KEY, SUPABASE_SECRET_KEY,
FLOW_STORAGE_LIMIT (bytes, 100 MiB unless given).
"""

import os
import signal
import sys
from pathlib import Path

from werkzeug.serving import WSGIRequestHandler, make_server

from workers.local.storage.app import Storage

LIMIT = 100 << 20


class QuietHandler(WSGIRequestHandler):
    """Logs refusals and faults only: addresses hold tokens of signed links."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing of requests."""


def main(port: int, folder: Path) -> None:
    """Serve until SIGTERM."""
    env = os.environ
    keys = {env["SUPABASE_PUBLISHABLE_KEY"]: "anon", env["SUPABASE_SECRET_KEY"]: "service_role"}
    limit = int(env.get("FLOW_STORAGE_LIMIT", LIMIT))
    app = Storage(env["FLOW_STORAGE_DSN"], folder, env["FLOW_JWT_SECRET"], keys, limit)
    server = make_server("127.0.0.1", port, app, threaded=True, request_handler=QuietHandler)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print("Ready", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
