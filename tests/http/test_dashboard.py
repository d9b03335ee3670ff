"""What the dashboard's page and files are served with."""

from __future__ import annotations

import gzip
import posixpath
import re

import pytest

from workers.app import build
from workers.dashboard.assets import Assets
from workers.settings import Settings


@pytest.fixture
def client():
    """The dashboard alone; it needs no database."""
    settings = Settings(
        _env_file=None,
        supabase_url="https://project.supabase.co",
        supabase_publishable_key="sb_publishable_1",
        flow_public_url="https://flow.example.com",
        flow_workers="dashboard",
    )
    return build(settings, None, None).test_client()


def of_policy(reply, directive: str) -> str:
    policy = reply.headers["Content-Security-Policy"]
    return next(part.split(" ", 1)[1] for part in policy.split("; ") if part.split(" ")[0] == directive)


def modules(page: str) -> list[str]:
    return re.findall(r'(?:href|src)="(/static/[^"]+\.js)"', page)


@pytest.mark.parametrize("path", ["/", "/welcome", "/sign-in", "/welcome?new=1"])
def test_every_page_is_the_same_shell(client, path):
    reply = client.get(path)

    assert reply.status_code == 200
    assert b'<div id="app">' in reply.data


@pytest.mark.parametrize("path", ["/nowhere", "/api", "/static", "/webhooks", "/.env", "/jobs/dispatch/x"])
def test_what_is_no_page_is_not_found(client, path):
    assert client.get(path).status_code == 404


def test_no_script_or_style_stands_in_the_page_and_none_may_come_from_elsewhere(client):
    reply = client.get("/")

    assert of_policy(reply, "script-src") == "'self'"
    assert of_policy(reply, "style-src") == "'self'"
    assert of_policy(reply, "default-src") == "'none'"
    assert of_policy(reply, "require-trusted-types-for") == "'script'"
    assert of_policy(reply, "connect-src") == "'self' https://project.supabase.co wss://project.supabase.co"
    assert re.findall(r"<script(?![^>]* src=)", reply.text) == []
    assert re.findall(r"<style| style=| on\w+=", reply.text) == []


def test_the_page_knows_the_publishable_key_and_no_other_secret(client):
    page = client.get("/").text

    assert 'data-publishable-key="sb_publishable_1"' in page
    assert "sb_secret" not in page


def test_files_are_kept_for_ever_under_their_version_and_unknown_under_another(client):
    (path, *_) = modules(client.get("/").text)

    reply = client.get(path, headers={"Accept-Encoding": "gzip"})

    assert "immutable" in reply.headers["Cache-Control"]
    assert reply.mimetype == "text/javascript"
    assert gzip.decompress(reply.data) == client.get(path, headers={"Accept-Encoding": "identity"}).data
    assert client.get(re.sub(r"/static/\w+/", "/static/0123456789abcdef/", path)).status_code == 404


@pytest.mark.parametrize("path", ["../assets.py", "%2e%2e/assets.py", "vendor/.made-of", "app.py", ""])
def test_nothing_but_the_dashboards_own_files_is_served(client, path):
    version = re.search(r'data-version="(\w+)"', client.get("/").text)[1]

    assert client.get(f"/static/{version}/{path}").status_code == 404


def test_a_changed_file_changes_the_version(tmp_path):
    (tmp_path / "a.js").write_text("one")
    assets = Assets(tmp_path)
    before = assets.now()
    (tmp_path / "a.js").write_text("two, longer")
    assets._looked = 0

    after = assets.now()

    assert before.version != after.version
    assert after.files["a.js"].content == b"two, longer"


def test_the_language_and_theme_that_were_chosen_come_with_the_page(client):
    client.set_cookie("lang", "hi")
    client.set_cookie("theme", "dark")
    assert '<html lang="hi" data-theme="dark"' in client.get("/").text

    client.set_cookie("lang", 'x" onload="')
    client.set_cookie("theme", "neon")
    assert '<html lang="en" data' in client.get("/").text


def test_a_browser_set_to_hindi_gets_hindi(client):
    assert '<html lang="hi"' in client.get("/", headers={"Accept-Language": "hi-IN,hi;q=0.9,en;q=0.8"}).text


def test_the_dashboard_is_installable(client):
    worker = client.get("/sw.js")
    assert (worker.status_code, worker.headers["Cache-Control"]) == (200, "no-cache")
    manifest = client.get("/manifest.webmanifest")

    assert manifest.json["display"] == "standalone"
    assert all(client.get(icon["src"]).status_code == 200 for icon in manifest.json["icons"])


def loaded_by(paths: list[str], files) -> set[str]:
    """The modules that these import, and they themselves."""
    found: set[str] = set()
    while paths:
        path = paths.pop()
        if path in found:
            continue
        found.add(path)
        source = files[path].content.decode()
        names = re.findall(r'^(?:import|export) [^"\n]*"(\.[^"]+)"', source, re.MULTILINE)
        paths += [posixpath.normpath(posixpath.join(posixpath.dirname(path), name)) for name in names]
    return found


def test_opening_the_inbox_loads_at_most_150_kb_of_javascript(client):
    files = Assets().now().files

    loaded = loaded_by(["app.js", "pages/inbox/page.js"], files)

    assert "vendor/vendor.js" in loaded
    assert len(loaded) > 40
    assert sum(len(files[path].packed("br") or files[path].content) for path in loaded) <= 150_000


def test_telemetry_is_no_part_of_the_start(client):
    files = Assets().now().files
    later = {"telemetry/start.js", "telemetry/views.js", "vendor/vitals.js"}

    assert later <= set(files)
    assert later & loaded_by(["app.js", "lib/trace.js", "pages/inbox/page.js"], files) == set()
    assert not [path for path in modules(client.get("/inbox").text) if path.split("/", 3)[3] in later]


@pytest.mark.parametrize(
    ("accepted", "encoding"), [("gzip, deflate, br", "br"), ("gzip", "gzip"), ("identity", None)]
)
def test_a_browser_gets_what_it_can_unpack(client, accepted, encoding):
    (path, *_) = modules(client.get("/").text)

    reply = client.get(path, headers={"Accept-Encoding": accepted})

    assert reply.headers.get("Content-Encoding") == encoding


def test_metas_script_runs_on_one_page_only_which_knows_no_key(client):
    page = client.get("/connect-whatsapp")

    assert of_policy(page, "script-src") == "'self' https://connect.facebook.net"
    assert of_policy(page, "frame-ancestors") == "'none'"
    assert "sb_publishable" not in page.text
    assert "facebook" not in client.get("/").headers["Content-Security-Policy"]


def test_without_its_packages_the_dashboard_says_what_to_do(client, monkeypatch, tmp_path):
    monkeypatch.setattr("workers.dashboard._assets", Assets(tmp_path))

    reply = client.get("/")

    assert reply.status_code == 503
    assert "make install" in reply.json["message"]


def test_every_page_of_the_browsers_router_is_answered_when_it_is_opened_by_its_address(client):
    known = re.findall(r'\{ path: "(/[^"]*)"', Assets().now().files["pages/pages.js"].content.decode())

    assert len(known) > 10
    for path in known:
        assert client.get(path.replace(":id", "x").replace(":section", "x")).status_code == 200, path
