"""Message templates: which uses of them Meta refuses."""

import re
from collections.abc import Callable

from workers.sandbox.graph_errors import GraphError, required
from workers.sandbox.models import Account, JsonObject, Template

VARIABLE = re.compile(r"\{\{\s*([A-Za-z0-9_]+)\s*\}\}")
LAYOUT = re.compile(r"[\n\t\r]| {5,}")
MEDIA_HEADERS = ("IMAGE", "VIDEO", "DOCUMENT")
LONGEST = {"header": 60, "body": 1024}
CODE_LENGTH = 15
SUB_TYPES = {
    "URL": "url",
    "OTP": "url",
    "QUICK_REPLY": "quick_reply",
    "COPY_CODE": "copy_code",
    "FLOW": "flow",
}
NO_TEMPLATE = "(#132001) Template name does not exist in the translation"
COUNT = "(#132000) Number of parameters does not match the expected number of params"
FORMAT = "(#132012) Parameter format does not match format in the created template"


def find(account: Account, content: JsonObject) -> Template:
    """Gives the approved template that a send names; refuses unknown, paused and disabled ones."""
    name, language = content.get("name"), content.get("language")
    if not isinstance(name, str) or not name:
        raise required("name", "'template.name' is required")
    code = language.get("code") if isinstance(language, dict) else None
    if not isinstance(code, str) or not code:
        raise required("language", "'template.language.code' is required")
    for template in account.templates:
        if (template.name, template.language) == (name, code):
            if template.status == "PAUSED":
                raise GraphError(132015, f"template name ({name}) is paused due to low quality")
            if template.status == "DISABLED":
                raise GraphError(132016, f"template name ({name}) is disabled due to low quality")
            if template.status == "APPROVED":
                return template
    raise GraphError(132001, f"template name ({name}) does not exist in {code}", message=NO_TEMPLATE)


def variables(text: object) -> list[str]:
    """Gives the distinct variables of a template's text: numbered ones by number, named ones in order."""
    found = list(dict.fromkeys(VARIABLE.findall(text))) if isinstance(text, str) else []
    return sorted(found, key=int) if all(name.isdigit() for name in found) else found


def check_use(
    template: Template, content: JsonObject, has_media: Callable[[str], bool] | None = None
) -> str | None:
    """Refuses parameters that do not fit; gives the body as the customer reads it."""
    given = content.get("components", [])
    if not isinstance(given, list) or not all(isinstance(c, dict) for c in given):
        raise GraphError(100, message="(#100) Param template['components'] must be an array.")
    for component in given:
        if str(component.get("type", "")).lower() not in ("header", "body", "button", "footer"):
            raise GraphError(100, message="(#100) Param type must be one of {HEADER, BODY, BUTTON}.")
        if not isinstance(component.get("parameters", []), list):
            raise GraphError(100, message="(#100) Param component['parameters'] must be an array.")
    by_type = {str(c["type"]).lower(): c.get("parameters") or [] for c in given}
    buttons = [c for c in given if str(c["type"]).lower() == "button"]
    rendered: str | None = None
    known: set[str] = set()
    for component in template.components:
        kind = str(component.get("type", "")).upper()
        known.add(kind)
        if kind == "BODY":
            rendered = _check_text(template, "body", _body(template, component), by_type.get("body", []))
        elif kind == "HEADER":
            _check_header(template, component, by_type.get("header", []), has_media)
        elif kind == "BUTTONS":
            _check_buttons(template, component.get("buttons", []), buttons, by_type.get("body", []))
        elif kind != "FOOTER":
            raise GraphError(131009, f"a template with {kind} needs more than the sandbox knows")
    if (by_type.get("body") and "BODY" not in known) or (by_type.get("header") and "HEADER" not in known):
        raise GraphError(132000, "a component of the message is not in the template", message=COUNT)
    if buttons and "BUTTONS" not in known:
        raise GraphError(132018, "buttons: the template has no buttons")
    return rendered


def _body(template: Template, component: JsonObject) -> object:
    """Gives a body's text; a code's template may be kept without the text, which is Meta's own."""
    if template.category == "AUTHENTICATION" and component.get("text") is None:
        return "*{{1}}* is your verification code."
    return component.get("text")


def _check_text(template: Template, where: str, text: object, given: list[JsonObject]) -> str:
    names = variables(text)
    if not all(isinstance(p, dict) for p in given):
        raise GraphError(100, message=f"(#100) Param {where}['parameters'] must be an array.")
    if len(given) != len(names):
        raise GraphError(
            132000,
            f"{where}: number of localizable_params ({len(given)}) does not match the expected number of"
            f" params ({len(names)})",
            message=COUNT,
        )
    values: dict[str, str] = {}
    for position, parameter in enumerate(given):
        value, name = _value(where, parameter), parameter.get("parameter_name")
        if template.parameter_format == "NAMED":
            if not isinstance(name, str) or not name:
                raise GraphError(132012, f"{where}: Parameter name is missing or empty", message=FORMAT)
            if name not in names or name in values:
                raise GraphError(132012, f"{where}: parameter {name} is not expected", message=FORMAT)
            values[name] = value
        elif name is not None:
            raise GraphError(132012, f"{where}: named parameter for a positional template", message=FORMAT)
        else:
            values[names[position]] = value
    rendered = VARIABLE.sub(lambda m: values.get(m[1], m[0]), str(text))
    if len(rendered) > LONGEST[where]:
        raise GraphError(
            132005, f"{where}: Text must be at most {LONGEST[where]} characters, has {len(rendered)}"
        )
    return rendered


