"""Who calls the Graph API, and which objects their token may see."""

import time

from flask import request

from workers.sandbox.app import the_sandbox
from workers.sandbox.graph_errors import GraphError, bad_token, invisible
from workers.sandbox.models import Account, Number, Token


def given_token() -> str:
    """Gives the access token of the request: from the header, as Flow sends it, or as a parameter."""
    header = request.headers.get("Authorization", "")
    token = header[7:].strip() if header[:7].lower() == "bearer " else request.values.get("access_token", "")
    if not token:
        raise GraphError(104, message="An access token is required to request this resource.", status=401)
    return token


def is_app_token(token: str) -> bool:
    """Says whether this is the app's own token, `id|secret`."""
    config = the_sandbox().config
    return token == f"{config.app_id}|{config.app_secret}"


def caller() -> Token:
    """Gives the known and valid token of the request."""
    token = the_sandbox().meta.tokens.get(given_token())
    if token is None:
        raise bad_token()
    if not token.is_live(time.time()):
        raise GraphError(
            190,
            message="Error validating access token: The user has not authorized application "
            f"{the_sandbox().config.app_id}.",
            subcode=458,
            status=401,
        )
    return token


def account(waba_id: str, verb: str) -> Account:
    """Gives an account that the caller's token may use."""
    found = the_sandbox().meta.accounts.get(waba_id)
    if waba_id not in caller().waba_ids or found is None:
        raise invisible(verb, waba_id)
    return found


def number(phone_number_id: str, verb: str) -> Number:
    """Gives a number that the caller's token may use."""
    token = caller()
    found = the_sandbox().meta.numbers.get(phone_number_id)
    if found is None or found.waba_id not in token.waba_ids:
        raise invisible(verb, phone_number_id)
    return found
