"""The command line. One module a verb, or a few that belong together; nothing heavy is imported to print help."""

from __future__ import annotations

from api.cli.main import main

__all__ = ["main"]
