"""Mail out of Flow, by the operator's own mail server (FLOW_SMTP_URL) and in its name (FLOW_MAIL_FROM)."""

from __future__ import annotations

import smtplib
import ssl
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from hashlib import sha256
from urllib.parse import unquote, urlsplit

from workers.errors import ProviderError, Refused
from workers.settings import Settings, is_loopback

SECONDS = 15
_LONGEST_SUBJECT = 200


def can_send(settings: Settings) -> bool:
    """Tell whether the settings name a mail server and a sender."""
    return bool(settings.flow_smtp_url and settings.flow_mail_from)


def send(
    settings: Settings,
    to: str,
    subject: str,
    text: str,
    reply_to: str | None = None,
    *,
    once: str | None = None,
) -> None:
    """Send one mail of plain text to one address.

    `once` names what is told: the same mail sent twice then has the same Message-ID, and is shown once.
    Raises SettingsError when no server is set, Refused (422 address_wrong) for what is no address, and
    ProviderError (mail_failed) when the server does not take it, or offers no TLS outside this machine.
    """
    settings.require("flow_smtp_url", "flow_mail_from")
    mail = EmailMessage()
    sender = _address(str(settings.flow_mail_from))
    mail["From"], mail["To"] = sender, _address(to)
    mail["Subject"] = " ".join(subject.split())[:_LONGEST_SUBJECT]
    if reply_to:
        mail["Reply-To"] = _address(reply_to)
    mail["Date"] = formatdate()
    named = f"<{sha256(f'{once} {to}'.encode()).hexdigest()[:32]}@{sender.domain}>"
    mail["Message-ID"] = named if once else make_msgid(domain=sender.domain)
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(text)
    try:
        _hand_over(settings.secret("flow_smtp_url"), mail)
    except (smtplib.SMTPException, OSError) as error:  # its words may name people: the kind is told alone
        code = getattr(error, "smtp_code", "")
        raise ProviderError(
            f"The mail server did not take the mail ({type(error).__name__} {code}".rstrip() + ").",
            detail="mail_failed",
        ) from None


def _address(text: str) -> Address:
    """Give one address; never two, nor a header that follows it."""
    try:
        return Address(addr_spec=text.strip())
    except (ValueError, IndexError, MessageError):
        raise Refused(422, "This is no e-mail address.", "address_wrong") from None


def _hand_over(url: str, mail: EmailMessage) -> None:
    parts = urlsplit(url)
    host, context = parts.hostname or "", ssl.create_default_context()
    if parts.scheme == "smtps":
        server: smtplib.SMTP = smtplib.SMTP_SSL(host, parts.port or 465, timeout=SECONDS, context=context)
    else:
        server = smtplib.SMTP(host, parts.port or 587, timeout=SECONDS)
    with server:
        if parts.scheme == "smtp" and not is_loopback(host):
            server.starttls(context=context)  # raises where the server has none
        if parts.username:
            server.login(unquote(parts.username), unquote(parts.password or ""))
        server.send_message(mail)
