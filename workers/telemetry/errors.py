"""What is noted of an error that nobody foresaw: its class, its scrubbed message, and where in the code."""

from __future__ import annotations

import traceback
from typing import Final

from flask import has_request_context, request

from workers.logs import scrub_text
from workers.telemetry import trace

_MOST_FRAMES: Final = 50
_LONGEST: Final = 1000


def row_of(error: BaseException) -> dict[str, object]:
    """Describe an error; nothing of the values of variables, nothing of a path of this machine."""
    work = trace.work()
    rule = request.url_rule if has_request_context() else None
    kind = type(error)
    return {
        "type": kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}",
        "message": scrub_text(str(error))[:_LONGEST],
        "frames": _frames(error),
        "route": rule.rule if rule else None,
        "org_id": trace.organization(),
        "user_id": work.user_id if work else None,
    }


def _frames(error: BaseException) -> list[dict[str, object]]:
    """Give the frames, innermost first, named by module: the same on every machine."""
    frames = []
    for frame, line in traceback.walk_tb(error.__traceback__):
        module = str(frame.f_globals.get("__name__", "?"))
        frames.append({
            "file": module.replace(".", "/") + ".py",
            "line": line,
            "function": frame.f_code.co_name,
            "in_app": module.split(".", 1)[0] == "workers",
        })  # fmt: skip
    return frames[::-1][:_MOST_FRAMES]
