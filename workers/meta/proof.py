"""What Meta itself says of a token, an account and a number: nothing that a caller claims is believed.

Each step that fails raises Stopped: which step it was, what is wrong, and what to do about it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from pydantic import ValidationError

from workers.errors import ProviderError, Refused
from workers.meta.described import ACCOUNT_FIELDS, NUMBER_FIELDS, Account, Debugged, Number, Token
from workers.meta.graph import Graph, GraphError
from workers.settings import Settings

log = structlog.stdlib.get_logger(__name__)

# The second of each is asked for when Meta refuses the first: some accounts lack the newer fields.
_NUMBER_DETAILS = (f"{NUMBER_FIELDS},whatsapp_business_manager_messaging_limit", NUMBER_FIELDS)
_ACCOUNT_DETAILS = (
    f"{ACCOUNT_FIELDS},account_review_status,owner_business_info",
    ACCOUNT_FIELDS,
)


class Stopped(Refused):
    """A step of connecting could not be taken."""

    def __init__(
        self,
        status: int,
        problem: str,
        remedy: str,
        code: str,
        *,
        step: str,
        is_final: bool = False,
        choices: list[dict[str, str | None]] | None = None,
    ) -> None:
        super().__init__(status, f"{problem} {remedy}", code)
        self.step, self.problem, self.remedy = step, problem, remedy
        self.is_final, self.choices = is_final, choices

    def as_problem(self) -> dict[str, object]:
        """Give what `worker.stop_signup` takes."""
        return {
            "step": self.step,
            "code": self.detail,
            "problem": self.problem,
            "remedy": self.remedy,
            "choices": self.choices,
            "is_final": self.is_final,
        }


def prove_token(graph: Graph, settings: Settings, waba_id: str | None, token: str) -> tuple[str, Token]:
    """Give the account that the token is proven for: the one named, else the only one it was given for."""
    app_id = own_app_id(settings)
    app_token = f"{app_id}|{settings.secret('meta_app_secret')}"
    with step("token", "checking the access token"):
        proven = Debugged.model_validate(graph.get("debug_token", app_token, input_token=token)).data
    if not proven.is_valid:
        raise Stopped(
            422, "Meta says that the access token is not valid.", "Make a new one, or begin again.",
            "token_invalid", step="token", is_final=True,
        )  # fmt: skip
    if proven.app_id != app_id:
        raise Stopped(
            422, "The access token is for another Meta app.", "Make one for the app META_APP_ID.",
            "token_of_other_app", step="token", is_final=True,
        )  # fmt: skip
    if waba_id is None:
        waba_id = _only_account(proven)
    if scope := proven.lacks(waba_id):
        raise Stopped(
            422, f"The access token does not prove {scope} for this WhatsApp Business account.",
            "Give the account and both WhatsApp permissions, then begin again.",
            "token_lacks_account", step="token", is_final=True,
        )  # fmt: skip
    return waba_id, proven


def _only_account(proven: Token) -> str:
    shared = proven.accounts
    if len(shared) == 1:
        return shared[0]
    if not shared:
        raise Stopped(
            422, "The access token was given for no WhatsApp Business account with both permissions.",
            "Begin again, and share the account in Meta's window.",
            "token_lacks_account", step="token", is_final=True,
        )  # fmt: skip
    raise Stopped(
        409, "Several WhatsApp Business accounts were shared.", "Choose one of them.",
        "choose_account", step="token", choices=[{"waba_id": one} for one in shared],
    )  # fmt: skip


def list_numbers(graph: Graph, waba_id: str, token: str) -> dict[str, dict[str, object]]:
    """Give the account's own list of its numbers, as Meta gave each, by id."""
    with step("numbers", "reading the account's numbers"):
        items = graph.pages(f"{waba_id}/phone_numbers", token, fields=NUMBER_FIELDS, limit="100")
        return {Number.model_validate(item).id: item for item in items}


def choose_number(listed: dict[str, dict[str, object]], wanted: str | None) -> str | None:
    """Give the number to connect: the one named, else the only one; None when the account has none."""
    choices = [Number.model_validate(item).as_choice() for item in listed.values()]
    if wanted is not None and wanted not in listed:
        raise Stopped(
            422, "The number is not one of this account.",
            "Look up both ids in WhatsApp Manager, or choose a number.",
            "number_not_in_account", step="numbers", choices=choices or None,
        )  # fmt: skip
    if wanted is not None or not listed:
        return wanted
    if len(listed) > 1:
        raise Stopped(
            409, "The account has several numbers.", "Choose the one to connect.",
            "choose_number", step="numbers", choices=choices,
        )  # fmt: skip
    return next(iter(listed))


def read_number(graph: Graph, listed: dict[str, object], token: str) -> Number:
    """Give what Meta says of a number; where it refuses to say more, what the account's list says."""
    with step("number", "reading the number"):
        said = _described(graph, str(listed["id"]), token, _NUMBER_DETAILS)
        return Number.model_validate(listed | said)


def read_account(graph: Graph, waba_id: str, token: str) -> Account:
    """Give what Meta says of an account; nothing when it refuses: a number sends without it."""
    with step("account", "reading the WhatsApp Business account"):
        return Account.model_validate(_described(graph, waba_id, token, _ACCOUNT_DETAILS))


def _described(graph: Graph, object_id: str, token: str, fields: tuple[str, ...]) -> dict[str, object]:
    for asked in fields:
        try:
            return graph.get(object_id, token, fields=asked)
        except GraphError as error:
            log.warning("Meta does not describe all of it", fields=asked, code=error.code)
    return {}


def own_app_id(settings: Settings) -> str:
    """Give the id of our Meta app; SettingsError when it is missing."""
    settings.require("meta_app_id")
    return str(settings.meta_app_id)


@contextmanager
def step(name: str, what: str) -> Iterator[None]:
    """Turn what fails at Meta into a refusal that names the step."""
    try:
        yield
    except GraphError as error:
        said = error.details or error.title or "no reason given"
        raise Stopped(
            422, f"Meta refused {what}: {said} (code {error.code}).",
            "Put that right at Meta, then try again.",
            f"connect_{name}", step=name,
        ) from error  # fmt: skip
    except ValidationError as error:
        raise Stopped(
            502, f"Meta's answer to {what} cannot be read.", "Try again later.", f"connect_{name}", step=name
        ) from error
    except ProviderError as error:
        raise Stopped(
            502, f"Meta could not be reached for {what}.", "Try again later.", f"connect_{name}", step=name
        ) from error
