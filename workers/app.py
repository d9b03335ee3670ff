"""Builds the WSGI app."""

from __future__ import annotations

import importlib

import httpx
from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from workers import health, public_pages, requests
from workers.database import Database
from workers.errors import LISTENERS, install_error_handlers
from workers.logs import configure_logs
from workers.runtime import Runtime
from workers.settings import Settings
from workers.telemetry import metrics, scrape, sentry

BODY_LIMIT = 1_048_576
"""Bytes of a request's body, where an address does not set its own limit."""

BLUEPRINTS: dict[str, tuple[str, ...]] = {
    "meta": ("workers.meta.webhook", "workers.meta.callbacks"),
    "indiamart": ("workers.indiamart.push",),
    "billing": ("workers.billing.webhook",),
    "jobs": ("workers.jobs",),
    "api": ("workers.api", "workers.forms", "workers.forms.contact", "workers.rights", "workers.developers"),
    "dashboard": ("workers.dashboard",),
}
"""The modules of each worker; each has its blueprint as `bp`."""


def build(settings: Settings | None, database: Database | None, http: httpx.Client | None) -> Flask:
    """Build the app of `workers.create_app`."""
    settings = settings or Settings.load()
    configure_logs(settings.log_level)
    app = Flask("workers", static_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=BODY_LIMIT, MAX_FORM_MEMORY_SIZE=BODY_LIMIT)
    runtime = Runtime(settings, database, http)
    runtime.install(app)
    requests.install(app)
    install_error_handlers(app)
    if settings.flow_metrics_token:
        metrics.enable()
    app.extensions[LISTENERS] = listeners = [runtime.telemetry.note_error]
    if settings.sentry_dsn:
        sentry.begin(settings.secret("sentry_dsn"), settings.release)
        listeners.append(sentry.tell)
    app.register_blueprint(health.bp)
    app.register_blueprint(scrape.bp)
    app.register_blueprint(public_pages.bp)
    for worker in sorted(settings.flow_workers):
        for module in BLUEPRINTS[worker]:
            app.register_blueprint(importlib.import_module(module).bp)
    if hops := settings.flow_trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops)  # type: ignore[method-assign]
    return app
