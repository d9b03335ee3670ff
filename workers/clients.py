"""The HTTP client for calls out of Flow: to Meta, IndiaMART, Google, Razorpay."""

from __future__ import annotations

from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from workers.errors import FlowError
from workers.settings import Settings, is_loopback

USER_AGENT = "Flow/1 (workers)"


def outbound_client(settings: Settings) -> httpx.Client:
    """Give a client with room for every concurrent send, that follows no redirects and speaks TLS only."""
    connections = settings.flow_send_concurrency + 10
    return httpx.Client(
        headers={"User-Agent": USER_AGENT},
        # No cookie is kept: one organization's must never go out with another's call.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        timeout=httpx.Timeout(20, connect=5),
        transport=httpx.HTTPTransport(
            http1=True,
            http2=False,
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
        ),
        follow_redirects=False,
        trust_env=False,
        event_hooks={"request": [_refuse_plain_http]},
    )


def _refuse_plain_http(request: httpx.Request) -> None:
    if request.url.scheme != "https" and not is_loopback(request.url.host):
        raise FlowError("Refused to call another machine without TLS.", detail="plain_http")
