"""Pictures that come with a call, as files."""

from __future__ import annotations

from pathlib import Path

from bowerbird.errors import QueryError
from bowerbird.paths import at_home
from search.parse import MOST_BYTES


def read_picture(path: Path, most: int = MOST_BYTES, remedy: str = "shrink the picture") -> bytes:
    """The bytes of the file at ``path``, whatever they are.

    Raises `QueryError` where it cannot be read, is no regular file, or holds more than ``most`` bytes.
    """
    path = at_home(path)
    try:
        if not path.is_file():
            path.stat()
            raise QueryError(f"{path}: is no regular file; name a picture")
        if path.stat().st_size > most:
            raise QueryError(f"{path}: is larger than {most >> 20} MB; {remedy}")
        return path.read_bytes()
    except OSError as error:
        raise QueryError(f"{path}: {(error.strerror or str(error)).lower()}; name a picture that can be read") from None
    except ValueError as error:  # a name that no file can have
        raise QueryError(f"{str(path)!r}: {error}; name a picture that can be read") from None
