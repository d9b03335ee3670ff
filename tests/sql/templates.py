"""Templates of every shape, and values for them: by hand, and at random."""

import json
import random
from typing import Any

from tests.business import Business, Json, call
from workers.sandbox.models import Template


def template(name: str, *parts: Json, **more: Any) -> Json:
    """A template as Meta lists it."""
    whole = {"id": str(abs(hash(name)) % 10**12), "name": name, "language": "en", "status": "APPROVED"}
    return whole | {"category": "UTILITY", "components": list(parts)} | more


def body(text: str) -> Json:
    """A body."""
    return {"type": "BODY", "text": text}


def header(text: str = "", form: str = "TEXT") -> Json:
    """A header."""
    return {"type": "HEADER", "format": form} | ({"text": text} if form == "TEXT" else {})


def buttons(*given: Json) -> Json:
    """Buttons."""
    return {"type": "BUTTONS", "buttons": list(given)}


URL: Json = {"type": "URL", "text": "Track", "url": "https://shop.example/t/{{1}}"}
PLAIN_URL: Json = {"type": "URL", "text": "Visit", "url": "https://shop.example/"}
REPLY: Json = {"type": "QUICK_REPLY", "text": "Yes"}
CALL: Json = {"type": "PHONE_NUMBER", "text": "Call", "phone_number": "+911140000001"}
COPY: Json = {"type": "COPY_CODE", "text": "Copy code"}
FLOW: Json = {"type": "FLOW", "text": "Book", "flow_id": "1"}
OTP: Json = {"type": "URL", "text": "Copy code", "url": "https://www.whatsapp.com/otp/code/?code=otp{{1}}"}
CODE_BODY = body("*{{1}}* is your verification code.")


def stored(business: Business, *templates: Json) -> None:
    """Store these templates, as a sync does."""
    call(
        business.db,
        "store_templates",
        org_id=business.org_id,
        account_id=business.account_id,
        templates=list(templates),
    )


def as_sandbox(found: Json) -> Template:
    """The same template, as the sandbox's Meta holds it."""
    keys = ("name", "language", "category", "components", "parameter_format", "status")
    return Template.model_validate({key: found[key] for key in keys if key in found})


def message(business: Business, name: str, params: object) -> Json:
    """What is queued for a template and values."""
    with business.db.transaction():
        found: Json = business.db.value(
            "select private.template_message(%s, %s, %s, 'en', %s, %s)",
            business.org_id, business.account_id, name, json.dumps(params), business.phone_number_id,
        )  # fmt: skip
    return found


class Chance:
    """Templates and values at random, the same for the same seed; some values fit, some do not."""

    WORDS = ("", " ", "Asha", "वाल्व", "a\nb", "\t", "x" * 30, "{{1}}", "😀" * 20, "a      b", "y" * 1100,
             "SAVE20", "\u200b", "\\1 & \\", "a/b?c=ü d", "\u2028", "0")  # fmt: skip
    BUTTONS = (URL, PLAIN_URL, REPLY, CALL, COPY, FLOW)

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)  # noqa: S311 (repeatable on purpose)

    def template(self, number: int) -> Json:
        """A template that Meta could have approved."""
        dice, parts = self.dice, []
        named = dice.random() < 0.4
        if dice.random() < 0.1:
            return template(f"t{number}", CODE_BODY, buttons(OTP), category="AUTHENTICATION")
        if dice.random() < 0.6:
            form = dice.choice(("TEXT", "TEXT", "IMAGE", "VIDEO", "DOCUMENT", "LOCATION"))
            variable = dice.choice(("", "{{title}}" if named else "{{1}}"))
            parts.append(header(f"News {variable}", form))
        names = ["who", "what", "body", "header"] if named else ["1", "2", "3", "4"]
        used = names[: dice.choice((0, 1, 1, 2, 3, 4))]
        dice.shuffle(used)
        text = "Dear " + " and ".join(f"{{{{{name}}}}}" for name in used) + "z" * dice.choice((0, 0, 0, 900))
        parts.append(body(text + "."))
        if dice.random() < 0.3:
            parts.append({"type": "FOOTER", "text": "Reply STOP to end"})
        if dice.random() < 0.5:
            kinds = [dice.choice(self.BUTTONS) for _ in range(dice.choice((1, 1, 2, 3)))]
            parts.append(buttons(*kinds))
        return template(f"t{number}", *parts, parameter_format="NAMED" if named else "POSITIONAL")

    def params(self, made: Json) -> object:
        """Values for it: mostly of the right number and kind, at times anything."""
        dice = self.dice
        if dice.random() < 0.1:
            return dice.choice([None, [], {}, ["a"], {"body": ["a"]}, "text", 5, [[]], {"x": "y"}])
        takes = {str(c["type"]): c for c in made["components"]}
        named = made.get("parameter_format") == "NAMED"
        given: Json = {"body": self._values(takes["BODY"]["text"], named=named)}
        if "HEADER" in takes and dice.random() < 0.95:
            given["header"] = self._header(takes["HEADER"], named=named)
        elif dice.random() < 0.1:
            given["header"] = "unasked"
        if "BUTTONS" in takes:
            given["buttons"] = self._buttons(takes["BUTTONS"]["buttons"])
        if dice.random() < 0.2 and "HEADER" not in takes and "BUTTONS" not in takes:
            return given["body"]
        return given

    def _word(self) -> object:
        if self.dice.random() < 0.7:
            return self.dice.choice(("Asha", "Kurta", "12", "SAVE20"))
        return self.dice.choice((*self.WORDS, 7, None, True, ["x"]))

    def _values(self, text: str, *, named: bool) -> object:
        from workers.sandbox.templates import variables  # noqa: PLC0415

        names = variables(text)
        if self.dice.random() < 0.1:
            names = [*names, "more"]
        if named and self.dice.random() < 0.7:
            return {name: self._word() for name in names}
        return [self._word() for _ in names]

    def _header(self, part: Json, *, named: bool) -> object:
        if part["format"] == "TEXT":
            return self._values(part["text"], named=named)
        place = {"latitude": 13.08, "longitude": "80.27", "name": "Shop", "address": "1 Anna Salai"}
        link = {"link": "https://files.example/a.pdf", "filename": "a.pdf"}
        right = place if part["format"] == "LOCATION" else self.dice.choice((link, link["link"]))
        wrong = [place, link, "http://plain.example/a", {"latitude": 95, "longitude": 1}, None, [], {}]
        return right if self.dice.random() < 0.85 else self.dice.choice(wrong)

    def _buttons(self, given: list[Json]) -> object:
        if self.dice.random() < 0.1:
            return self.dice.choice(
                [None, [], ["a", "b", "c"], [{"index": 9, "value": "x"}], {"0": "x"}, "a"]
            )
        needing = [b for b in given if "{{" in b.get("url", "") or b["type"] == "COPY_CODE"]
        if self.dice.random() < 0.5:
            return [self._word() for _ in needing]
        return [
            {"index": at, "value": self._word()}
            for at, button in enumerate(given)
            if button in needing or (button["type"] in ("QUICK_REPLY", "FLOW") and self.dice.random() < 0.5)
        ]
