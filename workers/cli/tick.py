"""`flow tick`: on a host without pg_cron, has the workers do what is due."""

import time
from typing import Any

import click
import httpx

from workers.cli.context import settings_for_commands
from workers.cli.output import Refusal, Result, progress, reports
from workers.clients import outbound_client
from workers.errors import FlowError
from workers.jobs import JOBS
from workers.settings import Settings

PATIENCE = httpx.Timeout(120, connect=10)


@click.command()
@click.option(
    "--every", type=click.IntRange(1, 3600), metavar="SECONDS", help="Go on until Ctrl-C or SIGTERM."
)
@click.option(
    "--jobs", "with_jobs", is_flag=True, help="Call every job, too: the database cannot reach the workers."
)
@reports()
def tick(every: int | None, *, with_jobs: bool) -> Result:
    """Have the workers run the chores that are due (POST /jobs/sweep).

    Only for databases without pg_cron: once a minute by cron, or with --every 2 as a service. Where pg_net is
    missing as well, the jobs that nobody wakes are called too; --jobs does so where it is there in vain.
    """
    known = settings_for_commands(needs=("flow_public_url", "flow_job_secret"))
    with outbound_client(known) as http:
        while True:
            try:
                done = _once(known, http, with_jobs=with_jobs)
            except Refusal as refusal:
                if every is None:
                    raise
                progress(f"flow: {refusal.message}")  # a service goes on: the workers may be starting again
            else:
                if every is None:
                    return done
            time.sleep(every)


def _once(known: Settings, http: httpx.Client, *, with_jobs: bool = False) -> dict[str, object]:
    """Call the sweep and what it names; give what ran and what failed."""
    swept = _post(known, http, "sweep")
    failed = dict(swept.get("failed") or {})
    jobs = sorted(JOBS.keys() - {"sweep"}) if with_jobs else [str(name) for name in swept.get("jobs") or []]
    for name in jobs:
        try:
            _post(known, http, name)
        except Refusal as refusal:  # the others are called all the same
            failed[name] = refusal.message
    return {"ran": swept.get("ran") or [], "jobs": jobs, "failed": failed}


def _post(known: Settings, http: httpx.Client, name: str) -> dict[str, Any]:
    url, secret = f"{known.flow_public_url}/jobs/{name}", known.secret("flow_job_secret")
    try:
        answer = http.post(url, headers={"Authorization": f"Bearer {secret}"}, timeout=PATIENCE)
    except (httpx.HTTPError, FlowError) as error:
        raise Refusal(f"{url} does not answer ({type(error).__name__}).", "workers_unreachable") from error
    if not answer.is_success:
        raise Refusal(f"{url} answers HTTP {answer.status_code}.", "workers_refused")
    told: dict[str, Any] = answer.json()
    return told


def register(flow: click.Group) -> None:
    """Add the commands of this module."""
    flow.add_command(tick)
