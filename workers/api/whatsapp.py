"""WhatsApp numbers: connected and let go."""

from __future__ import annotations

from flask import Response, jsonify
from pydantic import SecretStr

from workers.api.asking import Body, Organization, as_admin, bp
from workers.meta import cleanup, connect, health
from workers.meta.graph import Graph
from workers.runtime import current


class NumberToConnect(Body):
    """A number with the system user's token, given by hand."""

    waba_id: str
    phone_number_id: str
    token: SecretStr


class NumberToDisconnect(Body):
    """A number to let go; without one, all of the organization."""

    phone_number_id: str | None = None


@bp.post("/whatsapp/connect")
def connect_whatsapp() -> Response:
    """Prove a number at Meta and connect it; admins."""
    number = as_admin(NumberToConnect)
    runtime = current()
    connected = connect.connect_number(
        runtime.database,
        Graph(runtime.http, runtime.settings),
        runtime.settings,
        number.org_id,
        number.waba_id,
        number.phone_number_id,
        number.token.get_secret_value(),
    )
    return jsonify(connected.model_dump())


@bp.post("/whatsapp/disconnect")
def disconnect_whatsapp() -> Response:
    """Halt a number, or all, at once, and unsubscribe at Meta; admins."""
    number = as_admin(NumberToDisconnect)
    runtime = current()
    graph = Graph(runtime.http, runtime.settings)
    return jsonify(
        cleanup.disconnect(runtime.database, graph, runtime.settings, number.org_id, number.phone_number_id)
    )


@bp.post("/whatsapp/check")
def check_whatsapp() -> Response:
    """Ask Meta now how the organization's accounts stand; at most once a minute each; admins."""
    organization = as_admin(Organization)
    runtime = current()
    graph = Graph(runtime.http, runtime.settings)
    counts = health.check(runtime.database, graph, runtime.settings, organization.org_id)
    return jsonify(checked=counts["checked"], reconnect=counts["reconnect"])
