"""The sandbox's Flask app: Meta's Graph API, IndiaMART's pull API, Razorpay's API and the control API."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from flask import Flask, Response, current_app, g, jsonify, request
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

from workers.sandbox.faults import Faults
from workers.sandbox.graph_errors import GraphError
from workers.sandbox.indiamart_state import IndiaMartState
from workers.sandbox.models import IndiaMartFault, MetaFault
from workers.sandbox.razorpay_events import Account
from workers.sandbox.state import MetaState
from workers.sandbox.webhooks import Webhooks
from workers.settings import is_loopback


@dataclass(frozen=True)
class Config:
    """What the sandbox is told at its start."""

    app_id: str = "440600000000001"
    app_secret: str = "sandbox-app-secret"  # noqa: S105 (of nobody)
    verify_token: str = "sandbox-verify-token"  # noqa: S105 (of nobody)
    webhook_url: str | None = None
    indiamart_interval: float = 300.0
    state_file: Path | None = None
    razorpay_key_id: str = "rzp_test_sandbox"
    razorpay_key_secret: str = "sandbox-razorpay-secret"  # noqa: S105 (of nobody)
    razorpay_webhook_secret: str = "sandbox-razorpay-webhooks"  # noqa: S105 (of nobody)
    razorpay_webhook_url: str | None = None
    alarm_secret: str | None = None


@dataclass
class Sandbox:
    """Everything that the views share."""

    config: Config
    meta: MetaState
    indiamart: IndiaMartState
    webhooks: Webhooks
    razorpay: Account
    meta_faults: Faults[MetaFault] = field(default_factory=Faults)
    indiamart_faults: Faults[IndiaMartFault] = field(default_factory=Faults)


class NotLoopbackError(ValueError):
    """The sandbox was pointed at something outside this machine."""


def require_loopback(name: str, url: str | None) -> None:
    """Refuses addresses outside this machine: an imitation must never reach anything real."""
    if url and not is_loopback(url):
        raise NotLoopbackError(f"The sandbox works only with addresses of this machine; {name} is not.")


def the_sandbox() -> Sandbox:
    """Gives what the running app shares."""
    sandbox = current_app.extensions["sandbox"]
    assert isinstance(sandbox, Sandbox)  # noqa: S101 (for the type checker)
    return sandbox


def create_sandbox(config: Config) -> Flask:
    """Builds the app and starts the threads that deliver webhooks."""
    from workers.sandbox import (  # noqa: PLC0415 (they import this module)
        control,
        control_analytics,
        control_health,
        control_meta,
        google,
        inbox,
        indiamart,
        management,
        media,
        meta,
        phone_app,
        push,
        razorpay,
        razorpay_control,
        razorpay_mandates,
        razorpay_pages,
        receiver,
        signup_window,
        template_calls,
        tokens,
    )

    require_loopback("SANDBOX_WEBHOOK_URL", config.webhook_url)
    require_loopback("SANDBOX_RAZORPAY_WEBHOOK_URL", config.razorpay_webhook_url)
    state = MetaState(config.state_file)
    faults: Faults[MetaFault] = Faults()

    def address(waba_id: str) -> str | None:
        # Without the lock: who asks holds the queue's, and a send takes the two the other way round.
        account = state.accounts.get(waba_id)
        if account is None or not account.subscribed:
            return None
        return account.callback_url or config.webhook_url

    webhooks = Webhooks(config.app_secret, address, faults)
    keys_file = config.state_file.with_suffix(".keys") if config.state_file else None
    pulls = IndiaMartState(config.indiamart_interval, keys_file)
    bills_file = config.state_file.with_suffix(".bills") if config.state_file else None
    account = Account(
        config.razorpay_webhook_secret, config.razorpay_webhook_url, webhooks.put_post, bills_file
    )
    app = Flask(__name__, static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.extensions["inbox"] = inbox.Inbox(config.alarm_secret)
    app.extensions["sandbox"] = Sandbox(config, state, pulls, webhooks, account, faults)
    for blueprint in (
        control.bp,
        control_analytics.bp,
        control_health.bp,
        control_meta.bp,
        google.bp,
        inbox.bp,
        indiamart.bp,
        management.bp,
        media.bp,
        media.control,
        meta.bp,
        phone_app.bp,
        push.bp,
        razorpay.bp,
        razorpay_control.bp,
        razorpay_mandates.bp,
        razorpay_pages.bp,
        receiver.bp,
        signup_window.bp,
        template_calls.bp,
        tokens.bp,
    ):
        app.register_blueprint(blueprint)
    app.url_value_preprocessor(_set_version_aside)
    app.register_error_handler(GraphError, _refuse)
    app.register_error_handler(ValidationError, _explain)
    app.register_error_handler(HTTPException, _unknown)
    webhooks.start()
    return app


def _set_version_aside(_endpoint: str | None, values: dict[str, object] | None) -> None:
    g.version = (values or {}).pop("version", None)


def _refuse(error: GraphError) -> tuple[Response, int]:
    sandbox = the_sandbox()
    with sandbox.meta.lock:
        sandbox.meta.rejected[str(error.code)] += 1
    return error.response()


def _explain(error: ValidationError) -> tuple[Response, int]:
    problems = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
    return jsonify({"error": {"message": "; ".join(problems), "detail": "bad_request"}}), 400


def _unknown(error: HTTPException) -> tuple[Response, int]:
    if request.path.startswith("/v"):
        message = f"Unknown path components: {request.path}"
        return GraphError(2500, message=message).response()
    status = error.code or 500
    return jsonify({"error": {"message": error.description or "Refused.", "detail": "refused"}}), status


def json_body() -> object:
    """Gives the request's JSON, or what Meta says to something else."""
    raw = request.get_data()
    try:
        return json.loads(raw or b"{}")
    except ValueError as exc:
        message = "(#100) Invalid parameter"
        raise GraphError(100, "The body is not valid JSON", message=message) from exc
