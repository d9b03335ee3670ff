"""The dashboard: one page that is served for every address of it, and the modules that it consists of.

The browser talks to Supabase itself, with the publishable key and the person's own session; this blueprint
hands out files and knows nobody.
"""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, render_template, request, url_for

from workers.dashboard.assets import ALL_STYLES, BASIC_STYLES, ENCODINGS, Assets
from workers.errors import Unavailable
from workers.runtime import current
from workers.settings import Settings

bp = Blueprint("dashboard", __name__, template_folder="templates")

FACEBOOK = "https://*.facebook.com"
VENDOR = "vendor/vendor.js"
PAGES = frozenset(
    {
        "billing", "broadcasts", "greeting", "help", "inbox", "leads", "notifications", "operations",
        "reports", "sequences", "settings", "sign-in", "start", "support", "tasks", "templates", "trust",
        "usage", "welcome",
    }
)  # fmt: skip
"""The first part of each address that is a page; what the browser's router knows."""

LANGUAGES = ("en", "hi")
THEMES = ("light", "dark")
_FOREVER = "public, max-age=31536000, immutable"
_assets = Assets()


def content_security_policy(settings: Settings) -> str:
    """Say what the page may load and where it may connect to: itself, and the project's Supabase."""
    supabase = "{0.scheme}://{0.netloc}".format(urlsplit(str(settings.supabase_url)))
    live = re.sub(r"^http", "ws", supabase)
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            f"img-src 'self' data: blob: {supabase}",
            f"media-src 'self' blob: {supabase}",
            f"connect-src 'self' {supabase} {live}",
            "font-src 'self'",
            "manifest-src 'self'",
            "worker-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types flow-worker",
        )
    )


@bp.get("/")
@bp.get("/<page>")
@bp.get("/<page>/<path:_rest>")
def shell(page: str = "", _rest: str = "") -> Response:
    """Answer every address of the dashboard with the same page; 404 for what is none."""
    if page and page not in PAGES:
        abort(404)
    settings = current().settings
    assets = _assets.now()
    if VENDOR not in assets.files:
        raise Unavailable("The dashboard's packages are missing: run `make install`.", detail="not_bundled")
    response = Response(
        render_template(
            "shell.html",
            version=assets.version,
            styles=(ALL_STYLES,),
            modules=[path for path in assets.ending(".js") if _is_wanted_at_once(path, page)],
            supabase_url=str(settings.supabase_url).rstrip("/"),
            publishable_key=settings.secret("supabase_publishable_key"),
            language=_chosen("lang", LANGUAGES) or request.accept_languages.best_match(LANGUAGES) or "en",
            theme=_chosen("theme", THEMES) or "",
            has_realtime=settings.flow_realtime,
        )
    )
    response.headers["Content-Security-Policy"] = content_security_policy(settings)
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin-allow-popups"
    response.headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(self)"
    response.headers["Cache-Control"] = "no-cache, private"
    response.headers["Vary"] = "Cookie, Accept-Language"
    return response


def _is_wanted_at_once(module: str, page: str) -> bool:
    """Tell whether the browser may fetch a module before another has named it: what every page is built of,
    and the inbox's own, where people begin."""
    if page in ("", "inbox") and module.startswith("pages/inbox/"):
        return True
    return not module.startswith(("pages/", "connect/", "sw", "telemetry/", "vendor/vitals"))


def _chosen(cookie: Literal["lang", "theme"], allowed: tuple[str, ...]) -> str | None:
    value = request.cookies.get(cookie)
    return value if value in allowed else None


@bp.get("/connect-whatsapp")
def connect_whatsapp() -> Response:
    """Answer with the one page that runs a script of Meta's: apart from the others, with its own policy."""
    settings, assets = current().settings, _assets.now()
    meta = "{0.scheme}://{0.netloc}".format(urlsplit(settings.meta_sdk_url))
    response = Response(
        render_template(
            "connect_whatsapp.html",
            version=assets.version,
            styles=BASIC_STYLES,
            sdk=f"{meta}/en_US/sdk.js",
            app_id=settings.meta_app_id or "",
            config_id=settings.meta_config_id or "",
            graph_version=settings.meta_graph_version,
            language=_chosen("lang", LANGUAGES) or request.accept_languages.best_match(LANGUAGES) or "en",
            theme=_chosen("theme", THEMES) or "",
        )
    )
    response.headers["Content-Security-Policy"] = "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' {meta}",
            "style-src 'self' 'unsafe-inline'",  # Meta's script writes styles of its own
            f"img-src 'self' data: {FACEBOOK}",
            f"connect-src {meta} {FACEBOOK}",
            f"frame-src {FACEBOOK}",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )
    return response


@bp.get("/static/<version>/<path:path>")
def static(version: str, path: str) -> Response:
    """Give one file of the version that the page was made of; 404 for another, so that nothing mixes."""
    assets = _assets.now()
    asset = assets.files.get(path)
    if version != assets.version or asset is None:
        abort(404)
    taken = (name for name in ENCODINGS if request.accept_encodings[name] > 0)
    encoding, packed = next(((name, made) for name in taken if (made := asset.packed(name))), (None, None))
    response = Response(packed or asset.content, mimetype=asset.mime_type)
    if encoding:
        response.headers["Content-Encoding"] = encoding
    response.headers["Vary"] = "Accept-Encoding"
    response.headers["Cache-Control"] = _FOREVER
    return response


@bp.get("/sw.js")
def service_worker() -> Response:
    """Give the service worker, whose address keeps it in charge of the whole site; never cached."""
    asset = _assets.now().files["sw.js"]
    response = Response(asset.content, mimetype=asset.mime_type)
    response.headers["Cache-Control"] = "no-cache"
    response.headers["Content-Security-Policy"] = "default-src 'none'; connect-src 'self'"
    return response


@bp.get("/manifest.webmanifest")
def manifest() -> dict[str, object]:
    """Say how the dashboard is installed on a phone."""
    version = _assets.now().version
    return {
        "name": "Flow",
        "short_name": "Flow",
        "start_url": "/",
        "display": "standalone",
        "background_color": "#ffffff",
        "theme_color": "#0f7a5c",
        "icons": [
            {
                "src": url_for("dashboard.static", version=version, path="icon.svg"),
                "sizes": "any",
                "type": "image/svg+xml",
                "purpose": "any",
            }
        ],
    }
