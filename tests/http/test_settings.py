"""A wrong setting is told in one sentence that names it; a right one is never printed."""

import base64
import json

import pytest

from tests.http.recording import ENVIRONMENT
from workers.settings import Settings, SettingsError, is_loopback


def problems(*without: str, needs: tuple[str, ...] | None = None, **changes: str) -> list[str]:
    env = {name: value for name, value in (ENVIRONMENT | changes).items() if name not in without}
    with pytest.raises(SettingsError) as caught:
        Settings.load(env, needs=needs)
    return caught.value.problems


def token(role: str) -> str:
    payload = base64.urlsafe_b64encode(json.dumps({"role": role}).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJIUzI1NiJ9.{payload}.c2ln"


WRONG = [
    pytest.param("SUPABASE_URL", "http://db.example.com", "plain http", id="plain http"),
    pytest.param("SUPABASE_URL", "db.example.com", "not a web address", id="no scheme"),
    pytest.param("SUPABASE_URL", "https://my host", "not a web address", id="a space in the host"),
    pytest.param("SUPABASE_URL", "https://[::1", "not an address", id="unclosed bracket"),
    pytest.param(
        "META_GRAPH_URL", "https://u:canary-9@graph.example", "bare address", id="password in a URL"
    ),
    pytest.param("INDIAMART_URL", "https://x.example/?a=canary-9", "bare address", id="query in a URL"),
    pytest.param("FLOW_PUBLIC_URL", "http://flow.example", "plain http", id="plain public address"),
    pytest.param("FLOW_WORKERS", "meta,canary-9", "must be «all»", id="unknown worker"),
    pytest.param("FLOW_TRUSTED_PROXIES", "canary-9", "whole number", id="not a number"),
    pytest.param("FLOW_TRUSTED_PROXIES", "-1", "too small", id="below zero"),
    pytest.param("META_GRAPH_VERSION", "26", "v26.0", id="version without v"),
    pytest.param("META_APP_ID", "canary-9", "digits", id="app id with letters"),
    pytest.param("LOG_LEVEL", "canary-9", "must be one of", id="unknown level"),
    pytest.param(
        "SUPABASE_PUBLISHABLE_KEY", "sb_secret_canary-9", "secret key", id="secret key for browsers"
    ),
    pytest.param(
        "SUPABASE_PUBLISHABLE_KEY", token("service_role"), "secret key", id="old secret key for browsers"
    ),
    pytest.param(
        "SUPABASE_SECRET_KEY", "sb_publishable_canary-9", "publishable key", id="publishable for secret"
    ),
    pytest.param("SUPABASE_SECRET_KEY", token("anon"), "publishable key", id="old publishable for secret"),
    pytest.param("FLOW_JOB_SECRET", "canary-9 with space", "space", id="space in a bearer secret"),
    pytest.param(
        "FLOW_DATABASE_URL", "postgresql://u:canary-9@db.example/x", "TLS", id="database without TLS"
    ),
    pytest.param("FLOW_DATABASE_URL", "mysql://127.0.0.1/x", "not a database address", id="another database"),
    pytest.param("INDIAMART_MIN_INTERVAL_SECONDS", "299", "below 300", id="too often for IndiaMART"),
]


@pytest.mark.parametrize(("name", "value", "said"), WRONG)
def test_wrong_setting_is_named_and_explained_without_its_value(name, value, said):
    sentences = problems(**{name: value})

    assert len(sentences) == 1
    assert sentences[0].startswith(f"{name} ")
    assert sentences[0].endswith(".")
    assert said in sentences[0]
    assert "canary-9" not in sentences[0]


@pytest.mark.parametrize(
    "name", ["SUPABASE_URL", "SUPABASE_SECRET_KEY", "META_APP_SECRET", "META_VERIFY_TOKEN"]
)
@pytest.mark.parametrize("blank", [None, "", "  "], ids=["absent", "empty", "blank"])
def test_missing_setting_is_named_with_what_to_do(name, blank):
    sentences = problems(*() if blank is not None else (name,), **{} if blank is None else {name: blank})

    assert [sentence.split(":")[0] for sentence in sentences] == [f"{name} is missing"]


def test_every_missing_setting_is_told_at_once():
    assert len(problems("SUPABASE_URL", "META_APP_SECRET", "FLOW_JOB_SECRET")) == 3


def test_only_what_the_enabled_workers_need_is_required():
    env = {name: ENVIRONMENT[name] for name in ("SUPABASE_URL", "SUPABASE_SECRET_KEY", "FLOW_JOB_SECRET")}

    settings = Settings.load(env | {"FLOW_WORKERS": "jobs"})

    assert settings.flow_workers == {"jobs"}


def test_a_command_asks_for_what_it_needs():
    assert problems("META_APP_ID", needs=("supabase_url", "meta_app_id"))[0].startswith(
        "META_APP_ID is missing"
    )


def test_short_job_secret_is_refused_in_public_only():
    assert "too short" in problems(FLOW_JOB_SECRET="short", FLOW_PUBLIC_URL="https://flow.example")[0]
    assert Settings.load(ENVIRONMENT | {"FLOW_JOB_SECRET": "short"})


def test_short_indiamart_interval_is_taken_against_this_machine():
    env = ENVIRONMENT | {"INDIAMART_MIN_INTERVAL_SECONDS": "2", "INDIAMART_URL": "http://127.0.0.1:99/"}

    assert Settings.load(env).indiamart_min_interval_seconds == 2


def test_settings_never_show_their_secrets():
    shown = repr(Settings.load(ENVIRONMENT))

    assert all(ENVIRONMENT[name] not in shown for name in ENVIRONMENT if "SECRET" in name or "TOKEN" in name)


def test_environment_wins_over_the_env_file(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text(
        "SUPABASE_URL=https://file.example\nSUPABASE_SECRET_KEY='sb_secret_file'\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SUPABASE_URL", "https://environment.example/")
    monkeypatch.delenv("SUPABASE_SECRET_KEY", raising=False)

    settings = Settings.load(needs=("supabase_url", "supabase_secret_key"))

    assert settings.supabase_url == "https://environment.example"
    assert settings.secret("supabase_secret_key") == "sb_secret_file"


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:1", "http://localhost", "http://[::1]:1", "::1", "127.8.8.8"]
)
def test_this_machine_is_loopback(address):
    assert is_loopback(address)


@pytest.mark.parametrize(
    "address",
    [
        "http://10.0.0.1",
        "https://127.0.0.1.example.com",
        "http://localhost.example",
        "",
        "::",
        "0.0.0.0",
        "1:2",
        "[x",
    ],
)
def test_other_machines_are_not_loopback(address):
    assert not is_loopback(address)
