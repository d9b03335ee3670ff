"""`/contact`: how people without an account reach Flow, and `/contact/<token>`, where they see the answer.

It needs no script, tells nothing of accounts, and proves the address by a mailed link where mail is set up.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from workers import public_pages
from workers.forms import guard
from workers.forms.contact_words import WORDS
from workers.inquiries import can_confirm, hash_of, token_of
from workers.runtime import current

bp = Blueprint("contact", __name__, template_folder="templates")

CATEGORIES = ("access", "correction", "erasure", "grievance", "security", "other")
LIMITS = {"name": 200, "email": 254, "business": 200, "text": 5000}


@bp.get("/contact")
def show() -> Response:
    """Show the form."""
    return _form({})


@bp.post("/contact")
def submit() -> Response:
    """Take an inquiry: its reference, or the form again with what is wrong."""
    given = {name: request.form.get(name, "").strip() for name in (*LIMITS, "category")}
    visit, age = guard.visit_of("/contact")
    if visit is None:
        return _form(given, {"form": "expired"}, status=400)
    problems = _problems(given)
    # It may be of weight, so nobody is thanked for nothing: who was taken for a program sends once more.
    if guard.is_program(age):
        problems["form"] = "too_fast"
    if problems:
        return _form(given, problems, visit=visit, status=422)
    settings = current().settings
    token, must_confirm = token_of(settings, visit), can_confirm(settings)
    answer = current().database.rpc(
        "open_inquiry",
        visit=visit,
        inquiry=given,
        token_sha256=hash_of(token),
        network_sha256=guard.keyed(f"inquiry network {guard.network()}"),
        address_sha256=guard.keyed(f"inquiry address {given['email'].lower()}"),
        must_confirm=must_confirm,
    )
    if answer["too_many"]:
        return _form(given, {"form": "too_many"}, visit=visit, status=429)
    # Where an address can be proved, whoever typed it gets the link by mail alone.
    link = None if must_confirm else url_for("contact.follow", token=token, _external=True)
    return _page("contact_sent.html", 200, answer=answer, link=link, due=public_pages.day(answer["due_at"]))


@bp.get("/contact/<token>")
def follow(token: str) -> Response:
    """Show how an inquiry stands, to who has its link."""
    return _conversation(token)


@bp.post("/contact/<token>")
def write(token: str) -> BaseResponse:
    """Confirm the address, or add what the person writes."""
    if "confirm" in request.form:
        current().database.rpc("confirm_inquiry", token_sha256=hash_of(token))
    else:
        text = request.form.get("text", "").strip()
        if not text or len(text) > LIMITS["text"]:
            return _conversation(token, "missing" if not text else "too_long", text)
        if current().database.rpc("reply_inquiry", token_sha256=hash_of(token), body=text)["too_many"]:
            return _conversation(token, "too_many", text)
    return redirect(url_for("contact.follow", token=token, lang=request.args.get("lang")), 303)


def _problems(given: dict[str, str]) -> dict[str, str]:
    """Give the word for what is wrong with each field."""
    problems = {name: "too_long" for name, most in LIMITS.items() if len(given[name]) > most}
    problems |= {name: "missing" for name in ("name", "email", "text") if not given[name]}
    if given["category"] not in CATEGORIES:
        problems["category"] = "choose_one"
    if given["email"] and not guard.is_email(given["email"]):
        problems.setdefault("email", "email_invalid")
    return problems


def _form(
    given: dict[str, str],
    problems: dict[str, str] | None = None,
    *,
    visit: str | None = None,
    status: int = 200,
) -> Response:
    return _page(
        "contact.html", status, given=given, problems=problems or {}, limits=LIMITS, categories=CATEGORIES,
        visit=guard.new_visit("/contact", visit), trap=guard.TRAP,
    )  # fmt: skip


def _conversation(token: str, problem: str | None = None, text: str = "") -> Response:
    inquiry: dict[str, Any] = current().database.rpc("inquiry", token_sha256=hash_of(token))
    if not inquiry:
        return _page("contact_inquiry.html", 404, inquiry=None)
    messages = [{**message, "at": public_pages.moment(message["at"])} for message in inquiry["messages"]]
    return _page(
        "contact_inquiry.html",
        422 if problem else 200,
        inquiry={**inquiry, "messages": messages},
        due=public_pages.day(inquiry["due_at"]),
        problem=problem,
        text=text,
        most=LIMITS["text"],
    )


def _page(template: str, status: int, **parts: Any) -> Response:
    language = public_pages.language(WORDS)
    return public_pages.respond(
        render_template(template, words=WORDS[language], language=language, **parts), status
    )
