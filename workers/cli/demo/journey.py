"""The main job, watched from outside: a lead enquires, is greeted, answers, gets a reply.

What Flow knows is read as the demo organization's owner, through RLS; what reached the customers is told by
the sandbox, which is the only one to know.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel

from workers.cli.demo.desk import Desk, Row
from workers.cli.demo.enquiries import Enquiry
from workers.cli.output import progress
from workers.errors import Refused
from workers.sandbox.client import SandboxControl, Send

PATIENCE_SECONDS = 30.0  # without any progress
LOOK_EVERY_SECONDS = 0.1
ANSWER = "Yes, please send the price of {product}."
REPLY = "Thank you, {name}. Our engineer will call you today about {product}."


class LeadRow(BaseModel):
    """What the journey reads of a lead."""

    id: UUID
    external_id: str
    contact_id: UUID
    created_at: datetime


class ContactRow(BaseModel):
    """A number that belongs to somebody already."""

    phone: str


class MessageRow(BaseModel):
    """What the journey reads of a message."""

    id: int
    contact_id: UUID
    conversation_id: UUID
    direction: str
    origin: str
    wamid: str | None
    sent_at: datetime | None
    delivered_at: datetime | None
    read_at: datetime | None
    error_message: str | None

    @property
    def has_all_statuses(self) -> bool:
        """Tell whether Meta's three webhooks were applied."""
        return None not in (self.sent_at, self.delivered_at, self.read_at)


class ConversationRow(BaseModel):
    """What the journey reads of a conversation."""

    id: UUID
    contact_id: UUID
    window_expires_at: datetime | None


@dataclass(frozen=True)
class Business:
    """The demo organization, as the sandbox and the database know it."""

    org_id: UUID
    indiamart_key: str
    waba_id: str
    phone_number_id: str


@dataclass(eq=False)
class Trip:
    """One enquiry, and how far it came."""

    enquiry: Enquiry
    lead: LeadRow | None = None
    greeting_wamid: str | None = None
    greeted_after_ms: float = 0.0
    is_delivered: bool = False
    is_read: bool = False
    conversation_id: UUID | None = None
    reply_id: int | None = None
    is_replied: bool = False


