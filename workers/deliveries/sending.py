"""Posts to addresses that organizations chose, as if each were hostile: public ones only, and bounded.

A name is looked up once, every address it leads to must be public, and the connection goes to the one that
was looked at: a name that answers otherwise a moment later changes nothing. `workers.clients` stays closed.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from workers.clients import USER_AGENT
from workers.deadline import cut_after
from workers.logs import scrub_text
from workers.retry_after import retry_after
from workers.settings import Settings, is_loopback
from workers.storable import clean_string

CONNECT_SECONDS, TOTAL_SECONDS = 5.0, 15.0
_KEPT = 500
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_OWN_PORT, _LEAST_PORT = 443, 1024


class NotAllowedError(httpx.TransportError):
    """The address is none that may be called."""


class NoNameError(httpx.TransportError):
    """The name leads nowhere."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a post: the answer's status, beginning and seconds it asks to wait; or why none came."""

    status: int | None
    response: str | None
    problem: str | None
    duration_ms: int
    retry_after: int | None = None


def is_public(address: str) -> bool:
    """Tell whether an IP address is of the public internet, whatever it is wrapped in."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        if ip.teredo is not None:
            return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


class PublicOnly(httpx.BaseTransport):
    """Connects to public addresses by TLS, pinned as they were looked up; to loopback only where told so."""

    def __init__(self, inner: httpx.BaseTransport, *, allow_loopback: bool) -> None:
        self._inner = inner
        self._allow_loopback = allow_loopback

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Look the name up, check, and send to the address that was checked."""
        url = request.url
        if self._allow_loopback and is_loopback(url.host):
            return self._inner.handle_request(request)
        port = url.port or _OWN_PORT
        if url.scheme != "https" or url.userinfo or (port != _OWN_PORT and port < _LEAST_PORT):
            raise NotAllowedError("not https, or a port that is not called")
        # The name stays in the Host header, in TLS and in the certificate that it must show.
        request.extensions = {**request.extensions, "sni_hostname": url.raw_host.decode("ascii")}
        request.url = url.copy_with(host=_public_address(url.host, port))
        return self._inner.handle_request(request)

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()


def _public_address(host: str, port: int) -> str:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise NoNameError("the name leads nowhere") from None
    addresses = [str(address[0]) for *_, address in found]
    if not addresses or not all(map(is_public, addresses)):
        raise NotAllowedError("the name leads to an address that is not public")
    return addresses[0]


def client(settings: Settings) -> httpx.Client:
    """Give the client for deliveries: no redirects, no cookies, no proxy, no connection kept for the next."""
    return httpx.Client(
        headers={"User-Agent": USER_AGENT},
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        timeout=httpx.Timeout(TOTAL_SECONDS, connect=CONNECT_SECONDS),
        # None is kept: two names may share an address, and the certificate was shown for one of them.
        transport=PublicOnly(
            httpx.HTTPTransport(http1=True, http2=False, limits=httpx.Limits(max_keepalive_connections=0)),
            allow_loopback=is_loopback(settings.flow_public_url or ""),
        ),
        follow_redirects=False,
        trust_env=False,
    )


def post(http: httpx.Client, url: str, headers: dict[str, str], body: str) -> Outcome:
    """Post one event. Whatever happens is an outcome; nothing is raised, nothing of the address is logged."""
    began = time.monotonic()

    def outcome(
        status: int | None, response: str | None, problem: str | None, wait: int | None = None
    ) -> Outcome:
        return Outcome(status, response, problem, round((time.monotonic() - began) * 1000), wait)

    sent = {**headers, "Content-Type": "application/json", "Accept-Encoding": "identity"}
    try:
        with cut_after(TOTAL_SECONDS) as cut:
            extensions = {"trace": cut.watch}
            with http.stream(
                "POST", url, headers=sent, content=body.encode(), extensions=extensions
            ) as answer:
                return outcome(answer.status_code, _beginning(answer), None, retry_after(answer))
    except NotAllowedError:
        return outcome(None, None, "address_not_allowed")
    except NoNameError:
        return outcome(None, None, "name_unknown")
    except httpx.TimeoutException:
        return outcome(None, None, "timeout")
    except httpx.ConnectError as error:
        return outcome(None, None, "tls_failed" if "SSL" in str(error).upper() else "no_connection")
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, ValueError):
        return outcome(None, None, "answer_broken")


def _beginning(answer: httpx.Response) -> str:
    kept = b""
    try:
        for chunk in answer.iter_raw():
            kept += chunk
            if len(kept) >= _KEPT:
                break
    except (httpx.HTTPError, httpx.StreamError):
        pass  # what it says beyond its status is of no weight
    return scrub_text(clean_string(kept[:_KEPT].decode("utf-8", "replace")))[:_KEPT]
