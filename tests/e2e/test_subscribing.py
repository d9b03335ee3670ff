"""A business subscribes through the running stack: charged, halted, paid by link, upgraded, ended."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest

from tests.database import Database
from tests.e2e.commands import Commands, Json, RunningStack, eventually
from workers.billing import job
from workers.cli.demo.desk import Desk
from workers.cli.demo.selling import ensure_selling
from workers.cli.org import People
from workers.clients import outbound_client
from workers.database import Database as Workers
from workers.errors import Refused
from workers.sandbox.client import SandboxControl
from workers.settings import Settings

PASSWORD = "a long enough password"
STARTER, GROWTH = 117_882, 353_882
ACCOUNT = {
    "legal_name": "Sharma Traders", "gstin": None, "state_code": "29", "address": "2 Road",
    "email": "asha@example.com",
}  # fmt: skip
WAITING = """
    select exists (select from private.payment_events where status = 'received')
        or exists (select from private.billing_intents i where status = 'open' and private.is_doable(i))
"""


class Subscriber:
    """An owner at the dashboard's functions, the supplier's sandbox, and the job between them."""

    def __init__(self, stack: RunningStack, db: Database, http: httpx.Client, settings: Settings) -> None:
        self.db, self.http, self.settings = db, http, settings
        people, email = People(settings), f"owner.{uuid4().hex[:10]}@example.com"
        self.org = str(people.create_organization("Sharma Traders", people.ensure(email, PASSWORD))["org_id"])
        self.desk = Desk(settings, email, PASSWORD)
        self.workers = Workers(settings)
        self.sandbox = SandboxControl(stack.sandbox_url)

    def asks(self, function: str, **args: object) -> Json:
        """What the owner gets."""
        return dict(self.desk.rpc(function, org_id=self.org, **args))

    def is_refused(self, function: str, **args: object) -> str:
        with pytest.raises(Refused) as refused:
            self.asks(function, **args)
        return refused.value.detail

    def settle(self) -> Json:
        """Let what was told arrive and be applied; how billing stands then."""
        assert self.sandbox.wait_until_idle()

        def is_quiet() -> bool:
            job.run(self.workers, self.http, self.settings)  # beside the stack's own
            return not self.db.value(WAITING)

        eventually(is_quiet)
        return self.asks("billing_state")

    def intent(self, told: Json) -> Json:
        """What was asked for, once the supplier has made it."""

        def made() -> Json | None:
            job.run(self.workers, self.http, self.settings)
            found = self.asks("billing_intent", intent_id=told["intent_id"])
            return found if found["status"] != "open" else None

        return dict(eventually(made))

    def pays(self, told: Json) -> Json:
        """Pay, or authorize, what was asked for, on the supplier's page."""
        url = self.intent(told)["short_url"]
        self.sandbox.pay(url.rsplit("/", 1)[1])
        return self.settle()

    def moves(self, days: float) -> Json:
        """Move the supplier's clock."""
        self.sandbox.advance_razorpay(days=days)
        return self.settle()

    def stands(self) -> tuple[str, str, str | None, int | None]:
        """Status, access, banner, and for how many people there is room."""
        state, room = self.asks("billing_state"), self.asks("entitlements")
        return state["status"], state["access"], state["banner"], room["seats"]["limit"]

    def invoices(self) -> list[tuple[str, int]]:
        """Purpose and total of each, the oldest first; their numbers follow each other."""
        rows = self.asks("list_invoices")["invoices"][::-1]
        return [(row["purpose"], row["total"]) for row in rows]


@pytest.fixture
def subscriber(stack: RunningStack, database: Database) -> Iterator[Subscriber]:
    settings = Settings(_env_file=stack.data / "settings.env")  # type: ignore[call-arg]
    ensure_selling(settings)
    with outbound_client(settings) as http:
        made = Subscriber(stack, database, http, settings)
        yield made
        made.sandbox.razorpay_charges("success")
        made.workers.close()


