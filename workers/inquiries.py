"""Secret links of inquiries from outside; and the job `support`, which mails that there is an answer.

A mail says that something is there, and where; never what. The link's word is made from the inquiry's id and
the deployment's secret, so that it can be written again while the database holds its hash alone.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import httpx
import structlog
from pydantic import BaseModel

from workers import mail
from workers.database import Database
from workers.errors import ProviderError, Refused
from workers.settings import Settings

log = structlog.stdlib.get_logger(__name__)

BATCH = 10


class Mail(BaseModel, extra="ignore"):
    """A mail that is due, as `worker.claim_support_mails` gives it."""

    message_id: int
    ticket_id: str
    reference: str
    is_public: bool
    is_confirmation: bool
    to: str | None = None
    token_sha256: str | None = None


def token_of(settings: Settings, ticket_id: str) -> str:
    """Give the word of an inquiry's secret link."""
    secret = settings.secret("flow_job_secret").encode()
    return hmac.digest(secret, f"inquiry {ticket_id}".encode(), "sha256").hex()


def hash_of(token: str) -> str:
    """Give what the database knows of a link's word."""
    return hashlib.sha256(token.encode()).hexdigest()


def can_confirm(settings: Settings) -> bool:
    """Tell whether a link can be mailed, so that an address can be proved."""
    return mail.can_send(settings) and settings.flow_public_url is not None


def run(database: Database, _http: httpx.Client, settings: Settings) -> dict[str, Any]:
    """Send what is due; give {sent, failed, more}. What a server does not take is tried again, ever later."""
    mails = [Mail(**each) for each in database.rpc("claim_support_mails", batch=BATCH)["mails"]]
    sent = failed = 0
    for each in mails:
        if each.to and can_confirm(settings):
            try:
                subject, text = _written(settings, each)
                mail.send(settings, each.to, subject, text, once=f"support {each.message_id}")
                sent += 1
            except ProviderError as error:
                log.warning("support mail waits", message_id=each.message_id, detail=error.detail)
                failed += 1
                continue
            except Refused as error:  # no address that mail could go to
                log.warning("support mail given up", message_id=each.message_id, detail=error.detail)
        database.rpc("finish_support_mail", message_id=each.message_id)
    return {"sent": sent, "failed": failed, "more": len(mails) == BATCH}


_CONFIRM = (
    "Confirm your inquiry {reference} to Flow",
    (
        "We got an inquiry with this address. Please confirm it; we look at it only then:\n{link}\n\n"
        "The same link shows our answer. Keep it: who has it can read along.\n"
        "If you wrote nothing to us, do nothing: in 30 days it is deleted."
    ),
    (
        "हमें इस पते से एक पूछताछ मिली है। कृपया ऊपर के लिंक से पुष्टि करें; हम उसके बाद ही उसे देखेंगे।\n"
        "हमारा जवाब भी इसी लिंक पर दिखेगा। इसे संभालकर रखें: जिसके पास लिंक है, वह पढ़ सकता है।\n"
        "अगर आपने हमें कुछ नहीं लिखा, तो कुछ न करें: 30 दिन में यह मिटा दी जाएगी।"
    ),
)
_ANSWER = (
    "Flow has answered: {reference}",
    "Flow's support has written to you about {reference}. Read and answer it here:\n{link}",
    "Flow के सपोर्ट ने {reference} के बारे में आपको लिखा है। ऊपर के लिंक पर पढ़ें और जवाब दें।",
)


def _written(settings: Settings, each: Mail) -> tuple[str, str]:
    """Give subject and text, in both languages."""
    subject, english, hindi = _CONFIRM if each.is_confirmation else _ANSWER
    link = f"{settings.flow_public_url}/help/{each.ticket_id}"
    if each.is_public:
        token = token_of(settings, each.ticket_id)
        is_known = hash_of(token) == each.token_sha256  # not after FLOW_JOB_SECRET changed
        link = f"{settings.flow_public_url}/contact/{token}" if is_known else "(the link of our first mail)"
    told = {"reference": each.reference, "link": link}
    return subject.format(**told), f"{english}\n\n{hindi}\n".format(**told)