def _value(where: str, parameter: JsonObject) -> str:
    kind = parameter.get("type")
    if kind in ("currency", "date_time"):
        fallback = parameter.get(kind, {}).get("fallback_value")
        return str(fallback or "")
    if kind != "text":
        raise GraphError(132012, f"{where}: Format mismatch, expected TEXT, received {kind}", message=FORMAT)
    value = parameter.get("text")
    if not isinstance(value, str) or not value.strip():
        raise required("text", "Parameter of type text is missing text value")
    if LAYOUT.search(value):
        details = "Param text cannot have new-line/tab characters or more than 4 consecutive spaces"
        raise GraphError(132012, f"{where}: {details}", message=FORMAT)
    return value


def _check_header(
    template: Template,
    component: JsonObject,
    given: list[JsonObject],
    has_media: Callable[[str], bool] | None,
) -> None:
    form = str(component.get("format", "TEXT")).upper()
    if form == "TEXT":
        _check_text(template, "header", component.get("text"), given)
        return
    if len(given) != 1 or not isinstance(given[0], dict):
        raise GraphError(
            132012, f"header: Format mismatch, expected {form}, received UNKNOWN", message=FORMAT
        )
    kind = str(given[0].get("type", "unknown"))
    content = given[0].get(kind)
    if kind.upper() != form or not isinstance(content, dict):
        details = f"header: Format mismatch, expected {form}, received {kind.upper()}"
        raise GraphError(132012, details, message=FORMAT)
    if form == "LOCATION":
        for key in ("latitude", "longitude", "name", "address"):
            if not str(content.get(key) or "").strip():
                raise required(key, f"header: a location needs its {key}")
    elif form in MEDIA_HEADERS:
        media, link = content.get("id"), content.get("link")
        if (media is None) == (link is None):
            raise required(kind, f"header: '{kind}' needs exactly one of 'id' and 'link'")
        if link is not None and not re.match(r"^https?://[^\s/]+", str(link)):
            raise GraphError(100, message=f"(#100) Param {kind}['link'] is not a valid URI.")
        if media is not None and has_media and not has_media(str(media)):
            raise GraphError(131009, f"'{media}' is not a valid media attachment ID")


def _check_buttons(
    template: Template, buttons: list[JsonObject], given: list[JsonObject], body: list[JsonObject]
) -> None:
    by_index: dict[str, JsonObject] = {}
    for component in given:
        index = str(component.get("index"))
        if not index.isdigit() or int(index) >= len(buttons) or index in by_index:
            raise GraphError(132018, f"buttons: the template has no (further) button at index {index}")
        by_index[index] = component
    is_code = template.category == "AUTHENTICATION"
    for at, button in enumerate(buttons):
        kind = str(button.get("type", "")).upper()
        kind = "OTP" if is_code and kind in ("URL", "COPY_CODE") else kind
        used = by_index.get(str(at))
        needs = bool(variables(button.get("url"))) or kind in ("COPY_CODE", "OTP", "FLOW")
        if used is None or not used.get("parameters"):
            if needs:
                details = f"buttons: Button at index {at} of type {kind} requires a parameter"
                raise GraphError(131008, details, message="(#131008) Required parameter is missing")
            if used is None:
                continue
        if not needs and kind != "QUICK_REPLY":
            raise GraphError(132018, f"buttons: Button at index {at} of type {kind} takes no parameter")
        _check_button(kind, at, button, used or {}, body if is_code else None)


def _check_button(
    kind: str, at: int, button: JsonObject, used: JsonObject, code: list[JsonObject] | None
) -> None:
    where = f"buttons: Button at index {at}"
    if str(used.get("sub_type", "")).lower() != SUB_TYPES.get(kind):
        raise GraphError(132018, f"{where} is not of sub_type {used.get('sub_type')}")
    given = used.get("parameters") or []
    if len(given) != 1 or not isinstance(given[0], dict):
        raise GraphError(132018, f"{where} takes one parameter")
    name = {"QUICK_REPLY": "payload", "COPY_CODE": "coupon_code", "FLOW": "action"}.get(kind, "text")
    value = given[0].get(name)
    if given[0].get("type") != name:
        raise GraphError(132012, f"{where}: expected {name}, received {given[0].get('type')}", message=FORMAT)
    if kind == "FLOW":
        return
    if not isinstance(value, str) or not value.strip():
        raise required(name, f"{where}: the parameter is empty")
    if kind in ("COPY_CODE", "OTP") and len(value) > CODE_LENGTH:
        raise GraphError(132005, f"{where}: a code has at most {CODE_LENGTH} characters")
    if kind == "QUICK_REPLY" and len(value) > 128:
        raise GraphError(132005, f"{where}: a payload has at most 128 characters")
    if kind == "URL":
        url = VARIABLE.sub(lambda _: value, str(button.get("url")))
        if re.search(r"\s", url) or len(url) > 2000:
            raise GraphError(132018, f"{where}: the address is not valid")
    if code is not None and [p.get("text") for p in code] != [value]:
        raise GraphError(132018, f"{where}: the code is not the body's")