def test_subscription_is_charged_fails_is_halted_paid_by_link_upgraded_and_ended(
    subscriber: Subscriber, flow: Commands
) -> None:
    owner = subscriber
    assert owner.is_refused("start_subscription", plan_code="starter") == "billing_account_missing"
    owner.asks("set_billing_account", account=ACCOUNT)

    # Subscribed: nothing holds before the mandate, all of it after, and the trial costs nothing.
    started = owner.asks("start_subscription", plan_code="starter")
    assert owner.intent(started)["status"] == "done"
    assert owner.stands() == ("incomplete", "free", None, None)
    owner.pays(started)
    assert owner.stands() == ("trialing", "plan", None, 5)
    assert owner.invoices() == []

    # Charged when the trial is over.
    owner.moves(14.1)
    assert owner.stands() == ("active", "plan", None, 5)
    assert owner.invoices() == [("subscription", STARTER)]
    first = owner.asks("list_invoices")["invoices"][0]
    paper = owner.asks("get_invoice", invoice_id=first["id"])
    assert (paper["taxable"], paper["igst"], paper["cgst"]) == (99_900, 17_982, 0)
    assert paper["payment"]["method"] == "upi"

    # The next debit fails, and is tried three times more.
    owner.sandbox.razorpay_charges("failure")
    owner.moves(31)
    assert owner.stands() == ("past_due", "plan", "payment_failed", 5)
    owner.moves(3.1)
    assert owner.stands() == ("past_due", "plan", "payment_halted", 5)
    assert owner.invoices() == [("subscription", STARTER)]
    failed = "select count(*) from public.payments where org_id = %s and status = 'failed'"
    assert owner.db.value(failed, owner.org) == 4

    # The week of grace passes: nothing is sent, nobody is added, everything can be taken along.
    passed = """
        update public.subscriptions
           set grace_until = now() - interval '1 minute', arrears_since = now() - interval '8 days'
         where org_id = %s and place = 'current'
    """
    owner.db.execute(passed, [owner.org])
    assert owner.stands()[:3] == ("suspended", "read_only", "suspended")
    room = owner.asks("entitlements")
    assert [room[key]["allowed"] for key in ("send", "seats", "export")] == [False, False, True]
    new = {"email": "new@example.com", "role": "agent"}
    assert owner.is_refused("invite_member", **new) == "subscription_suspended"

    # Paid by link: the plan is back until the end of the cycle, and a mandate is wanted for the next.
    owner.pays(owner.asks("pay_arrears"))
    assert owner.stands() == ("past_due", "plan", "mandate_needed", 5)
    assert owner.invoices()[1:] == [("arrears", STARTER)]
    assert owner.is_refused("pay_arrears") == "nothing_due"
    assert owner.asks("invite_member", **new)["token"]

    # A new mandate follows, and takes over when its cycle begins.
    owner.sandbox.razorpay_charges("success")
    state = owner.pays(owner.asks("start_subscription", plan_code="starter"))
    assert state["next"]["status"] == "trialing"
    owner.moves(31)
    assert owner.stands() == ("active", "plan", None, 5)
    assert owner.invoices()[2:] == [("subscription", STARTER)]

    # Upgraded ten days into a cycle: the difference for what is left, and its limits at once.
    shift = """
        update public.subscriptions
           set current_start = now() - interval '10 days', current_end = now() + interval '20 days'
         where org_id = %s and place = 'current'
    """
    owner.db.execute(shift, [owner.org])
    shown = owner.asks("preview_plan_change", plan_code="growth")
    assert (shown["direction"], shown["days_left"], shown["days"], shown["charge"]) == ("up", 20, 30, 157_333)
    owner.pays(owner.asks("change_plan", plan_code="growth"))
    assert owner.stands() == ("active", "plan", None, 20)
    assert owner.invoices()[3:] == [("proration", 157_333)]
    following = eventually(lambda: owner.settle()["next"] and owner.settle()["next"]["short_url"])
    owner.sandbox.pay(following.rsplit("/", 1)[1])
    state = owner.settle()
    assert (state["next"]["status"], state["next"]["next_charge"]) == ("trialing", GROWTH)
    assert state["subscription"]["cancel_at_end"]

    # Ended: what was to follow is dropped, what was paid holds until the end of its cycle.
    owner.asks("cancel_subscription")
    state = eventually(lambda: (found := owner.settle())["next"] is None and found)
    assert (state["status"], state["access"], state["banner"]) == ("active", "plan", "ends")
    owner.moves(62)
    assert owner.asks("billing_state")["subscription"]["status"] == "cancelled"
    assert len(owner.invoices()) == 4
    alive = "select count(*) from public.subscriptions where org_id = %s and ended_at is null"
    assert owner.db.value(alive, owner.org) == 0

    # The operator gives one payment back, once: a credit note follows.
    pay = paper["payment"]["provider_id"]
    given = flow.done("billing", "refund", pay)
    assert flow.done("billing", "refund", pay)["intent_id"] == given["intent_id"]
    owner.settle()
    eventually(lambda: owner.settle()["invoices"] == 5)
    assert owner.invoices()[4:] == [("subscription", STARTER)]
    note = owner.asks("list_invoices")["invoices"][0]
    assert note["kind"] == "credit_note"
    assert flow.refused("billing", "refund", pay, "--amount", "100")["detail"] == "refunded_already"
    numbers = [row["number"] for row in owner.asks("list_invoices")["invoices"]]
    assert len(set(numbers)) == 5
