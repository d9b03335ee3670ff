"""Which new and changed templates Meta refuses before any review."""

import re
from itertools import pairwise

from workers.sandbox.graph_errors import GraphError
from workers.sandbox.models import Account, JsonObject, Template
from workers.sandbox.templates import variables

MALFORMED = re.compile(r"\{\{(?![A-Za-z0-9_]+\}\})")
MOST_OF_A_KIND = {"URL": 2, "PHONE_NUMBER": 1, "COPY_CODE": 1, "FLOW": 1}
BUTTONS = ("QUICK_REPLY", "URL", "PHONE_NUMBER", "COPY_CODE", "FLOW", "OTP")


def refuse(subcode: int, title: str, details: str) -> GraphError:
    """Gives the refusal of a template, with Meta's subcode."""
    return GraphError(100, details, message="Invalid parameter", subcode=subcode, user_title=title)


def check_new(account: Account, body: JsonObject) -> Template:
    """Gives a template to be reviewed; refuses what Meta refuses before any review."""
    for name in ("name", "language", "category", "components"):
        if not body.get(name):
            raise GraphError(100, message=f"(#100) The parameter {name} is required.")
    if not isinstance(body["name"], str) or not re.match(r"^[a-z0-9_]{1,512}$", body["name"]):
        raise GraphError(100, message="(#100) Param name must be lower-case letters, digits and underscores.")
    if any((t.name, t.language) == (body["name"], body["language"]) for t in account.templates):
        raise refuse(2388024, "Content in This Language Already Exists", "Use another name.")
    return Template(
        name=body["name"],
        language=str(body["language"]),
        category=check_category(body["category"]),
        status="PENDING",
        parameter_format=check_components(body),
        components=body["components"],
    )


def check_category(category: object) -> str:
    """Gives a known category."""
    if category not in ("MARKETING", "UTILITY", "AUTHENTICATION"):
        raise GraphError(100, message="(#100) Param category must be one of the known categories.")
    return str(category)


def check_components(body: JsonObject) -> str:
    """Gives the parameter format of valid components; refuses others."""
    components = body.get("components")
    if not isinstance(components, list) or not all(isinstance(c, dict) for c in components):
        raise GraphError(100, message="(#100) Param components must be an array.")
    parts = {str(c.get("type")).upper(): c for c in components}
    is_code = body.get("category") == "AUTHENTICATION"
    text = (parts.get("BODY") or {}).get("text")
    if is_code:
        if "BODY" not in parts or text is not None:
            raise refuse(2388072, "Body Format", "The body of a code is Meta's own.")
    elif not isinstance(text, str) or not text.strip():
        raise refuse(2388072, "Body Format", "A template needs a body with a text.")
    header = parts.get("HEADER") or {}
    shown = header.get("text") if str(header.get("format")).upper() == "TEXT" else None
    names = [*variables(text), *variables(shown)]
    named = any(not name.isdigit() for name in names)
    given = str(body.get("parameter_format", "NAMED" if named else "POSITIONAL")).upper()
    if names and (given == "NAMED") != named:
        raise refuse(2388072, "Body Format", "The variables do not fit the parameter_format.")
    if isinstance(text, str):
        _check_body(text, parts["BODY"], named=named)
    if header:
        _check_header(header, named=named)
    footer = parts.get("FOOTER") or {}
    if len(str(footer.get("text", ""))) > 60 or variables(footer.get("text")):
        raise refuse(2388073, "Footer Format", "A footer has at most 60 characters and no variables.")
    if "BUTTONS" in parts:
        _check_buttons(parts["BUTTONS"].get("buttons"), is_code=is_code)
    elif is_code:
        raise refuse(2388072, "Button Format", "A code needs its button.")
    return "NAMED" if given == "NAMED" else "POSITIONAL"


def _check_body(text: str, component: JsonObject, *, named: bool) -> None:
    if len(text) > 1024:
        raise refuse(2388040, "Field Too Long", "The body may have 1024 characters.")
    if re.match(r"^\{\{[^}]*\}\}", text.strip()) or re.search(r"\}\}$", text.strip()):
        raise refuse(2388299, "Variables at Start or End", "Put words before and after every variable.")
    _check_examples("body", text, component, named=named)


