"""Storage buckets: written by the workers with the secret key, streamed both ways."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO
from urllib.parse import quote

import httpx

from workers.errors import ProviderError
from workers.settings import Settings

_CHUNK = 65_536
_TIMEOUT = httpx.Timeout(60, connect=5)
# A kept connection that Storage had just hung up on; writing the same object again does no harm.
_STALE = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)


class StorageRefused(ProviderError):  # noqa: N818 (read as a sentence)
    """Storage refused the file."""

    detail = "storage_refused"

    def __init__(self, message: str, *, is_too_large: bool = False, is_gone: bool = False) -> None:
        super().__init__(message)
        self.is_too_large, self.is_gone = is_too_large, is_gone


class Bucket:
    """The objects of one bucket."""

    def __init__(self, http: httpx.Client, settings: Settings, name: str) -> None:
        self._http, self._name = http, name
        self._root = f"{settings.supabase_url}/storage/v1"
        self._url = f"{self._root}/object"
        key = settings.secret("supabase_secret_key")
        self._headers = {"apikey": key, "Authorization": f"Bearer {key}"}

    def put(self, path: str, file: IO[bytes], mime_type: str) -> None:
        """Store a file under a name, over what may be there from an attempt before."""
        headers = {
            **self._headers,
            "Content-Type": mime_type,
            "Cache-Control": "private, max-age=86400",
            "x-upsert": "true",
        }
        for is_last in (False, True):
            file.seek(0)
            try:
                answer = self._http.post(self._at(path), content=file, headers=headers, timeout=_TIMEOUT)
            except httpx.HTTPError as error:
                if not is_last and isinstance(error, _STALE):
                    continue
                raise _unreachable() from error
            _check(answer)
            return

    def get(self, path: str, into: IO[bytes]) -> None:
        """Read an object into a file."""
        try:
            with self._http.stream("GET", self._at(path), headers=self._headers, timeout=_TIMEOUT) as answer:
                if not answer.is_success:
                    answer.read()
                    _check(answer)
                for chunk in answer.iter_bytes(_CHUNK):
                    into.write(chunk)
        except httpx.HTTPError as error:
            raise _unreachable() from error
        into.seek(0)

    def put_stream(self, path: str, chunks: Iterator[bytes], mime_type: str) -> None:
        """Store what is just being made under a name of its own; nobody can try that a second time."""
        headers = {**self._headers, "Content-Type": mime_type, "Cache-Control": "private, no-store"}
        try:
            answer = self._http.post(self._at(path), content=chunks, headers=headers, timeout=_TIMEOUT)
        except httpx.HTTPError as error:
            raise _unreachable() from error
        _check(answer)

    @contextmanager
    def stream(self, path: str) -> Iterator[Iterator[bytes]]:
        """Open an object for reading it once; StorageRefused with `is_gone` when it is not there."""
        try:
            with self._http.stream("GET", self._at(path), headers=self._headers, timeout=_TIMEOUT) as answer:
                if not answer.is_success:
                    answer.read()
                    _check(answer)
                yield answer.iter_bytes(_CHUNK)
        except httpx.HTTPError as error:
            raise _unreachable() from error

    def read(self, path: str, first: int, last: int) -> bytes:
        """Give the bytes of an object from one place to another, both included."""
        headers = {**self._headers, "Range": f"bytes={first}-{last}"}
        try:
            answer = self._http.get(self._at(path), headers=headers, timeout=_TIMEOUT)
        except httpx.HTTPError as error:
            raise _unreachable() from error
        _check(answer)
        return (
            answer.content
            if answer.status_code == httpx.codes.PARTIAL_CONTENT
            else answer.content[first : last + 1]
        )

    def link(self, path: str, seconds: int, name: str) -> str:
        """Give an address that opens the object to anybody for some seconds, as a file of that name."""
        try:
            answer = self._http.post(
                f"{self._url}/sign/{self._name}/{quote(path)}",
                json={"expiresIn": seconds}, headers=self._headers, timeout=_TIMEOUT,
            )  # fmt: skip
        except httpx.HTTPError as error:
            raise _unreachable() from error
        _check(answer)
        return f"{self._root}{answer.json()['signedURL']}&download={quote(name)}"

    def remove(self, paths: Sequence[str]) -> None:
        """Delete objects; one that is not there is no matter."""
        try:
            answer = self._http.request(
                "DELETE",
                f"{self._url}/{self._name}",
                json={"prefixes": list(paths)},
                headers=self._headers,
                timeout=_TIMEOUT,
            )
        except httpx.HTTPError as error:
            raise _unreachable() from error
        _check(answer)

    def _at(self, path: str) -> str:
        return f"{self._url}/{self._name}/{quote(path)}"


def _check(answer: httpx.Response) -> None:
    if answer.is_success:
        return
    try:
        told = answer.json()
    except ValueError:
        told = None
    told = told if isinstance(told, dict) else {}
    code = str(told.get("statusCode") or answer.status_code)
    if code == "413":
        raise StorageRefused(
            "The file is larger than Storage takes: raise the project's upload limit", is_too_large=True
        )
    raise StorageRefused(
        f"Storage refused the file ({code}: {str(told.get('message', ''))[:200]})", is_gone=code == "404"
    )


def _unreachable() -> ProviderError:
    return ProviderError("Storage could not be reached", detail="storage_unreachable")
