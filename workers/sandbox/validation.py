"""Which message bodies the Graph API refuses, and how it says so (everything but templates)."""

import re
from collections.abc import Callable

from workers.sandbox.graph_errors import GraphError, invalid, required
from workers.sandbox.models import JsonObject

PHONE = re.compile(r"^\+?[0-9][0-9 ()\-.]{5,23}$")
BSUID = re.compile(r"^[A-Z]{2}\.[A-Za-z0-9]{1,128}$")
MEDIA = ("image", "video", "audio", "document", "sticker")
MEDIA_KEYS = {"id", "link", "caption", "filename", "provider", "voice"}
CARD_KEYS = {"name", "phones", "emails", "urls", "addresses", "org", "birthday"}
REQUESTS = {"location_request_message": "send_location", "request_contact_info": "request_contact_info"}
INTERACTIVE = ("button", "list", "cta_url", "flow", "location_request_message", "request_contact_info")


def too_long(name: str, limit: int) -> GraphError:
    """Gives the refusal of a text over Meta's limit."""
    return GraphError(100, message=f"(#100) Param {name} must be at most {limit} characters long.")


def check_message(body: JsonObject, own_digits: str, has_media: Callable[[str], bool]) -> tuple[str, str]:
    """Gives the type and the recipient's digits (or BSUID) of a valid message; refuses the rest."""
    if body.get("messaging_product") != "whatsapp":
        raise GraphError(100, message="(#100) The parameter messaging_product is required.")
    if body.get("recipient_type", "individual") != "individual":
        raise invalid("'recipient_type' must be individual")
    to = recipient(body, own_digits)
    kind = body.get("type", "text")
    if kind != "template" and kind not in CHECKS:
        types = ", ".join([*CHECKS, "template"]).upper()
        raise GraphError(100, message=f'(#100) Param type must be one of {{{types}}} - got "{kind}".')
    content = body.get(kind)
    if not isinstance(content, list if kind == "contacts" else dict):
        raise required(kind, f"Parameter '{kind}' is mandatory for type '{kind}'")
    callback = body.get("biz_opaque_callback_data")
    if callback is not None and (not isinstance(callback, str) or len(callback) > 512):
        raise too_long("biz_opaque_callback_data", 512)
    context = body.get("context")
    if context is not None and not (isinstance(context, dict) and isinstance(context.get("message_id"), str)):
        raise invalid("'context' needs the message_id of a message")
    if kind in MEDIA and isinstance(content, dict):
        check_media(kind, content, has_media)
    elif kind != "template":
        CHECKS[kind](content)
    return str(kind), to


def recipient(body: JsonObject, own_digits: str) -> str:
    """Gives the digits of `to`, or the user id of `recipient`; a phone number wins."""
    to, user = body.get("to"), body.get("recipient")
    if to is None and user is None:
        raise GraphError(100, message="(#100) The parameter to is required.")
    if to is None:
        if not isinstance(user, str) or not BSUID.match(user):
            raise invalid("'recipient' is not a valid user id")
        return user
    if not isinstance(to, str) or not PHONE.match(to):
        raise invalid("'to' is not a valid phone number")
    digits = "".join(c for c in to if c.isdigit())
    if not 7 <= len(digits) <= 15:
        raise invalid("'to' is not a valid phone number")
    if digits == own_digits:
        raise GraphError(131021, "Sender and recipient phone number is the same.")
    return digits


def check_text(content: JsonObject) -> None:
    """Refuses an empty, long or oddly built text."""
    for key in content:
        if key not in ("body", "preview_url"):
            raise GraphError(100, message=f'(#100) Unexpected key "{key}" on param "text".')
    body = content.get("body")
    if not isinstance(body, str) or not body.strip():
        raise GraphError(100, message="(#100) The parameter text['body'] is required.")
    if len(body) > 4096:
        raise too_long("text['body']", 4096)