def _check_header(header: JsonObject, *, named: bool) -> None:
    form = str(header.get("format")).upper()
    if form == "TEXT":
        text = header.get("text")
        if not isinstance(text, str) or not 1 <= len(text) <= 60 or "\n" in text or "*" in text:
            raise refuse(2388047, "Header Format", "A header has 1 to 60 characters without formatting.")
        if len(variables(text)) > 1:
            raise refuse(2388047, "Header Format", "A header has one variable at most.")
        _check_examples("header", text, header, named=named)
    elif form in ("IMAGE", "VIDEO", "DOCUMENT"):
        if not (header.get("example") or {}).get("header_handle"):
            raise refuse(2388047, "Header Format", "A header with a file needs a sample.")
    elif form != "LOCATION":
        raise GraphError(100, message="(#100) Param format must be one of the known formats.")


def _check_examples(part: str, text: str, component: JsonObject, *, named: bool) -> None:
    names, examples = variables(text), component.get("example") or {}
    if MALFORMED.search(text):
        raise refuse(2388072, "Body Format", "A variable is malformed.")
    if not names:
        return
    if named:
        given = {e.get("param_name") for e in examples.get(f"{part}_text_named_params", [])}
        complete = set(names) <= given
    else:
        if names != [str(n + 1) for n in range(len(names))]:
            raise refuse(2388072, "Body Format", "Variables are numbered from 1 without gaps.")
        rows = examples.get(f"{part}_text") or []
        given_row = rows[0] if part == "body" and rows else rows
        complete = len(given_row) == len(names) and all(given_row)
    if not complete:
        raise refuse(2388043 if part == "body" else 2388047, "Missing Sample", f"Add examples to the {part}.")


def _check_buttons(buttons: object, *, is_code: bool) -> None:
    if not isinstance(buttons, list) or not 1 <= len(buttons) <= 10:
        raise refuse(2388040, "Button Format", "A template has 1 to 10 buttons.")
    kinds = [str(b.get("type")).upper() for b in buttons]
    if any(kind not in BUTTONS or (kind == "OTP") != is_code for kind in kinds):
        raise GraphError(100, message="(#100) Param type must be one of the known button types.")
    if any(kinds.count(kind) > most for kind, most in MOST_OF_A_KIND.items()):
        raise refuse(2388040, "Button Format", "There are too many buttons of one type.")
    turns = sum((a == "QUICK_REPLY") != (b == "QUICK_REPLY") for a, b in pairwise(kinds))
    if turns > 1:
        raise refuse(2388040, "Button Format", "Quick replies and others must be grouped.")
    for button, kind in zip(buttons, kinds, strict=True):
        _check_button(button, kind)


def _check_button(button: JsonObject, kind: str) -> None:
    text, url = button.get("text"), str(button.get("url", ""))
    if kind not in ("COPY_CODE", "OTP") and not (isinstance(text, str) and 1 <= len(text) <= 25):
        raise refuse(2388040, "Field Too Long", "A button's text has 1 to 25 characters.")
    if kind == "URL":
        if (
            not re.match(r"^https?://\S+$", url)
            or len(url) > 2000
            or not re.match(r"^[^{}]+(\{\{1\}\})?$", url)
        ):
            raise refuse(2388040, "Button Format", "An address has one variable at most, at its end.")
        if variables(url) and not button.get("example"):
            raise refuse(2388040, "Missing Sample", "Add an example of the address.")
    if kind == "PHONE_NUMBER" and not re.match(r"^\+?[0-9]{1,19}$", str(button.get("phone_number", ""))):
        raise refuse(2388040, "Button Format", "The phone number is not valid.")
    if kind == "COPY_CODE":
        example = button.get("example")
        code = example[0] if isinstance(example, list) and example else example
        if not isinstance(code, str) or not 1 <= len(code) <= 15:
            raise refuse(2388040, "Missing Sample", "Add the code, of at most 15 characters.")
