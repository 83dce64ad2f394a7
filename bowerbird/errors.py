"""Every error that Bowerbird raises on purpose. Each message is one line and ends with what to do.

BowerbirdError
├── UsageError                 the call was wrong (exit 2)
│   ├── QueryError             a query that cannot be answered as asked
│   └── UnknownEncoder         a spec string that names no encoder
├── LibraryError               the library could not be opened or used (exit 3)
│   ├── LibraryMissing         there is no library there
│   ├── LibraryTooNew          made by a newer Bowerbird
│   ├── LibraryBusy            another process holds what this one needs
│   ├── EncoderMismatch        the library's vectors come from another encoder
│   └── StorageFull            no space left to write to
├── EncoderUnavailable         weights are missing, damaged or out of reach (exit 3)
├── EndpointFailed             a model's endpoint refused, broke off or did not answer in time (exit 3)
│   └── EndpointUnreachable    nobody is there to be asked
├── ViewDamaged                a snapshot fails its checks; views are rebuilt, so this never reaches a user
└── DecodeFailed               one file could not be read; it is reported and the run goes on
"""

from __future__ import annotations


class BowerbirdError(Exception):
    """The base of all; ``str(error)`` is fit to be shown to a user as it stands."""


class UsageError(BowerbirdError):
    """The call was wrong, and the message says what would be right."""


class QueryError(UsageError):
    """The query is empty, contradicts itself, or names something that is not there."""


class UnknownEncoder(UsageError):
    """The spec string names no encoder that is known here."""


class LibraryError(BowerbirdError):
    """The library could not be opened or used."""


class LibraryMissing(LibraryError):
    """There is no library at this path: index something into it first."""


class LibraryTooNew(LibraryError):
    """The library's schema is newer than this program: upgrade Bowerbird."""


class LibraryBusy(LibraryError):
    """Another process holds the lease that this one needs: wait, or end that process."""


class EncoderMismatch(LibraryError):
    """The library's vectors come from another encoder than the one at hand: they are never compared."""


class StorageFull(LibraryError):
    """A write failed for want of space: free some and run the same command again; nothing was lost."""


class EncoderUnavailable(BowerbirdError):
    """An encoder's weights are missing, damaged or out of reach."""


class EndpointFailed(BowerbirdError):
    """A model that is asked over HTTP refused, broke off, or did not answer in time. Nothing that was made is lost."""


class EndpointUnreachable(EndpointFailed):
    """No connection to the endpoint came about, however often it was tried: whatever else is asked will fare alike."""


class ViewDamaged(BowerbirdError):
    """A snapshot is torn, altered or of another format: whoever opens it rebuilds it from SQL."""


class DecodeFailed(BowerbirdError):
    """One file could not be read, and ``stage`` says how far it came."""

    def __init__(self, reason: str, *, stage: str = "decode") -> None:
        super().__init__(reason)
        self.stage = stage
        self.reason = reason
