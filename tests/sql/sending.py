"""How what is sent is read."""

from uuid import uuid4

from tests.business import text

ASHA, RAVI = "+919810000011", "+919810000022"

UNSURE = 900


def ids(claim):
    return [m["message_id"] for m in claim["messages"]]


def write(business, phone=ASHA, ago=60):
    """The customer writes, so that free text may go to them."""
    business.hear(text(f"w{uuid4().hex}", at=business.now() - ago, sender=phone.lstrip("+")))
