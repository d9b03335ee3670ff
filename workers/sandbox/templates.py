"""Message templates: which uses and which new ones Meta refuses."""

import re

from workers.sandbox.graph_errors import GraphError, required
from workers.sandbox.models import Account, JsonObject, Template

VARIABLE = re.compile(r"\{\{\s*([A-Za-z0-9_]+)\s*\}\}")
LAYOUT = re.compile(r"[\n\t\r]| {5,}")
MEDIA_HEADERS = ("IMAGE", "VIDEO", "DOCUMENT", "LOCATION")
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
    """Gives the distinct variables of a template's text, in their order."""
    return list(dict.fromkeys(VARIABLE.findall(text))) if isinstance(text, str) else []


def check_use(template: Template, content: JsonObject) -> str | None:
    """Refuses parameters that do not fit; gives the body as the customer reads it."""
    given = content.get("components", [])
    if not isinstance(given, list) or not all(isinstance(c, dict) for c in given):
        raise GraphError(100, message="(#100) Param template['components'] must be an array.")
    by_type = {str(c.get("type", "")).lower(): c.get("parameters") or [] for c in given}
    buttons = [c for c in given if str(c.get("type", "")).lower() == "button"]
    rendered: str | None = None
    for component in template.components:
        kind = str(component.get("type", "")).upper()
        if kind == "BODY":
            rendered = _check_text(template, "body", component.get("text"), by_type.get("body", []))
            if len(rendered) > 1024:
                raise GraphError(132005, f"body: Text must be at most 1024 characters, has {len(rendered)}")
        elif kind == "HEADER":
            _check_header(template, component, by_type.get("header", []))
        elif kind == "BUTTONS":
            _check_buttons(component.get("buttons", []), buttons)
    known = {str(c.get("type", "")).upper() for c in template.components}
    if (by_type.get("body") and "BODY" not in known) or (by_type.get("header") and "HEADER" not in known):
        raise GraphError(132000, "a component of the message is not in the template", message=COUNT)
    return rendered


def _check_text(template: Template, where: str, text: object, given: object) -> str:
    names = variables(text)
    if not isinstance(given, list) or not all(isinstance(p, dict) for p in given):
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
    return VARIABLE.sub(lambda m: values.get(m[1], m[0]), str(text))


def _value(where: str, parameter: JsonObject) -> str:
    kind = parameter.get("type")
    if kind in ("currency", "date_time"):
        fallback = parameter.get(kind, {}).get("fallback_value")
        return str(fallback or "")
    if kind != "text":
        raise GraphError(132012, f"{where}: Format mismatch, expected TEXT, received {kind}", message=FORMAT)
    value = parameter.get("text")
    if not isinstance(value, str) or not value:
        raise required("text", "Parameter of type text is missing text value")
    if LAYOUT.search(value):
        details = "Param text cannot have new-line/tab characters or more than 4 consecutive spaces"
        raise GraphError(132012, f"{where}: {details}", message=FORMAT)
    return value


def _check_header(template: Template, component: JsonObject, given: object) -> None:
    form = str(component.get("format", "TEXT")).upper()
    if form == "TEXT":
        _check_text(template, "header", component.get("text"), given)
        return
    first = given[0] if isinstance(given, list) and given and isinstance(given[0], dict) else {}
    kind = str(first.get("type", "unknown"))
    if form in MEDIA_HEADERS and (kind.upper() != form or not isinstance(first.get(kind), dict)):
        details = f"header: Format mismatch, expected {form}, received {kind.upper()}"
        raise GraphError(132012, details, message=FORMAT)


def _check_buttons(buttons: list[JsonObject], given: list[JsonObject]) -> None:
    by_index = {str(b.get("index")): b for b in given}
    for index, button in enumerate(buttons):
        needs = bool(variables(button.get("url"))) or button.get("type") == "COPY_CODE"
        parameters = by_index.get(str(index), {}).get("parameters") or []
        if needs and len(parameters) != 1:
            details = f"buttons: Button at index {index} of type {button.get('type')} requires a parameter"
            raise GraphError(131008, details, message="(#131008) Required parameter is missing")
    for given_index in by_index:
        if not given_index.isdigit() or int(given_index) >= len(buttons):
            raise GraphError(132018, f"buttons: the template has no button at index {given_index}")


def check_new(account: Account, body: JsonObject) -> Template:
    """Gives a template to be reviewed; refuses what Meta refuses before any review."""

    def refuse(subcode: int, title: str, details: str) -> GraphError:
        return GraphError(100, details, message="Invalid parameter", subcode=subcode, user_title=title)

    for name in ("name", "language", "category", "components"):
        if not body.get(name):
            raise GraphError(100, message=f"(#100) The parameter {name} is required.")
    if not isinstance(body["name"], str) or not re.match(r"^[a-z0-9_]{1,512}$", body["name"]):
        raise GraphError(100, message="(#100) Param name must be lower-case letters, digits and underscores.")
    if body["category"] not in ("MARKETING", "UTILITY", "AUTHENTICATION"):
        raise GraphError(100, message="(#100) Param category must be one of the known categories.")
    components = body["components"]
    if not isinstance(components, list) or not all(isinstance(c, dict) for c in components):
        raise GraphError(100, message="(#100) Param components must be an array.")
    if any((t.name, t.language) == (body["name"], body["language"]) for t in account.templates):
        raise refuse(2388024, "Content in This Language Already Exists", "Use another name.")
    text = next((c.get("text") for c in components if str(c.get("type")).upper() == "BODY"), None)
    if not isinstance(text, str) or not text:
        raise refuse(2388072, "Body Format", "A template needs a body with a text.")
    if len(text) > 1024:
        raise refuse(2388040, "Field Too Long", "The body may have 1024 characters.")
    if re.match(r"^\{\{[^}]*\}\}", text.strip()) or re.search(r"\}\}$", text.strip()):
        raise refuse(2388299, "Variables at Start or End", "Put words before and after every variable.")
    named = any(not v.isdigit() for v in variables(text))
    given = str(body.get("parameter_format", "NAMED" if named else "POSITIONAL")).upper()
    if (given == "NAMED") != named and variables(text):
        raise refuse(2388072, "Body Format", "The variables do not fit the parameter_format.")
    return Template(
        name=body["name"],
        language=str(body["language"]),
        category=body["category"],
        status="PENDING",
        parameter_format="NAMED" if given == "NAMED" else "POSITIONAL",
        components=components,
    )
