"""Invented buyers and their enquiries, in IndiaMART's form."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

PREFIX = "+9190000"  # as every example of Flow's
IST = timezone(timedelta(hours=5, minutes=30))
NAMES = (
    "Asha Patel", "Ravi Mehta", "Kiran Shah", "Meena Iyer", "Suresh Yadav", "Farida Khan", "Joseph D'Souza",
    "Lakshmi Nair", "Gurpreet Singh", "Priya Deshmukh", "Abdul Rahman", "Anil Kumar", "राधा शर्मा",
)  # fmt: skip
PRODUCTS = (
    "Submersible Pump 5 HP", "Monoblock Pump 1 HP", "Solar Water Pump 3 HP", "Pressure Booster Pump",
    "Self Priming Pump", "Sewage Pump 2 HP",
)  # fmt: skip
PLACES = (
    ("Ahmedabad", "Gujarat"),
    ("Pune", "Maharashtra"),
    ("Jaipur", "Rajasthan"),
    ("Coimbatore", "Tamil Nadu"),
)


@dataclass(frozen=True)
class Enquiry:
    """One buyer who asks for one product."""

    external_id: str
    name: str
    phone: str
    product: str
    place: tuple[str, str]

    @property
    def wa_id(self) -> str:
        """Give the buyer's number as WhatsApp writes it."""
        return self.phone.removeprefix("+")

    def as_indiamart(self) -> dict[str, str]:
        """Give the enquiry as IndiaMART's pull API does, received now."""
        city, state = self.place
        return {
            "UNIQUE_QUERY_ID": self.external_id,
            "QUERY_TYPE": "W",
            "QUERY_TIME": datetime.now(IST).strftime("%Y-%m-%d %H:%M:%S"),
            "SENDER_NAME": self.name,
            "SENDER_MOBILE": f"+91-{self.phone[3:]}",
            "SENDER_EMAIL": "",
            "SENDER_COMPANY": "",
            "SENDER_CITY": city,
            "SENDER_STATE": state,
            "SENDER_COUNTRY_ISO": "IN",
            "SUBJECT": f"Requirement for {self.product}",
            "QUERY_PRODUCT_NAME": self.product,
            "QUERY_MESSAGE": f"I want to buy {self.product}.<br>Kindly send me price and other details.<br>",
        }


def invent(count: int, known: Callable[[list[str]], set[str]]) -> list[Enquiry]:
    """Give so many buyers whom nobody knows yet; `known` tells which of some numbers belong to contacts."""
    phones: list[str] = []
    pool = [f"{PREFIX}{number:05d}" for number in range(100_000)]
    secrets.SystemRandom().shuffle(pool)
    while len(phones) < count and pool:
        some, pool = pool[: count - len(phones)], pool[count - len(phones) :]
        phones += sorted(set(some) - known(some))
    stamp = int(time.time())
    return [
        Enquiry(
            external_id=f"{stamp}{number:05d}",
            name=NAMES[number % len(NAMES)],
            phone=phone,
            product=PRODUCTS[number % len(PRODUCTS)],
            place=PLACES[number % len(PLACES)],
        )
        for number, phone in enumerate(phones)
    ]
