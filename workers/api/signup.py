"""Embedded Signup: begun, finished and continued from the browser."""

from __future__ import annotations

from flask import Response, jsonify
from pydantic import Field, SecretStr

from workers.api.asking import Body, Organization, as_admin, body_as, bp, person
from workers.meta import connect, signup
from workers.meta.connect import Work
from workers.meta.graph import Graph
from workers.runtime import current

_ID = r"^[0-9]{1,32}$"


class WindowClosed(Body):
    """How Meta's window ended."""

    state: str = Field(min_length=1, max_length=200)
    event: str = Field(pattern=r"^[A-Z_]{1,60}$")
    code: SecretStr | None = Field(None, min_length=1, max_length=4000)
    waba_id: str | None = Field(None, pattern=_ID)
    phone_number_id: str | None = Field(None, pattern=_ID)
    business_id: str | None = Field(None, pattern=_ID)
    said: str | None = Field(None, max_length=1000)


class SignupToContinue(Body):
    """An attempt that waits, and what was chosen."""

    signup_id: str = Field(pattern=r"^[0-9a-fA-F-]{36}$")
    waba_id: str | None = Field(None, pattern=_ID)
    phone_number_id: str | None = Field(None, pattern=_ID)


@bp.post("/whatsapp/signup/begin")
def begin_signup() -> Response:
    """Give a one-time state and what the browser needs to open Meta's window; admins."""
    asking, organization = person(), body_as(Organization)
    return jsonify(signup.begin(asking, current().settings, organization.org_id).model_dump())


@bp.post("/whatsapp/signup/finish")
def finish_signup() -> Response:
    """Take what Meta's window gave, and connect what Meta proves; the person who began."""
    asking, closed = person(), body_as(WindowClosed)
    outcome = signup.Outcome.model_validate(dict(closed))
    return jsonify(signup.finish(_work(closed.org_id), asking, outcome).model_dump())


@bp.post("/whatsapp/signup/resume")
def resume_signup() -> Response:
    """Continue an attempt where it stopped; admins."""
    attempt = as_admin(SignupToContinue)
    connected = connect.go_on(
        _work(attempt.org_id),
        attempt.signup_id,
        waba_id=attempt.waba_id,
        phone_number_id=attempt.phone_number_id,
    )
    return jsonify(connected.model_dump())


def _work(org_id: str) -> Work:
    runtime = current()
    return Work(runtime.database, Graph(runtime.http, runtime.settings), runtime.settings, org_id)
