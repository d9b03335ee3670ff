"""What the sandbox's Meta knows: accounts, tokens, sends, windows. Callers hold `lock`."""

import hashlib
import json
import secrets
import time
from base64 import b64encode
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock

from workers.sandbox.models import (
    Account,
    AnalyticsChange,
    Behaviour,
    Code,
    JsonObject,
    Number,
    Review,
    Template,
    Token,
)

DAY = 86400
PAIR_BURST, PAIR_SECONDS = 45, 6.0


def digest(*parts: object) -> str:
    """Gives a hash that depends on the parts alone."""
    return hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()


def number_of(digits: int, *parts: object) -> str:
    """Gives a made-up id of so many digits, the same for the same parts."""
    return str(10 ** (digits - 1) + int(digest(*parts), 16) % (9 * 10 ** (digits - 1)))


def wamid(*parts: object) -> str:
    """Gives a message id in Meta's form."""
    return "wamid." + b64encode(bytes.fromhex(digest("wamid", *parts))[:27]).decode()


def user_id_of(wa_id: str) -> str:
    """Gives the business-scoped user id of a customer."""
    return "IN." + number_of(17, "bsuid", wa_id)


@dataclass
class Bucket:
    """A token bucket: so many at once, refilled at a rate per second."""

    size: float
    rate: float
    level: float
    at: float

    def take(self, now: float) -> bool:
        """Takes one, if there is one."""
        self.level = min(self.size, self.level + max(0.0, now - self.at) * self.rate)
        self.at = now
        if self.level < 1:
            return False
        self.level -= 1
        return True


@dataclass
class Send:
    """One accepted send, with the statuses that it had or will have."""

    order: int
    wamid: str
    phone_number_id: str
    to: str
    type: str
    template: str | None
    text: str | None
    callback: str | None
    accepted_at: float
    body: JsonObject
    statuses: list[JsonObject] = field(default_factory=list)
    pricing: JsonObject | None = None

    def seen_at(self, now: float) -> JsonObject:
        """Gives the send as it stands at this moment."""
        return {**vars(self), "statuses": [s for s in self.statuses if s["at"] <= now]}


