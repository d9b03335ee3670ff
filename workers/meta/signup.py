"""Embedded Signup: what the browser brings back becomes a token, which is sealed before anything else."""

from __future__ import annotations

from pydantic import BaseModel, SecretStr

from workers.database import Person
from workers.errors import ProviderError, Refused, Unavailable
from workers.meta import proof
from workers.meta.connect import Connected, Work, go_on, stops_are_noted
from workers.meta.graph import GraphError
from workers.meta.proof import Stopped
from workers.settings import Settings

_TRIES = 3
_BEGIN_AGAIN = "Begin again: a code is good once and for 30 seconds."


class Beginning(BaseModel):
    """What the browser needs to open Meta's window."""

    signup_id: str
    state: str
    expires_at: str
    app_id: str
    config_id: str
    graph_version: str


class Outcome(BaseModel):
    """How Meta's window ended, as the browser says."""

    state: str
    event: str
    code: SecretStr | None = None
    waba_id: str | None = None
    phone_number_id: str | None = None
    business_id: str | None = None
    said: str | None = None
    """What Meta said of a cancellation or an error."""

    @property
    def is_end(self) -> bool:
        """Whether the window ended without a connection."""
        return self.event in ("CANCEL", "ERROR")


def begin(person: Person, settings: Settings, org_id: str) -> Beginning:
    """Give a one-time state and what opens Meta's window. Raises Refused when Flow has no Meta app for it."""
    missing = [
        name for name in ("meta_app_id", "meta_app_secret", "meta_config_id") if not getattr(settings, name)
    ]
    if missing:
        names = ", ".join(name.upper() for name in missing)
        raise Refused(409, f"Embedded Signup is not set up: the operator gives {names}.", "signup_not_set_up")
    begun = person.rpc("begin_signup", org_id=org_id)
    return Beginning.model_validate(
        {
            **begun,
            "app_id": settings.meta_app_id,
            "config_id": settings.meta_config_id,
            "graph_version": settings.meta_graph_version,
        }
    )


def finish(work: Work, person: Person, outcome: Outcome) -> Connected:
    """Hand in how the window ended; exchange the code, keep the token, and connect what is proven."""
    if outcome.code is None and not outcome.is_end:
        raise Refused(422, f"Meta's window gave no code. {_BEGIN_AGAIN}", "code_missing")
    told = outcome.model_dump(exclude={"state", "code"}, exclude_none=True)
    used = person.rpc("use_signup", org_id=work.org_id, state=outcome.state, outcome=told)
    signup_id = str(used["signup_id"])
    if outcome.code is None or used["status"] != "running":
        problem = "signup_cancelled" if used["status"] == "cancelled" else "signup_error"
        return Connected(
            signup_id=signup_id, status=str(used["status"]), problem=problem, remedy="Begin again."
        )
    with stops_are_noted(work, signup_id, "exchange"):
        token = _exchange(work, outcome.code.get_secret_value())
        _keep(work, signup_id, token)
    return go_on(work, signup_id)


def _exchange(work: Work, code: str) -> str:
    """Give the token for the code, at once: it lives 30 seconds. A call that was lost is made once more."""
    app_id, secret = proof.own_app_id(work.settings), work.settings.secret("meta_app_secret")
    for is_last in (False, True):
        try:
            return work.graph.exchange_code(code, app_id, secret)
        except GraphError as error:
            said = error.details or error.title
            raise Stopped(
                422, f"Meta refused the code: {said} (code {error.code}).", _BEGIN_AGAIN,
                "code_refused", step="exchange", is_final=True,
            ) from error  # fmt: skip
        except ProviderError as error:
            if is_last:
                raise Stopped(
                    502, "Meta could not be reached to exchange the code.", _BEGIN_AGAIN,
                    "connect_exchange", step="exchange", is_final=True,
                ) from error  # fmt: skip
    raise AssertionError


def _keep(work: Work, signup_id: str, token: str) -> None:
    """Seal the token. There is no second one for this code, so a database that is busy is asked again."""
    for left in reversed(range(_TRIES)):
        try:
            work.database.rpc("keep_signup_token", org_id=work.org_id, signup_id=signup_id, token=token)
        except Unavailable:
            if not left:
                raise
        else:
            return
