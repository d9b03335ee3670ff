"""The HTTP client for calls out of Flow: to Meta, IndiaMART, Google, the payment suppliers and the receiver
of alarms, and to nobody else."""

from __future__ import annotations

from collections.abc import Callable, Collection
from http.cookiejar import CookieJar, DefaultCookiePolicy
from urllib.parse import urlsplit

import httpx

from workers.errors import FlowError
from workers.settings import WEB_ADDRESSES, Settings, is_loopback
from workers.telemetry.calls import NotingTransport
from workers.telemetry.writer import Telemetry

USER_AGENT = "Flow/1 (workers)"


def outbound_client(settings: Settings, telemetry: Telemetry | None = None) -> httpx.Client:
    """Give a client with room for every concurrent send, that follows no redirects and speaks TLS only.

    It calls the hosts that the settings name, and no other (FlowError foreign_host), nor another machine
    without TLS (FlowError plain_http). Calls to providers are noted in `telemetry`.
    """
    connections = settings.flow_send_concurrency + 10
    transport: httpx.BaseTransport = httpx.HTTPTransport(
        http1=True,
        http2=False,
        limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
    )
    return httpx.Client(
        headers={"User-Agent": USER_AGENT},
        # No cookie is kept: one organization's must never go out with another's call.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        timeout=httpx.Timeout(20, connect=5),
        transport=NotingTransport(transport, telemetry) if telemetry else transport,
        follow_redirects=False,
        trust_env=False,
        event_hooks={"request": [_refuse_plain_http, _only(named_hosts(settings))]},
    )


def named_hosts(settings: Settings) -> frozenset[str]:
    """Give the hosts that the settings name: all that Flow's workers ever speak to."""
    used = [name for name in WEB_ADDRESSES if name != "stripe_url" or settings.stripe_secret_key]
    addresses = [getattr(settings, name) for name in used]
    if settings.flow_alarm_webhook_url:
        addresses.append(settings.secret("flow_alarm_webhook_url"))
    pushes = settings.flow_push_hosts if settings.flow_vapid_private_key else ()
    return frozenset({urlsplit(address).hostname or "" for address in addresses if address}.union(pushes))


def is_among(host: str, hosts: Collection[str]) -> bool:
    """Tell whether a host is one of these; `*.example.com` are all below example.com."""
    below = (name[1:] for name in hosts if name.startswith("*."))
    return host in hosts or any(host.endswith(ending) for ending in below)


def _refuse_plain_http(request: httpx.Request) -> None:
    if request.url.scheme != "https" and not is_loopback(request.url.host):
        raise FlowError("Refused to call another machine without TLS.", detail="plain_http")


def _only(hosts: Collection[str]) -> Callable[[httpx.Request], None]:
    def refuse(request: httpx.Request) -> None:
        # This machine is nobody else; an IndiaMART that is played here has an address of its own.
        if not is_among(request.url.host, hosts) and not is_loopback(request.url.host):
            raise FlowError("Refused to call a host that no setting names.", detail="foreign_host")

    return refuse