class MetaState:
    """Accounts, numbers, tokens and everything that happened since the start or the last reset."""

    def __init__(self, file: Path | None = None) -> None:
        self.lock = RLock()
        self.file = file
        self._clear()
        if file and file.exists():
            self._load(json.loads(file.read_text(encoding="utf-8")))

    def _clear(self) -> None:
        self.nonce = secrets.token_hex(8)
        self.accounts: dict[str, Account] = {}
        self.numbers: dict[str, Number] = {}
        self.tokens: dict[str, Token] = {}
        self.codes: dict[str, Code] = {}
        self.sends: list[Send] = []
        self.by_callback: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()
        self.reads: list[JsonObject] = []
        self.managed: list[JsonObject] = []
        self.signals: list[JsonObject] = []
        self.media: dict[str, JsonObject] = {}
        self.windows: dict[tuple[str, str], list[tuple[float, bool]]] = {}
        self.entry_points: dict[tuple[str, str], float] = {}
        self.names: dict[str, str] = {}
        self.people: dict[str, str] = {}
        self.behaviours: dict[str, Behaviour] = {"": Behaviour()}
        self.answered: set[tuple[str, str, str]] = set()
        self.service_counts: Counter[tuple[str, str]] = Counter()
        self.analytics_changes: list[AnalyticsChange] = []
        self.buckets: dict[str, Bucket] = {}
        self.template_writes: dict[str, list[float]] = {}
        self.review = Review()
        self.samples: dict[str, bytes | None] = {}

    def reset(self) -> None:
        """Forgets everything, the seeded accounts too."""
        self._clear()
        self.save()

    def _load(self, kept: JsonObject) -> None:
        for account in kept.get("accounts", []):
            self.put_account(Account.model_validate(account))
        self.tokens |= {t["token"]: Token.model_validate(t) for t in kept.get("tokens", [])}
        for number, person, times in kept.get("windows", []):
            self.windows[number, person] = [(float(at), bool(ad)) for at, ad in times]

    def save(self) -> None:
        """Writes what a restart must not lose, if there is a file for it."""
        if not self.file:
            return
        kept = {
            "accounts": [a.model_dump() for a in self.accounts.values()],
            "tokens": [t.model_dump() for t in self.tokens.values()],
            "windows": [[n, p, times] for (n, p), times in self.windows.items()],
        }
        temporary = self.file.with_suffix(".new")
        temporary.write_text(json.dumps(kept), encoding="utf-8")
        temporary.replace(self.file)

    def put_account(self, seed: Account) -> Account:
        """Adds an account or updates it; registrations and subscriptions that exist stay."""
        for number in seed.numbers:
            holder = self.numbers.get(number.phone_number_id)
            if holder and holder.waba_id != seed.waba_id:
                raise ValueError(f"number {number.phone_number_id} belongs to account {holder.waba_id}")
        known = self.accounts.get(seed.waba_id)
        account = known or Account(waba_id=seed.waba_id)
        account.name, account.currency, account.timezone_id = seed.name, seed.currency, seed.timezone_id
        made = number_of(15, "business", seed.waba_id)
        account.business_id = seed.business_id or account.business_id or made
        account.subscribed = account.subscribed or seed.subscribed
        account.callback_url = account.callback_url or seed.callback_url
        for number in seed.numbers:
            self._put_number(account, number)
        for template in seed.templates:
            self.put_template(account, template)
        if seed.token:
            self.put_token(seed.token, [seed.waba_id], seed.user_id)
        self.accounts[account.waba_id] = account
        return account

    def _put_number(self, account: Account, number: Number) -> None:
        known = self.numbers.get(number.phone_number_id)
        number = number.model_copy(update={"waba_id": account.waba_id})
        if known:
            number.registered, number.pin = known.registered or number.registered, known.pin or number.pin
            number.asked = known.asked or number.asked
        self.numbers[number.phone_number_id] = number
        others = [n for n in account.numbers if n.phone_number_id != number.phone_number_id]
        account.numbers = [*others, number]
        self.buckets.pop(number.phone_number_id, None)

    def put_template(self, account: Account, template: Template) -> Template:
        """Adds a template, or replaces the one of the same name and language."""
        made = number_of(15, "template", account.waba_id, template.name, template.language)
        template = template.model_copy(update={"id": template.id or made})
        key = (template.name, template.language)
        account.templates = [*(t for t in account.templates if (t.name, t.language) != key), template]
        return template

    def put_token(self, token: str, waba_ids: list[str], user_id: str | None) -> Token:
        """Adds a token, or lets the known one use these accounts too."""
        known = self.tokens.get(token)
        wabas = sorted({*waba_ids, *(known.waba_ids if known and known.is_valid else [])})
        user = user_id or (known.user_id if known else number_of(15, "user", token))
        self.tokens[token] = Token(token=token, user_id=user, waba_ids=wabas, issued_at=int(time.time()))
        return self.tokens[token]

    def behaviour(self, phone_number_id: str, customer: str) -> Behaviour:
        """Gives how this customer behaves: in an own way, else the number's, else everybody's."""
        for scope in (customer, phone_number_id, ""):
            if scope in self.behaviours:
                return self.behaviours[scope]
        return Behaviour()

    def has_throughput(self, number: Number, now: float) -> bool:
        """Takes one from the number's messages per second."""
        rate = float(number.messages_per_second)
        bucket = self.buckets.setdefault(number.phone_number_id, Bucket(rate, rate, rate, now))
        return bucket.take(now)

    def has_pair_room(self, number: Number, to: str, now: float) -> bool:
        """Takes one from what this number may send to this customer."""
        key = f"{number.phone_number_id}:{to}"
        fresh = Bucket(PAIR_BURST, 1 / PAIR_SECONDS, PAIR_BURST, now)
        return self.buckets.setdefault(key, fresh).take(now)

    def opened(self, phone_number_id: str, customer: str, at: float, from_ad: bool) -> None:
        """Notes that a customer wrote, which opens the 24-hour window."""
        times = self.windows.setdefault((phone_number_id, customer), [])
        times.append((at, from_ad))
        del times[:-8]

    def window(self, phone_number_id: str, customer: str, now: float) -> str | None:
        """Says why a free-form message may go now: `window`, `entry_point`, or None."""
        key = (phone_number_id, customer)
        open_now = [ad for at, ad in self.windows.get(key, []) if at <= now < at + DAY]
        if any(open_now):
            self.entry_points.setdefault(key, now + 3 * DAY)
        if self.entry_points.get(key, 0) > now:
            return "entry_point"
        return "window" if open_now else None
