"""Meta's calls about templates: listed, made, changed, removed and reviewed; samples uploaded."""

import time
from threading import Timer
from typing import Any

from flask import Blueprint, Response, jsonify, request

from workers.sandbox import auth, management
from workers.sandbox.app import Sandbox, the_sandbox
from workers.sandbox.graph_errors import GraphError, invisible
from workers.sandbox.models import Account, JsonObject, Template
from workers.sandbox.state import DAY, digest
from workers.sandbox.template_checks import check_category, check_components, check_new, refuse

bp = Blueprint("template_calls", __name__)
bp.before_request(management.faults_first)
FILTERS = ("name", "language", "status", "category")


@bp.get("/v<version>/<object_id>/message_templates")
def list_templates(object_id: str) -> Response:
    """Lists the templates of an account, all or those of a name, language, status or category."""
    with the_sandbox().meta.lock:
        account = auth.account(object_id, "get")
        rows = []
        for template in account.templates:
            whole = {**vars(template), "quality_score": {"score": "UNKNOWN"}, "sub_category": None}
            filters = {k: v for k, v in request.args.items() if k in FILTERS}
            if all(str(whole[k]).upper() == v.upper() for k, v in filters.items()):
                fields = "name,parameter_format,components,language,status,category"
                rows.append(management.chosen(whole, fields))
        return management.page(rows, f"{object_id}/message_templates")


@bp.post("/v<version>/<object_id>/message_templates")
def create_template(object_id: str) -> Response:
    """Takes a new template for review."""
    sandbox = the_sandbox()
    state, now = sandbox.meta, time.time()
    with state.lock:
        account = auth.account(object_id, "post")
        made = state.template_writes.setdefault(account.waba_id, [])
        made[:] = [at for at in made if at > now - 3600]
        if len(made) >= state.review.creations_per_hour:
            raise GraphError(80008, message="(#80008) There have been too many calls to this WABA.")
        if len(account.templates) >= state.review.most_templates:
            raise refuse(2388019, "Message Template Limit Exceeded", "There are too many templates.")
        template = state.put_template(account, check_new(account, management.parameters()))
        made.append(now)
        state.save()
        _await_review(sandbox, account, template)
        return jsonify({"id": template.id, "status": template.status, "category": template.category})


@bp.post("/v<version>/<template_id>")
def edit_template(template_id: str) -> Response:
    """Changes a template's components, or the category of one that is not approved; it is reviewed again."""
    sandbox = the_sandbox()
    state, now = sandbox.meta, time.time()
    with state.lock:
        account, template = _template(template_id)
        if template.status not in ("APPROVED", "REJECTED", "PAUSED"):
            raise refuse(2388039, "Template Status Cannot Be Changed", "The template is in review.")
        given = management.parameters()
        category = check_category(given.get("category", template.category))
        edits = state.template_writes.setdefault(template_id, [])
        if template.status == "APPROVED":
            if category != template.category:
                raise refuse(2388039, "Category Cannot Be Changed", "The template is approved.")
            if any(at > now - DAY for at in edits) or sum(at > now - 30 * DAY for at in edits) >= 10:
                raise refuse(2388039, "Template Status Cannot Be Changed", "It was edited today already.")
        components = given.get("components", template.components)
        form = check_components({**given, "components": components, "category": category})
        if template.status == "APPROVED":
            edits.append(now)
        changed = template.model_dump() | {"components": components, "category": category}
        changed |= {"parameter_format": form, "status": "PENDING"}
        template = state.put_template(account, Template.model_validate(changed))
        state.save()
        _await_review(sandbox, account, template)
        return jsonify({"success": True})


@bp.delete("/v<version>/<object_id>/message_templates")
def delete_template(object_id: str) -> Response:
    """Removes a template in all its languages, or with `hsm_id` in one."""
    state = the_sandbox().meta
    with state.lock:
        account = auth.account(object_id, "delete")
        name, hsm_id = request.args.get("name"), request.args.get("hsm_id")
        if not name:
            raise GraphError(100, message="(#100) The parameter name is required.")
        gone = [t for t in account.templates if t.name == name and hsm_id in (None, t.id)]
        if not gone:
            raise refuse(2593002, "Message Template Not Found", "There is no such template.")
        account.templates = [t for t in account.templates if t not in gone]
        state.save()
        return jsonify({"success": True})


@bp.post("/v<version>/<app_id>/uploads")
def begin_upload(app_id: str) -> Response:
    """Opens an upload of a sample file."""
    sandbox = the_sandbox()
    with sandbox.meta.lock:
        auth.caller()
        if app_id != sandbox.config.app_id:
            raise invisible("post", app_id)
        if not request.args.get("file_length", "").isdigit() or not request.args.get("file_type"):
            raise GraphError(100, message="(#100) The parameters file_length and file_type are required.")
        upload_id = "upload:" + digest("upload", sandbox.meta.nonce, len(sandbox.meta.samples))[:24]
        sandbox.meta.samples[upload_id] = None
        return jsonify({"id": f"{upload_id}?sig=AR{digest('sig', upload_id)[:8]}"})


@bp.post("/v<version>/upload:<upload>")
def upload(upload: str) -> Response:
    """Takes the bytes of a sample; gives its handle."""
    state = the_sandbox().meta
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    with state.lock:
        known = state.tokens.get(token)
        if kind != "OAuth" or known is None or request.headers.get("file_offset") != "0":
            raise GraphError(190, message="Invalid OAuth access token", status=401)
        if f"upload:{upload}" not in state.samples:
            raise invisible("post", upload)
        state.samples[f"upload:{upload}"] = request.get_data()
        return jsonify({"h": f"4::{digest('handle', upload)[:32]}"})


def tell(sandbox: Sandbox, waba_id: str, template: Template, status: str, reason: str) -> None:
    """Gives a template its new status and tells the webhook. The caller holds the lock."""
    template.status = status
    template.rejected_reason = reason if status == "REJECTED" else "NONE"
    value: JsonObject = {
        "event": status,
        "message_template_id": int(template.id),
        "message_template_name": template.name,
        "message_template_language": template.language,
        "reason": reason,
        "message_template_category": template.category,
    }
    sandbox.webhooks.put(waba_id, "message_template_status_update", value, time.time())
    sandbox.meta.save()


def _template(template_id: str) -> tuple[Account, Template]:
    caller = auth.caller()
    for waba_id in caller.waba_ids:
        account = the_sandbox().meta.accounts.get(waba_id)
        for template in account.templates if account else []:
            if account and template.id == template_id:
                return account, template
    raise invisible("post", template_id)


def _await_review(sandbox: Sandbox, account: Account, template: Template) -> None:
    """Ends the review after a while, unless somebody ended it by hand. The caller holds the lock."""
    review, nonce = sandbox.meta.review, sandbox.meta.nonce
    if review.after_ms is None:
        return

    def end() -> None:
        with sandbox.meta.lock:
            is_there = sandbox.meta.nonce == nonce and any(t is template for t in account.templates)
            if is_there and template.status == "PENDING":
                tell(sandbox, account.waba_id, template, review.status, review.reason)

    timer: Any = Timer(review.after_ms / 1000, end)
    timer.daemon = True
    timer.start()
