"""The enquiry forms that Flow hosts: `/f/<slug>`, a page that needs no script, and what it sends."""

from __future__ import annotations

from typing import Any, Literal

from flask import Blueprint, Response, render_template, request

from workers import phones, public_pages
from workers.forms import guard
from workers.forms.words import WORDS
from workers.runtime import current

bp = Blueprint("forms", __name__, template_folder="templates")

FIELDS = ("name", "phone", "email", "company", "city", "product", "message")
LIMITS = {
    "name": 200,
    "phone": 60,
    "email": 254,
    "company": 200,
    "city": 100,
    "product": 500,
    "message": 5000,
}
_NOWHERE: dict[str, Any] = {
    "organization": "Flow",
    "title": "Flow",
    "is_on": False,
    "fields": {},
    "frames": [],
}


@bp.get("/f/<slug>")
def show(slug: str) -> Response:
    """Show a form, or that it is closed."""
    form = _find(slug)
    return _page(form, slug, status=200 if form["is_on"] else 404)


@bp.post("/f/<slug>")
def submit(slug: str) -> Response:
    """Take what was sent: thanks, or the form again with what is wrong at its field."""
    form = _find(slug)
    if not form["is_on"]:
        return _page(form, slug, status=404)
    given = {name: request.form.get(name, "").strip() for name in FIELDS}
    visit, age = guard.visit_of(slug)
    if visit is None:
        return _page(form, slug, given, {"form": "expired"}, status=400)
    is_spam = guard.is_program(age)
    lead, problems = _read(form, given)
    if problems and not is_spam:
        return _page(form, slug, given, problems, visit=visit, status=422)
    if is_spam:
        lead = {}
    answer = current().database.rpc(
        "submit_form",
        slug=slug,
        visit=visit,
        sender_hash=guard.keyed(f"form sender {slug} {guard.network()}"),
        lead=lead,
        is_spam=is_spam,
    )
    if answer["too_many"]:
        return _page(form, slug, given, {"form": "too_many"}, visit=visit, status=429)
    # Who is taken for a program sees thanks as well: it learns nothing.
    return _page(form, slug, is_sent=True)


def _find(slug: str) -> dict[str, Any]:
    """Give what `worker.enquiry_form` tells; an address that leads nowhere is a form that is closed."""
    return current().database.rpc("enquiry_form", slug=slug[:64]) or _NOWHERE


def _page(
    form: dict[str, Any],
    slug: str,
    given: dict[str, str] | None = None,
    problems: dict[str, str] | None = None,
    *,
    visit: str | None = None,
    is_sent: bool = False,
    status: int = 200,
) -> Response:
    language = public_pages.language(WORDS)
    page = render_template(
        "enquiry_form.html",
        form=form,
        fields=[name for name in FIELDS if form["fields"].get(name, "hidden") != "hidden"],
        given=given or {},
        problems=problems or {},
        limits=LIMITS,
        has_consent=bool(request.form.get("consent")),
        is_sent=is_sent,
        visit=guard.new_visit(slug, visit),
        trap=guard.TRAP,
        words=WORDS[language],
        language=language,
    )
    return public_pages.respond(page, status, " ".join(form["frames"]) or "'none'")


def _read(form: dict[str, Any], given: dict[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Give the lead as `worker.submit_form` takes it, and the word for what is wrong with each field."""
    problems: dict[str, Literal["missing", "too_long", "phone_invalid", "email_invalid"]] = {}
    shown = {name: value for name, value in given.items() if form["fields"][name] != "hidden"}
    for name, value in shown.items():
        if not value and form["fields"][name] == "required":
            problems[name] = "missing"
        elif len(value) > LIMITS[name]:
            problems[name] = "too_long"
    person: dict[str, str] = {
        name: shown[name] for name in ("name", "email", "company", "city") if shown.get(name)
    }
    if person.get("email") and not guard.is_email(person["email"]):
        problems.setdefault("email", "email_invalid")
    if shown.get("phone") and "phone" not in problems:
        phone = phones.parse(shown["phone"], form["country"])
        if phone is None:
            problems["phone"] = "phone_invalid"
        else:
            person |= {"phone": phone.e164, "phone_kind": phone.kind, "phone_given": shown["phone"]}
    enquiry: dict[str, Any] = {name: shown[name] for name in ("product", "message") if shown.get(name)}
    consent = bool(request.form.get("consent"))
    raw = {"form": shown, "consent": consent}
    return {"person": person, "raw": raw, "consent": consent, **enquiry}, dict(problems)