@dataclass
class Journey:
    """Sends enquiries on their way, and follows each to its end."""

    desk: Desk
    sandbox: SandboxControl
    sync: Callable[[], object]
    business: Business
    trips: list[Trip]
    stalled: list[str] = field(default_factory=list)

    def run(self) -> dict[str, object]:
        """Make the whole trip; give what `flow demo` prints."""
        self._begun = self._spoke = time.monotonic()
        self._sends_before = len(self.sandbox.sends())
        key = self.business.indiamart_key
        self.sandbox.add_leads(key, [trip.enquiry.as_indiamart() for trip in self.trips])
        self._say(f"{len(self.trips)} enquiries at IndiaMART")

        going = self._follow(
            self.trips, "leads stored", self._look_for_leads, lambda trip: trip.lead is not None
        )
        going = self._follow(
            going,
            "greetings accepted by Meta",
            self._look_for_greetings,
            lambda trip: trip.greeting_wamid is not None,
        )
        going = self._follow(
            going, "greetings delivered", self._look_at_greetings, lambda trip: trip.is_delivered
        )
        going = self._follow(going, "greetings read", self._look_at_greetings, lambda trip: trip.is_read)
        for trip in going:
            self._answer(trip)
        going = self._follow(
            going,
            "answers in open windows",
            self._look_for_answers,
            lambda trip: trip.conversation_id is not None,
        )
        for trip in going:
            self._reply(trip)
        self._follow(
            going, "replies sent, delivered and read", self._look_at_replies, lambda trip: trip.is_replied
        )
        self._let_settle()
        return self._account()

    # The steps ------------------------------------------------------------------------------------

    def _look_for_leads(self, waiting: list[Trip]) -> None:
        self._sync()
        by_id = {trip.enquiry.external_id: trip for trip in waiting}
        for row in self._read(LeadRow, "leads", "external_id", by_id):
            by_id[row.external_id].lead = row

    def _sync(self) -> None:
        """Read IndiaMART now, unless the interval or a run that is under way forbids it."""
        if time.time() < self._sync_allowed_at:
            return
        self._sync_allowed_at = time.time() + 0.5
        try:
            self.sync()
        except Refused as refusal:
            if refusal.retry_at is None:
                raise
            allowed_at = datetime.fromisoformat(refusal.retry_at).timestamp()
            self._sync_allowed_at = max(allowed_at, self._sync_allowed_at)
            seconds = allowed_at - time.time()
            if seconds > 1:
                progress(f"             IndiaMART may be asked again in {seconds:.0f} s")
            self._patient_until = max(self._patient_until, time.monotonic() + seconds + PATIENCE_SECONDS)

    def _look_for_greetings(self, waiting: list[Trip]) -> None:
        accepted = {send.to: send for send in self._sends() if send.type == "template"}
        for trip in waiting:
            send = accepted.get(trip.enquiry.wa_id)
            if send and trip.lead:
                trip.greeting_wamid = send.wamid
                trip.greeted_after_ms = (send.accepted_at - trip.lead.created_at.timestamp()) * 1000

    def _look_at_greetings(self, waiting: list[Trip]) -> None:
        by_wamid = {trip.greeting_wamid: trip for trip in waiting}
        for row in self._read(MessageRow, "messages", "wamid", by_wamid):
            trip = by_wamid[row.wamid]
            trip.is_delivered = None not in (row.sent_at, row.delivered_at)
            trip.is_read = row.has_all_statuses

    def _answer(self, trip: Trip) -> None:
        enquiry = trip.enquiry
        text = ANSWER.format(product=enquiry.product)
        self.sandbox.inbound(self.business.phone_number_id, enquiry.wa_id, text=text, name=enquiry.name)

    def _look_for_answers(self, waiting: list[Trip]) -> None:
        by_contact = {trip.lead.contact_id: trip for trip in waiting if trip.lead}
        heard = self._read(MessageRow, "messages", "contact_id", by_contact, direction="inbound")
        for row in self._read(
            ConversationRow, "conversations", "contact_id", {row.contact_id for row in heard}
        ):
            if row.window_expires_at and row.window_expires_at.timestamp() > time.time():
                by_contact[row.contact_id].conversation_id = row.id

    def _reply(self, trip: Trip) -> None:
        text = REPLY.format(name=trip.enquiry.name, product=trip.enquiry.product)
        if trip.conversation_id:
            trip.reply_id = self.desk.reply(self.business.org_id, trip.conversation_id, text)

    def _look_at_replies(self, waiting: list[Trip]) -> None:
        by_id = {trip.reply_id: trip for trip in waiting}
        for row in self._read(MessageRow, "messages", "id", by_id):
            by_id[row.id].is_replied = row.has_all_statuses

    # Watching -------------------------------------------------------------------------------------

    _sync_allowed_at = 0.0
    _patient_until = 0.0
    _begun = _spoke = 0.0
    _sends_before = 0

    def _follow(
        self,
        trips: list[Trip],
        what: str,
        look: Callable[[list[Trip]], None],
        is_done: Callable[[Trip], bool],
    ) -> list[Trip]:
        """Look until every trip has done this step, or nothing moves any more; give those that have."""
        waiting = list(trips)
        self._patient_until = time.monotonic() + PATIENCE_SECONDS
        while waiting:
            look(waiting)
            left = [trip for trip in waiting if not is_done(trip)]
            if len(left) < len(waiting):
                self._patient_until = max(self._patient_until, time.monotonic() + PATIENCE_SECONDS)
            waiting = left
            if waiting and time.monotonic() > self._patient_until:
                self.stalled.append(
                    f"Stalled at «{what}»: {len(trips) - len(waiting)} of {len(trips)} after "
                    f"{PATIENCE_SECONDS:.0f} seconds without progress{self._why(waiting)}."
                )
                progress(self.stalled[-1])
                break
            if waiting:
                time.sleep(LOOK_EVERY_SECONDS)
        done = [trip for trip in trips if is_done(trip)]
        if done:
            self._say(f"{len(done)} {what}")
        return done

    def _why(self, waiting: list[Trip]) -> str:
        """Give the first error that a waiting message carries, or where to look."""
        contacts = {trip.lead.contact_id for trip in waiting if trip.lead}
        for row in self._read(MessageRow, "messages", "contact_id", contacts, direction="outbound"):
            if row.error_message:
                return f" ({row.error_message})"
        return ""

    def _let_settle(self) -> None:
        """Wait until the sandbox has no webhook to send, so that a late duplicate is still counted."""
        until = time.monotonic() + PATIENCE_SECONDS
        while self.sandbox.webhooks_waiting() and time.monotonic() < until:
            time.sleep(LOOK_EVERY_SECONDS)

    def _say(self, what: str) -> None:
        now = time.monotonic()
        progress(f"{(now - self._begun) * 1000:9.0f} ms  {what} (+{(now - self._spoke) * 1000:.0f} ms)")
        self._spoke = now

    # Counting -------------------------------------------------------------------------------------

    def _account(self) -> dict[str, object]:
        trips = self.trips
        waits = sorted(trip.greeted_after_ms for trip in trips if trip.greeting_wamid)
        counted = {
            "leads": len(trips),
            "stored": sum(trip.lead is not None for trip in trips),
            "greeted": len(waits),
            "delivered": sum(trip.is_delivered for trip in trips),
            "read": sum(trip.is_read for trip in trips),
            "answered": sum(trip.conversation_id is not None for trip in trips),
            "replied": sum(trip.is_replied for trip in trips),
            "duplicates": self._duplicates(),
            "lost": sum(not trip.is_replied for trip in trips),
        }
        result: dict[str, object] = {"ok": not (counted["duplicates"] or counted["lost"]), **counted}
        result["lead_to_greeting_ms"] = {f"p{share}": percentile(waits, share) for share in (50, 95, 99)}
        result["seconds"] = round(time.monotonic() - self._begun, 3)
        if self.stalled:
            result["error"] = {"message": " ".join(self.stalled), "detail": "stalled"}
        return result

    def _duplicates(self) -> int:
        """Count what is there more than once: leads, greetings and replies at Meta, rows in the thread."""
        ours = {trip.enquiry.wa_id for trip in self.trips}
        sent = Counter((send.to, send.type) for send in self._sends() if send.to in ours)
        leads = Counter(
            row.external_id
            for row in self._read(
                LeadRow, "leads", "external_id", [trip.enquiry.external_id for trip in self.trips]
            )
        )
        contacts = [trip.lead.contact_id for trip in self.trips if trip.lead]
        rows = Counter(
            (row.contact_id, row.direction, row.origin)
            for row in self._read(MessageRow, "messages", "contact_id", contacts)
        )
        at_meta, stored = extra(sent.values()), extra(rows.values())
        return extra(leads.values()) + max(at_meta, stored)

    def _sends(self) -> list[Send]:
        return self.sandbox.sends(after=self._sends_before)

    def _read(
        self, shape: type[Row], table: str, key: str, values: Iterable[object], **equal: object
    ) -> list[Row]:
        return self.desk.rows_among(shape, table, key, values, org_id=self.business.org_id, **equal)


def extra(numbers: Iterable[int]) -> int:
    """Count what is beyond one of each."""
    return sum(number - 1 for number in numbers)


def percentile(sorted_numbers: list[float], share: int) -> float | None:
    """Give the value below which that share lies, by the nearest rank; None of nothing."""
    if not sorted_numbers:
        return None
    rank = -(-len(sorted_numbers) * share // 100)
    return round(sorted_numbers[rank - 1], 1)
