"""The demo organization: an invented business with everything it needs. Making it twice changes nothing."""

from uuid import UUID

from pydantic import BaseModel

from workers.cli.demo.desk import Desk
from workers.cli.demo.journey import Business
from workers.cli.org import People
from workers.cli.output import Refusal
from workers.clients import outbound_client
from workers.database import Database
from workers.meta import connect as meta
from workers.meta.graph import Graph
from workers.meta.templates import sync_templates
from workers.sandbox.client import SandboxControl
from workers.settings import Settings

ORGANIZATION = "Sunrise Pumps, Rajkot"
OWNER = "owner@demo.flow.test"
AGENT = "agent@demo.flow.test"
OWNER_NAME, AGENT_NAME = "Asha Patel", "Vikram Joshi"
PASSWORD = "flow-demo-2026"  # noqa: S105 (printed: it opens a stack on this machine, and nothing else)
TEMPLATE = "welcome_enquiry"
LANGUAGE = "en"
GREETING = {"template": TEMPLATE, "language": LANGUAGE, "params": ["name", "product"], "on": True}
WABA_ID = "104857600000011"
PHONE_NUMBER_ID = "104857600000012"
META_TOKEN = "EAAflowdemosunrisepumps"  # noqa: S105 (the sandbox's)
INDIAMART_KEY = "flow-demo-sunrise-pumps"
ACCOUNT: dict[str, object] = {
    "waba_id": WABA_ID,
    "name": "Sunrise Pumps",
    "currency": "INR",
    "timezone_id": "71",
    "token": META_TOKEN,
    "numbers": [
        {
            "phone_number_id": PHONE_NUMBER_ID,
            "display_phone": "+91 80471 80012",
            "verified_name": "Sunrise Pumps",
            "messages_per_second": 1000,  # so that the demo times Flow, not Meta's lower limit
        }
    ],
    "templates": [
        {
            "name": TEMPLATE,
            "language": LANGUAGE,
            "category": "UTILITY",
            "body": "Namaste {{1}}, thank you for asking Sunrise Pumps about {{2}}. How may we help you?",
        }
    ],
}


class _Organization(BaseModel):
    id: UUID
    name: str


class _Number(BaseModel):
    id: UUID
    phone_number_id: str
    account_id: UUID
    status: str


class _Account(BaseModel):
    id: UUID
    waba_id: str
    status: str


class _Template(BaseModel):
    id: UUID
    name: str
    status: str


class _Greeting(BaseModel):
    org_id: UUID
    is_on: bool


class _Source(BaseModel):
    id: UUID
    state: str
    is_active: bool


class _Member(BaseModel):
    user_id: UUID


class Seed:
    """Makes what the demo organization lacks."""

    def __init__(self, settings: Settings, sandbox: SandboxControl) -> None:
        self._settings = settings
        self._sandbox = sandbox
        self._database = Database(settings)
        self._people = People(settings)

    def plant(self, *, switch_on: bool = False) -> tuple[Business, Desk]:
        """Make the organization, its people and connections; `switch_on`: its greeting too, if it is off."""
        owner_id = self._people.find(OWNER) or self._people.ensure(OWNER, PASSWORD, OWNER_NAME)
        desk = self._sign_in(OWNER)
        org_id = self._organization(desk, owner_id)
        self._agent(desk, org_id)
        is_subscribed = bool(self._sandbox.put_account(ACCOUNT).get("subscribed"))
        self._whatsapp(desk, org_id, is_subscribed=is_subscribed)
        self._greeting(desk, org_id, switch_on=switch_on)
        self._indiamart(desk, org_id)
        return Business(org_id, INDIAMART_KEY, WABA_ID, PHONE_NUMBER_ID), desk

    def _sign_in(self, email: str) -> Desk:
        try:
            return Desk(self._settings, email, PASSWORD)
        except Refusal as refusal:
            raise Refusal(
                f"{email} exists, but not with the demo's password: give it back ({PASSWORD}), or start "
                "another stack with --data and --port.",
                "demo_password_changed",
            ) from refusal

    def _organization(self, desk: Desk, owner_id: UUID) -> UUID:
        for organization in desk.rows(_Organization, "organizations", name=ORGANIZATION):
            return organization.id
        return UUID(str(self._people.create_organization(ORGANIZATION, owner_id)["org_id"]))

    def _agent(self, desk: Desk, org_id: UUID) -> None:
        agent_id = self._people.find(AGENT) or self._people.ensure(AGENT, PASSWORD, AGENT_NAME)
        if desk.rows(_Member, "memberships", order="user_id", org_id=org_id, user_id=agent_id):
            return
        invitation = desk.rpc("invite_member", org_id=str(org_id), email=AGENT, role="agent")
        self._sign_in(AGENT).rpc("accept_invitation", token=invitation["token"])

    def _whatsapp(self, desk: Desk, org_id: UUID, *, is_subscribed: bool) -> None:
        """Connect the number; again when the sandbox has forgotten that Flow wants its webhooks."""
        accounts = desk.rows(
            _Account, "whatsapp_accounts", org_id=org_id, waba_id=WABA_ID, status="connected"
        )
        numbers = desk.rows(_Number, "whatsapp_numbers", org_id=org_id, phone_number_id=PHONE_NUMBER_ID)
        templates = desk.rows(_Template, "message_templates", org_id=org_id, name=TEMPLATE, status="APPROVED")
        is_connected = (
            is_subscribed and bool(accounts) and any(number.status == "connected" for number in numbers)
        )
        if is_connected and templates:
            return
        with outbound_client(self._settings) as http:
            graph = Graph(http, self._settings)
            if not is_connected:
                meta.connect_number(
                    self._database, graph, self._settings, str(org_id), WABA_ID, PHONE_NUMBER_ID, META_TOKEN
                )
            sync_templates(self._database, graph, str(org_id))

    def _greeting(self, desk: Desk, org_id: UUID, *, switch_on: bool) -> None:
        settings = desk.rows(_Greeting, "greeting_settings", order="org_id", org_id=org_id)
        if not settings or (switch_on and not settings[0].is_on):
            self._database.rpc("set_greeting", org_id=str(org_id), setting=GREETING)

    def _indiamart(self, desk: Desk, org_id: UUID) -> None:
        self._sandbox.put_indiamart_key(INDIAMART_KEY, hold_seconds=0)
        sources = desk.rows(_Source, "lead_sources", org_id=org_id, kind="indiamart")
        if not any(
            source.is_active and source.state not in ("key_rejected", "disconnected") for source in sources
        ):
            self._database.rpc("connect_indiamart", org_id=str(org_id), key=INDIAMART_KEY)
