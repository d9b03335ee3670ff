"""Invented Indian leads, the same for the same seed. Mobiles are +91-90000xxxxx, as in our examples."""

from datetime import datetime, timedelta, timezone
from random import Random

from workers.sandbox.models import JsonObject, Leads

IST = timezone(timedelta(hours=5, minutes=30), "IST")
MOBILES = 100_000

FIRST = (
    "Aarav", "Aditi", "Ananya", "Arjun", "Asha", "Bhavna", "Chetan", "Deepa", "Dev", "Farida", "Gaurav",
    "Harpreet", "Imran", "Ishita", "Jaspreet", "Kavya", "Kiran", "Lakshmi", "Manoj", "Meenakshi", "Mohan",
    "Nandini", "Naveen", "Neha", "Nikhil", "Pooja", "Prakash", "Priya", "Rahul", "Rajesh", "Ravi", "Ritu",
    "Rohan", "Sandeep", "Sanjay", "Shreya", "Sunita", "Suresh", "Tenzin", "Uma", "Varun", "Vikram", "Yusuf",
    "Zoya",
)  # fmt: skip
LAST = (
    "Agarwal", "Banerjee", "Bhat", "Chauhan", "Contractor", "Das", "Desai", "Dolma", "Fernandes", "Gill",
    "Gupta", "Iyer", "Jain", "Joshi", "Kapoor", "Khan", "Kulkarni", "Kumar", "Mehta", "Menon", "Mishra",
    "Nair", "Pandey", "Patel", "Pillai", "Qureshi", "Raghavan", "Rao", "Reddy", "Sethi", "Shah", "Sharma",
    "Singh", "Solanki", "Thomas", "Varghese", "Verma", "Yadav",
)  # fmt: skip
PLACES = (
    ("Ahmedabad", "Gujarat", "380015"),
    ("Bengaluru", "Karnataka", "560058"),
    ("Bhopal", "Madhya Pradesh", "462023"),
    ("Chennai", "Tamil Nadu", "600098"),
    ("Coimbatore", "Tamil Nadu", "641014"),
    ("Gangtok", "Sikkim", "737101"),
    ("Guwahati", "Assam", "781001"),
    ("Hyderabad", "Telangana", "500037"),
    ("Indore", "Madhya Pradesh", "452015"),
    ("Jaipur", "Rajasthan", "302013"),
    ("Kochi", "Kerala", "682024"),
    ("Kolkata", "West Bengal", "700088"),
    ("Ludhiana", "Punjab", "141003"),
    ("Mumbai", "Maharashtra", "400072"),
    ("Nagpur", "Maharashtra", "440018"),
    ("New Delhi", "Delhi", "110020"),
    ("Pune", "Maharashtra", "411026"),
    ("Rajkot", "Gujarat", "360003"),
    ("Surat", "Gujarat", "395003"),
    ("Visakhapatnam", "Andhra Pradesh", "530012"),
)
PRODUCTS = (
    ("Stainless Steel Ball Valve", "Ball Valves", "piece", "Rs. 50,000 to 1 Lakh"),
    ("Paver Block Machine", "Paver Block Making Machine", "unit", "Rs. 3 to 5 Lakh"),
    ("Solar Street Light 24 W", "Solar Street Light", "piece", "Rs. 20,000 to 50,000"),
    ("Hosiery Yarn", "Cotton Yarn", "kg", "Rs. 1 to 2 Lakh"),
    ("Corrugated Box 5 Ply", "Corrugated Boxes", "piece", "Rs. 10,000 to 20,000"),
    ("Cotton Kurti", "Ladies Kurti", "piece", "Rs. 3,000 to 10,000"),
    ("1121 Basmati Rice", "Basmati Rice", "tonne", "Rs. 5 to 10 Lakh"),
    ("Pressure Sensor", "Pressure Sensors", "piece", "Rs. 10,000 to 20,000"),
)
FIELDS = (
    "UNIQUE_QUERY_ID", "QUERY_TYPE", "QUERY_TIME", "SENDER_NAME", "SENDER_MOBILE", "SENDER_EMAIL",
    "SUBJECT", "SENDER_COMPANY", "SENDER_ADDRESS", "SENDER_CITY", "SENDER_STATE", "SENDER_PINCODE",
    "SENDER_COUNTRY_ISO", "SENDER_MOBILE_ALT", "SENDER_PHONE", "SENDER_PHONE_ALT", "SENDER_EMAIL_ALT",
    "QUERY_PRODUCT_NAME", "QUERY_MESSAGE", "QUERY_MCAT_NAME", "CALL_DURATION", "RECEIVER_MOBILE",
)  # fmt: skip


