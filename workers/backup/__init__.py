"""Backups of an installation: every row, the keys in Vault, accounts and files, in one encrypted file.

Data only: the schema comes from the release's own migrations, on both sides. Rows leave and arrive by COPY,
so no program of Postgres is needed, and a hosted project's owner, who is no superuser, can make and load one.
"""


class BackupError(Exception):
    """A backup that cannot be made or loaded: one sentence for people, one slug for code."""

    def __init__(self, message: str, detail: str) -> None:
        super().__init__(message)
        self.message, self.detail = message, detail
