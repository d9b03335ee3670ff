"""`flow org`: organizations and their owners."""

import secrets
from uuid import UUID

import click
from supabase_auth.errors import AuthApiError

from workers.cli.output import Refusal, Result, progress, reports
from workers.cli.project import read_secret, settings, supabase_client
from workers.database import Database
from workers.settings import Settings

EXISTS = ("email_exists", "user_already_exists")


@click.group()
def org() -> None:
    """Make organizations."""


@org.command()
@click.argument("name")
@click.option("--owner", "email", required=True, help="E-mail address of the person who will own it.")
@click.option("--password-stdin", is_flag=True, help="Read a password for a new person from standard input.")
@reports(lambda made: f"Organization {made['org_id']}, owned by {made['owner_id']}")
def create(name: str, email: str, *, password_stdin: bool) -> Result:
    """Make an organization, and its owner when nobody has that address yet.

    A person who exists keeps their password. A new person without one signs in with Google, or asks for a
    new password.
    """
    email = email.strip().lower()
    if "@" not in email.strip("@"):
        raise click.BadParameter(f"{email!r} is not an e-mail address.", param_hint="--owner")
    people = People(settings())
    owner_id = people.ensure(email, read_secret("a password") if password_stdin else None)
    return people.create_organization(name, owner_id)


class People:
    """The people of a project, found and made with its secret key."""

    def __init__(self, known: Settings) -> None:
        self._settings = known
        self._database = Database(known)

    def find(self, email: str) -> UUID | None:
        """Give the id of the person with this sign-in address, or None."""
        found = self._database.rpc("find_person", email=email)
        return UUID(str(found["user_id"])) if found else None

    def ensure(self, email: str, password: str | None, name: str | None = None) -> UUID:
        """Give the person with this address, made now if there is none; who exists keeps their password."""
        person = self.find(email)
        if person is not None:
            if password is not None:
                progress(f"{email} exists already and keeps the password they have.")
            return person
        auth = supabase_client(self._settings, self._settings.secret("supabase_secret_key")).auth
        try:
            made = auth.admin.create_user(
                {
                    "email": email,
                    "email_confirm": True,
                    "password": password or secrets.token_urlsafe(32),
                    "user_metadata": {"name": name} if name else {},
                }
            )
        except AuthApiError as error:
            person = self.find(email) if error.code in EXISTS else None  # somebody else made them just now
            if person is None:
                raise Refusal(
                    f"The person could not be made: {error.message}", error.code or "refused"
                ) from error
            return person
        return UUID(made.user.id)

    def create_organization(self, name: str, owner_id: UUID) -> dict[str, object]:
        """Make an organization for somebody; give {"org_id", "owner_id"}."""
        return self._database.rpc("create_organization", name=name, owner_id=str(owner_id))


def register(flow: click.Group) -> None:
    """Add the commands of this module."""
    flow.add_command(org)