def query_time(at: float) -> str:
    """Writes an instant as IndiaMART does in answers: IST, without saying so."""
    return datetime.fromtimestamp(at, IST).strftime("%Y-%m-%d %H:%M:%S")


def instant(lead: JsonObject) -> float | None:
    """Reads a lead's QUERY_TIME; None when it cannot be read."""
    try:
        return datetime.strptime(str(lead["QUERY_TIME"]), "%Y-%m-%d %H:%M:%S").replace(tzinfo=IST).timestamp()
    except (KeyError, ValueError):
        return None


def wa_id(lead: JsonObject) -> str:
    """Gives the digits of a lead's mobile."""
    return "".join(c for c in str(lead.get("SENDER_MOBILE") or "") if c.isdigit())


def invent(wanted: Leads, now: float) -> list[JsonObject]:
    """Makes `count` leads; their ids, people and wishes depend on the seed and the position alone."""
    last = wanted.query_time if wanted.query_time is not None else now
    step = wanted.spread_seconds / max(wanted.count - 1, 1)
    kinds = [wanted.types[i % len(wanted.types)] for i in range(wanted.count)]
    return [
        _one(wanted.seed, i, kind, query_time(last - wanted.spread_seconds + step * i))
        for i, kind in enumerate(kinds)
    ]


def _one(seed: int, index: int, kind: str, when: str) -> JsonObject:
    random = Random(f"{seed}/{index}")  # noqa: S311 (repeatable on purpose)
    name = f"{random.choice(FIRST)} {random.choice(LAST)}"
    city, state, pincode = random.choice(PLACES)
    product, category, unit, value = random.choice(PRODUCTS)
    quantity = random.choice((1, 2, 5, 10, 40, 100, 250))
    call = kind == "P"
    lead = dict.fromkeys(FIELDS, "") | {
        "UNIQUE_QUERY_ID": f"3{seed % 1000:03d}{index:05d}" if call else f"3{seed % 10_000:04d}{index:05d}",
        "QUERY_TYPE": kind,
        "QUERY_TIME": when,
        "SENDER_NAME": "IndiaMART Buyer" if call else name,
        "SENDER_MOBILE": f"+91-90000{(seed * 7919 + index) % MOBILES:05d}",
        "SENDER_CITY": city,
        "SENDER_STATE": state,
        "SENDER_COUNTRY_ISO": "IN",
        "SENDER_ADDRESS": f"{city}, {state}",
        "SUBJECT": f"Requirement for {product}",
    }
    if call:
        lead |= {"SUBJECT": "Buyer Call", "RECEIVER_MOBILE": "8048900000"}
        lead["CALL_DURATION"] = str(random.randint(8, 400))
        return dict(lead)
    lead |= {"QUERY_PRODUCT_NAME": product, "QUERY_MCAT_NAME": category}
    if kind == "BIZ":
        return lead | {"SUBJECT": "Catalog View"}
    lead["QUERY_MESSAGE"] = (
        f"I want to buy {product}.\r\rKindly send me price and other details.<br> Quantity :   {quantity}<br>"
        f" Quantity Unit :   {unit}<br> Probable Order Value :   {value}<br>"
    )
    if random.random() < 0.6:
        plot = random.randint(1, 99)
        lead |= {"SENDER_ADDRESS": f"{plot}, Industrial Estate, {city}, {state},         {pincode}"}
        lead |= {"SENDER_PINCODE": pincode, "SENDER_COMPANY": f"{name.split()[1]} Traders"}
    if random.random() < 0.5:
        lead["SENDER_EMAIL"] = f"{name.split(maxsplit=1)[0].lower()}.{seed % 10_000}.{index}@example.com"
    return lead