def check_media(kind: str, content: JsonObject, has_media: Callable[[str], bool]) -> None:
    """Refuses media without exactly one source, an unknown id, a bad link or a long caption."""
    for key in content:
        if key not in MEDIA_KEYS:
            raise GraphError(100, message=f'(#100) Unexpected key "{key}" on param "{kind}".')
    media, link = content.get("id"), content.get("link")
    if (media is None) == (link is None):
        raise required(kind, f"'{kind}' needs exactly one of 'id' and 'link'")
    if media is not None and not (isinstance(media, str) and has_media(media)):
        raise invalid(f"'{media}' is not a valid whatsapp business account media attachment ID")
    if link is not None and not (isinstance(link, str) and re.match(r"^https?://[^\s/]+", link)):
        raise GraphError(100, message=f"(#100) Param {kind}['link'] is not a valid URI.")
    caption = content.get("caption")
    if caption is not None:
        if kind in ("audio", "sticker"):
            raise GraphError(100, message=f'(#100) Unexpected key "caption" on param "{kind}".')
        if not isinstance(caption, str) or len(caption) > 1024:
            raise too_long(f"{kind}['caption']", 1024)
    for key, only in (("filename", "document"), ("voice", "audio")):
        if key in content and kind != only:
            raise GraphError(100, message=f'(#100) Unexpected key "{key}" on param "{kind}".')


def only(content: JsonObject, name: str, keys: set[str]) -> None:
    """Refuses keys that Meta does not know."""
    for key in content:
        if key not in keys:
            raise GraphError(100, message=f'(#100) Unexpected key "{key}" on param "{name}".')


def within(name: str, value: object, most: int) -> None:
    """Refuses a text that is missing, empty or too long."""
    if not isinstance(value, str) or not value:
        raise required(name, f"'{name}' is required")
    if len(value) > most:
        raise invalid(f"'{name}' length invalid. Min length: 1, Max length: {most}")


def check_location(content: JsonObject) -> None:
    """Refuses a place that is not on Earth."""
    for name, limit in (("latitude", 90), ("longitude", 180)):
        try:
            value = float(content[name])
        except (KeyError, TypeError, ValueError) as exc:
            raise required(name, f"'location' needs '{name}'") from exc
        if not -limit <= value <= limit:
            raise invalid(f"'{name}' is out of range")
    only(content, "location", {"latitude", "longitude", "name", "address"})
    for name in ("name", "address"):
        if name in content:
            within(name, content[name], 1000)


def check_contacts(cards: list[JsonObject]) -> None:
    """Refuses cards without a formatted name."""
    if not 1 <= len(cards) <= 257:
        raise required("contacts")
    for card in cards:
        only(card, "contacts", CARD_KEYS)
        name = card.get("name") if isinstance(card, dict) else None
        if not isinstance(name, dict) or not name.get("formatted_name"):
            raise required("formatted_name", "every card needs name.formatted_name")
        if not set(name) - {"formatted_name"}:
            raise required("first_name", "a name needs one more part beside formatted_name")
        for key, needed in (("phones", "phone"), ("emails", "email"), ("urls", "url")):
            if any(not part.get(needed) for part in card.get(key, [])):
                raise required(needed, f"every entry of {key} needs {needed}")


def check_reaction(content: JsonObject) -> None:
    """Refuses a reaction to nothing; an empty emoji takes one back."""
    if not isinstance(content.get("message_id"), str):
        raise required("message_id", "'reaction' needs 'message_id'")
    if not isinstance(content.get("emoji"), str) or len(content["emoji"]) > 16:
        raise required("emoji", "'reaction' needs 'emoji'")


