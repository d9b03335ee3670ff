"""What the demo organization can subscribe to: Flow's plans, sold through the stack's sandbox."""

import json
from importlib.resources import files

from workers.database import Database
from workers.sandbox.razorpay_state import ACCOUNT
from workers.settings import Settings, is_loopback

SELLER: dict[str, object] = {
    "legal_name": "Flow Demo Private Limited",
    "gstin": "24AAAFD0000D1ZP",
    "state_code": "24",
    "address": "1 Demo Road, Rajkot",
    "email": "billing@demo.flow.test",
    "prefix": "FD",
    "sac": "998315",
    "gst_percent": "18",
}


def ensure_selling(settings: Settings) -> None:
    """Put plans on offer, unless somebody sells through this stack already, or its supplier is no sandbox.

    The plan free stays away: without it nothing is limited for who does not subscribe, so that whatever
    somebody tries in the stack has room.
    """
    if not settings.razorpay_key_id or not is_loopback(settings.razorpay_url):
        return
    database = Database(settings)
    try:
        if database.rpc("payment_provider").get("provider"):
            return
        file = json.loads(files("workers.billing").joinpath("plans.json").read_text("utf-8"))
        file["plans"] = [plan for plan in file["plans"] if plan["amount_net"]]
        database.rpc("import_plans", file=file)
        if not database.rpc("seller").get("legal_name"):
            database.rpc("set_seller", seller=SELLER)
        database.rpc("set_payment_provider", provider="razorpay", mode="test", account=ACCOUNT)
    finally:
        database.close()
