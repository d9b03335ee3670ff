"""The `flow` command, for the people who run Flow.

Each module of this package adds its own commands with `register(flow)`, and is imported only when one of them
is wanted: `flow up` starts without loading what `flow org` needs.
"""

import importlib
import importlib.util
import sys

import click

from workers.cli.output import print_json

# command: the module that has it
COMMANDS = {
    "up": "stack",
    "down": "stack",
    "status": "stack",
    "demo": "demo",
    "doctor": "doctor",
    "migrate": "migrate",
    "install": "install",
    "backup": "backup",
    "restore": "backup",
    "tick": "tick",
    "org": "org",
    "whatsapp": "whatsapp",
    "template": "template",
    "greeting": "greeting",
    "lead": "lead",
    "apikey": "apikey",
    "import": "imports",
    "sheet": "sheet",
    "message": "message",
    "indiamart": "indiamart",
    "replay": "events",
    "rebuild": "events",
    "keys": "keys",
    "rates": "rates",
    "ledger": "ledger",
    "wallet": "wallet",
    "plans": "plans",
    "billing": "billing",
    "broadcast": "broadcast",
    "support": "support",
    "retention": "retention",
    "export": "export",
    "import-archive": "export",
    "account": "account",
    "alarms": "alarms",
    "trace": "trace",
    "push": "push",
}


class Commands(click.Group):
    """A group that imports a command's module when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        """Give the names in the order of COMMANDS."""
        return [name for name, module in COMMANDS.items() if importlib.util.find_spec(f"{__name__}.{module}")]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Give one command, importing its module first."""
        if name not in self.commands and name in self.list_commands(ctx):
            importlib.import_module(f"{__name__}.{COMMANDS[name]}").register(self)
        return super().get_command(ctx, name)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="nanocon-flow", prog_name="flow")
def flow() -> None:
    """Run Flow, and look after its organizations.

    Every command takes --json: one JSON object on standard output, everything else on standard error.
    Commands talk to the project that SUPABASE_URL names, else to the stack that `flow up` started here.
    """


def main() -> None:
    """Run one command; wrong use is exit status 2, also as JSON."""
    try:
        status = flow.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        if "--json" in sys.argv:
            print_json({"error": {"message": error.format_message(), "detail": "wrong_use"}})
        status = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped.", err=True)
        status = 1
    sys.exit(status if isinstance(status, int) else 0)
