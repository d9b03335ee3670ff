"""What every request may use: the settings, the database and the client for calls out, one of each."""

from __future__ import annotations

import os
import threading
from typing import cast

import httpx
from flask import Flask, current_app

from workers.clients import outbound_client
from workers.database import Database
from workers.settings import Settings
from workers.telemetry.writer import Telemetry

_NAME = "flow"


class Runtime:
    """Holds what `create_app` was given, or makes it when it is first needed (so after a fork)."""

    def __init__(self, settings: Settings, database: Database | None, http: httpx.Client | None) -> None:
        self.settings = settings
        self.telemetry = Telemetry(settings, database)
        self._database = database
        self._given_http = http
        self._http: httpx.Client | None = None
        self._process = 0
        self._lock = threading.Lock()

    @property
    def database(self) -> Database:
        """The functions of the database."""
        if self._database is None:
            with self._lock:
                self._database = self._database or Database(self.settings)
        return self._database

    @property
    def http(self) -> httpx.Client:
        """The client for calls out of Flow."""
        if self._given_http is not None:
            return self._given_http
        if self._http is None or self._process != os.getpid():
            with self._lock:
                if self._http is None or self._process != os.getpid():
                    self._http, self._process = outbound_client(self.settings, self.telemetry), os.getpid()
        return self._http

    def install(self, app: Flask) -> None:
        """Make this the runtime of an app."""
        app.extensions[_NAME] = self


def current() -> Runtime:
    """Give the runtime of the app that answers the current request."""
    return cast(Runtime, current_app.extensions[_NAME])