def check_interactive(content: JsonObject) -> None:
    """Refuses interactive messages over WhatsApp's limits."""
    kind, action = content.get("type"), content.get("action")
    if kind not in INTERACTIVE:
        raise invalid(f"'interactive.type' must be one of {', '.join(INTERACTIVE)}")
    only(content, "interactive", {"type", "header", "body", "footer", "action"})
    body, footer = content.get("body"), content.get("footer")
    if not isinstance(body, dict):
        raise required("body", "'interactive.body.text' is required")
    within("interactive.body.text", body.get("text"), 4096 if kind == "list" else 1024)
    if footer is not None:
        within("interactive.footer.text", footer.get("text"), 60)
    if "header" in content:
        check_header(kind, content["header"])
    if not isinstance(action, dict):
        raise required("action", "'interactive.action' is required")
    if kind == "button":
        check_buttons(action.get("buttons"))
    elif kind == "list":
        check_rows(action)
    elif kind == "cta_url":
        parameters = action.get("parameters")
        if action.get("name") != "cta_url" or not isinstance(parameters, dict):
            raise required("parameters", "'cta_url' needs display_text and url")
        within("display_text", parameters.get("display_text"), 20)
        if not re.match(r"^https?://[^\s/]+", str(parameters.get("url"))):
            raise invalid("'url' is not a valid URI")
    elif kind in REQUESTS and action != {"name": REQUESTS[kind]}:
        raise invalid(f"'action.name' must be {REQUESTS[kind]}")


def check_header(kind: str, header: JsonObject) -> None:
    """Refuses headers that a message of this type cannot carry; whether media exists is not looked at."""
    what = header.get("type")
    if kind in REQUESTS or what not in ("text", "image", "video", "document"):
        raise invalid("'header.type' is not supported here")
    if kind == "list" and what != "text":
        raise invalid("the header of a list must be text")
    only(header, "header", {"type", what})
    if what == "text":
        within("interactive.header.text", header.get("text"), 60)
    else:
        check_media(what, header.get(what) or {}, lambda _media: True)


def check_buttons(buttons: object) -> None:
    """Refuses more than three buttons, long titles and double ids or titles."""
    if not isinstance(buttons, list) or not 1 <= len(buttons) <= 3:
        raise invalid("Invalid buttons count. Min allowed buttons: 1, Max allowed buttons: 3")
    replies = [b.get("reply") if isinstance(b, dict) else None for b in buttons]
    for reply in replies:
        if not isinstance(reply, dict) or not reply.get("id"):
            raise required("reply", "every button needs reply.id and reply.title")
        within("reply.id", reply["id"], 256)
        if not isinstance(reply.get("title"), str) or not 1 <= len(reply["title"]) <= 20:
            raise invalid("Button title length invalid. Min length: 1, Max length: 20")
    for key in ("id", "title"):
        if len({r[key] for r in replies if r}) < len(replies):
            raise invalid(f"Duplicated button {key}s")


def check_rows(action: JsonObject) -> None:
    """Refuses lists without a button, without rows, with more than ten, and texts that are too long."""
    within("interactive.action.button", action.get("button"), 20)
    sections = action.get("sections")
    if not isinstance(sections, list) or not all(isinstance(s, dict) for s in sections):
        raise required("sections", "'interactive.action.sections' is required")
    for section in sections:
        only(section, "sections", {"title", "rows"})
        if len(sections) > 1 or "title" in section:
            within("section.title", section.get("title"), 24)
    rows = [row for section in sections for row in section.get("rows", [])]
    if not 1 <= len(rows) <= 10:
        raise invalid("Total row count exceed max allowed count: 10")
    for row in rows:
        if not isinstance(row, dict) or not row.get("id") or not 1 <= len(str(row.get("title", ""))) <= 24:
            raise invalid("every row needs an id and a title of 1 to 24 characters")
        only(row, "rows", {"id", "title", "description"})
        within("row.id", row["id"], 200)
        if "description" in row:
            within("row.description", row["description"], 72)
    if len({row["id"] for row in rows}) < len(rows):
        raise invalid("Duplicated row ids")


def _media_is_checked_apart(_content: JsonObject) -> None:
    """Media needs to know the uploads: `check_media`."""


CHECKS: dict[str, Callable[..., None]] = {
    "text": check_text,
    **dict.fromkeys(MEDIA, _media_is_checked_apart),
    "location": check_location,
    "contacts": check_contacts,
    "reaction": check_reaction,
    "interactive": check_interactive,
}
