"""A file encrypted under a passphrase, written as a stream and read at any place.

AES-256-GCM over pieces of one mebibyte, the key by scrypt. A piece's nonce holds its number and whether it
is the last, so pieces cannot change places, and a file that was cut off is not taken for a whole one.
"""

import io
import os
import struct
from pathlib import Path
from typing import IO, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from workers.backup import BackupError

MAGIC = b"FLOWBAK1"
PIECE = 1 << 20
TAG = 16
SALT = 16
PREFIX = 7
HEADER = len(MAGIC) + SALT + PREFIX
LEAST_LETTERS = 12


def _cipher(passphrase: str, salt: bytes) -> AESGCM:
    if len(passphrase) < LEAST_LETTERS:
        raise BackupError(f"The passphrase has fewer than {LEAST_LETTERS} letters.", "passphrase_short")
    return AESGCM(Scrypt(salt=salt, length=32, n=1 << 17, r=8, p=1).derive(passphrase.encode()))


def _nonce(prefix: bytes, number: int, *, is_last: bool) -> bytes:
    return prefix + struct.pack(">IB", number, is_last)


class SealedWriter(io.RawIOBase):
    """Encrypts what is written to it; a file that is not closed stays unreadable."""

    def __init__(self, out: IO[bytes], passphrase: str) -> None:
        self._out, salt, self._prefix = out, os.urandom(SALT), os.urandom(PREFIX)
        self._header = MAGIC + salt + self._prefix
        self._cipher = _cipher(passphrase, salt)
        self._kept, self._number, self._place = bytearray(), 0, 0
        out.write(self._header)

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        """Keep the bytes until a piece is full; the last piece is told by `finish`."""
        self._kept += data
        while len(self._kept) > PIECE:
            self._put(self._kept[:PIECE], is_last=False)
            del self._kept[:PIECE]
        self._place += len(data)
        return len(data)

    def tell(self) -> int:
        return self._place

    def finish(self) -> None:
        """Write the last piece."""
        self._put(self._kept, is_last=True)
        self._out.flush()

    def _put(self, piece: bytearray, *, is_last: bool) -> None:
        nonce = _nonce(self._prefix, self._number, is_last=is_last)
        self._out.write(self._cipher.encrypt(nonce, bytes(piece), self._header))
        self._number += 1


class SealedReader(io.RawIOBase):
    """Decrypts a file, wherever it is read; BackupError when passphrase or bytes are not those written."""

    def __init__(self, path: Path, passphrase: str) -> None:
        self._file = path.open("rb")
        try:
            self._header = self._file.read(HEADER)
            if len(self._header) < HEADER or not self._header.startswith(MAGIC):
                raise BackupError(f"{path} is not a backup of Flow.", "not_a_backup")
            salt = self._header[len(MAGIC) : len(MAGIC) + SALT]
            self._prefix, self._cipher = self._header[-PREFIX:], _cipher(passphrase, salt)
            sealed = path.stat().st_size - HEADER
            self._pieces = max(1, -(-sealed // (PIECE + TAG)))
            self._size = sealed - self._pieces * TAG
            self._place, self._now, self._piece = 0, -1, b""
            self._load(0)  # a wrong passphrase is told here
            self._load(self._pieces - 1)  # and a file that was cut off
        except BaseException:
            self._file.close()
            raise

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, place: int, whence: int = 0) -> int:
        self._place = place + (0, self._place, self._size)[whence]
        return self._place

    def readinto(self, buffer: Any, /) -> int:
        """Fill the buffer with what follows, from one piece at a time."""
        if self._place >= self._size:
            return 0
        self._load(self._place // PIECE)
        begin = self._place % PIECE
        data = self._piece[begin : begin + len(buffer)]
        buffer[: len(data)] = data
        self._place += len(data)
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()

    def _load(self, number: int) -> None:
        if number == self._now:
            return
        self._file.seek(HEADER + number * (PIECE + TAG))
        nonce = _nonce(self._prefix, number, is_last=number == self._pieces - 1)
        try:
            self._piece = self._cipher.decrypt(nonce, self._file.read(PIECE + TAG), self._header)
        except InvalidTag:
            raise BackupError(
                "The passphrase is not the backup's, or the file is damaged or cut off.", "backup_unreadable"
            ) from None
        self._now = number
