"""What hosts read: the container file, systemd's units, Vercel's entry, the Supabase CLI's configuration."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.http.recording import ENVIRONMENT
from workers import gunicorn
from workers.meta import webhook
from workers.settings import Settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "docs" / "deploy"
UNITS = sorted(DEPLOY.glob("*.service"))
VERCEL_BODY = 4_500_000


def instructions() -> list[list[str]]:
    """The container file's instructions, continued lines joined."""
    text = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")
    return [line.split() for line in text.splitlines() if line and not line.startswith("#")]


def test_what_the_container_copies_is_there_and_not_kept_out() -> None:
    kept = {
        line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines() if line[:1] == "!"
    }
    copied = {
        source
        for word, *rest in instructions()
        if word == "COPY" and not rest[0].startswith("--from")
        for source in rest[:-1]
    }

    assert copied == kept
    assert all((ROOT / source).exists() for source in copied)


def test_the_container_does_not_run_as_root_and_holds_no_setting() -> None:
    words = instructions()

    assert [rest for word, *rest in words if word == "USER"][-1] != ["root"]
    assert {word for word, *_ in words} <= {
        "FROM", "COPY", "ENV", "WORKDIR", "RUN", "USER", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "CMD"
    }  # fmt: skip
    given = {pair.split("=")[0] for word, *rest in words if word in ("ENV", "ARG") for pair in rest}
    assert not given & {name.upper() for name in Settings.model_fields}


@pytest.mark.parametrize("unit", UNITS, ids=[unit.name for unit in UNITS])
def test_systemd_takes_the_unit_and_finds_it_closed(unit: Path, tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("there is no systemd-analyze on this machine")
    text = unit.read_text().replace("/opt/flow/bin/gunicorn", sys.executable)
    copy = tmp_path / unit.name
    copy.write_text(text.replace("/opt/flow/bin/flow", sys.executable))

    verified = subprocess.run([analyze, "verify", "--man=no", copy], capture_output=True, text=True)
    looked = subprocess.run(
        [analyze, "security", "--offline=yes", "--threshold=20", "--no-pager", copy],
        capture_output=True,
        text=True,
    )

    assert (verified.returncode, verified.stderr) == (0, "")
    assert looked.returncode == 0, looked.stdout[-400:]


def test_the_host_waits_longer_than_the_workers_take_to_stop() -> None:
    unit = (DEPLOY / "flow.service").read_text()
    seconds = int(re.findall(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)[0])

    assert seconds > gunicorn.graceful_timeout
    assert gunicorn.timeout > Settings.model_fields["flow_job_seconds"].default


def test_vercel_finds_an_application_that_answers() -> None:
    """As Vercel does: the file is loaded by its path, beside the repository, and `app` is called."""
    program = (
        "import importlib.util, sys; sys.path.insert(0, '.');"
        "spec = importlib.util.spec_from_file_location('entry', 'api/index.py');"
        "entry = importlib.util.module_from_spec(spec); spec.loader.exec_module(entry);"
        "print([entry.app.test_client().get(path).status_code for path in ('/healthz', '/nothing')])"
    )
    env = {k: v for k, v in os.environ.items() if not k.startswith(("FLOW_", "SUPABASE_"))}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=env | ENVIRONMENT, capture_output=True, text=True
    )

    assert done.stdout.splitlines()[-1:] == ["[200, 404]"], done.stderr


def test_vercel_limits_leave_room_for_webhooks_and_jobs() -> None:
    config = json.loads((ROOT / "vercel.json").read_text())
    ((entry, limits),) = config["functions"].items()

    assert (ROOT / entry).exists()
    assert config["rewrites"] == [{"source": "/(.*)", "destination": "/" + entry.removesuffix(".py")}]
    assert webhook.BODY_LIMIT < VERCEL_BODY
    # a job's last call outside may begin just before its time is up
    assert limits["maxDuration"] >= Settings.model_fields["flow_job_seconds"].default + 30
    kept_out = limits["excludeFiles"].removeprefix("{").removesuffix("}/**").split(",")
    assert importlib.util.find_spec("workers.wsgi")
    assert not {"workers", "api", "workers/dashboard", "workers/dashboard/static"} & set(kept_out)
    assert all((ROOT / name).exists() for name in kept_out if "*" not in name and name != ".github")


def test_the_supabase_cli_is_told_what_flow_relies_on() -> None:
    config = tomllib.loads((ROOT / "supabase" / "config.toml").read_text())

    assert set(config["api"]["schemas"]) == {"public", "worker"}
    assert config["db"]["major_version"] == 17
    assert (config["auth"]["email"]["enable_confirmations"], config["auth"]["enable_anonymous_sign_ins"]) == (
        True,
        False,
    )
    secrets = [config["auth"]["external"]["google"][name] for name in ("client_id", "secret")]
    assert all(re.fullmatch(r"env\([A-Z_]+\)", secret) for secret in secrets)
    assert all((ROOT / "supabase" / path).exists() for path in config["db"]["seed"]["sql_paths"])
    assert list((ROOT / "supabase").glob(config["db"]["migrations"]["schema_paths"][0]))
