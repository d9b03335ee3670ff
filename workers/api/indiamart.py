"""IndiaMART: the key that a person pastes, and the address that IndiaMART pushes to."""

from __future__ import annotations

from flask import Response, jsonify
from pydantic import Field, SecretStr

from workers.api.asking import Body, as_admin, bp
from workers.indiamart import connecting
from workers.runtime import current


class Key(Body):
    """The CRM key of an IndiaMART account."""

    key: SecretStr = Field(min_length=1, max_length=500)


class PushAddress(Body):
    """Whether the address there is may be replaced."""

    replace: bool = False


@bp.post("/indiamart/connect")
def connect_indiamart() -> Response:
    """Give the organization its IndiaMART key; admins."""
    given = as_admin(Key)
    return jsonify(connecting.connect(current().database, given.org_id, given.key.get_secret_value()))


@bp.post("/indiamart/push")
def push_address() -> Response:
    """Make the address for IndiaMART's push, shown this once; admins."""
    given, runtime = as_admin(PushAddress), current()
    made = connecting.push_address(
        runtime.database, runtime.settings, given.org_id, may_replace=given.replace
    )
    return jsonify(made)
