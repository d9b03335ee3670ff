"""What the sandbox's IndiaMART knows: keys, their leads and the calls made with them. Callers hold `lock`."""

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock

from workers.sandbox.leads import instant
from workers.sandbox.models import IndiaMartKey, JsonObject

DAY = 86400
KEY_LIFE = 7 * DAY
BURST, BURST_SHARE, BLOCK_SHARE = 5, 0.2, 3.0  # calls, a minute and 15 minutes, as shares of five minutes


@dataclass
class Key:
    """One pull key."""

    key: str
    seller: str
    created_at: float
    state: str
    hold_seconds: float
    push_url: str | None
    used_at: float
    answered_at: float = 0.0
    blocked_until: float = 0.0
    recent: list[float] = field(default_factory=list)
    leads: list[tuple[float, JsonObject]] = field(default_factory=list)


class IndiaMartState:
    """All keys, and the log of calls."""

    def __init__(self, interval: float, file: Path | None = None) -> None:
        self.lock = RLock()
        self.interval = interval
        self.file = file
        self.keys: dict[str, Key] = {}
        self.calls: list[JsonObject] = []
        if file and file.exists():
            for kept in json.loads(file.read_text(encoding="utf-8")):
                self.keys[kept["key"]] = Key(**kept)

    def reset(self) -> None:
        """Forgets everything."""
        self.keys.clear()
        self.calls.clear()
        self.save()

    def save(self) -> None:
        """Writes the keys and their leads, if there is a file for it."""
        if self.file:
            temporary = self.file.with_suffix(".new")
            temporary.write_text(json.dumps([vars(k) for k in self.keys.values()]), encoding="utf-8")
            temporary.replace(self.file)

    def put_key(self, seed: IndiaMartKey) -> Key:
        """Adds a key, which kills older ones of the same seller, or changes a known one."""
        now = time.time()
        known = self.keys.get(seed.key)
        if known:
            known.state, known.hold_seconds = seed.state, seed.hold_seconds
            known.push_url = seed.push_url or known.push_url
            known.created_at = seed.created_at if seed.created_at is not None else known.created_at
        else:
            seller = seed.seller or seed.key
            inherited: list[tuple[float, JsonObject]] = []
            for other in self.keys.values():
                if other.seller == seller and other.state != "replaced":
                    other.state, inherited = "replaced", list(other.leads)
            made = seed.created_at if seed.created_at is not None else now
            known = Key(seed.key, seller, made, seed.state, seed.hold_seconds, seed.push_url, now)
            known.leads = inherited
            self.keys[seed.key] = known
        self.save()
        return known

    def add_leads(self, key: Key, leads: list[JsonObject]) -> None:
        """Adds leads to a key; one without a readable time counts as received now."""
        now = time.time()
        key.leads += [(at if (at := instant(lead)) is not None else now, lead) for lead in leads]
        self.save()

    def may_call(self, key: Key, now: float) -> str | None:
        """Says what IndiaMART's limits make of a call now: None, `soft` or `blocked`; notes the call."""
        if now < key.blocked_until:
            return "blocked"
        minute = self.interval * BURST_SHARE
        key.recent = [*(t for t in key.recent if now - t < minute), now]
        if len(key.recent) > BURST:
            key.blocked_until = now + self.interval * BLOCK_SHARE
            return "blocked"
        return "soft" if now - key.answered_at < self.interval else None

    def window(self, key: Key, start: float, end: float, now: float) -> tuple[list[JsonObject], bool]:
        """Gives a window's leads, oldest first, and whether older ones are held back for a new key."""
        made = int(key.created_at)
        released = now >= key.created_at + key.hold_seconds
        inside = sorted((row for row in key.leads if start <= row[0] <= end), key=lambda row: row[0])
        seen = [lead for at, lead in inside if released or at >= made]
        held = not released and (len(seen) < len(inside) or end <= made)
        return seen, held
