"""One line of an ignore file as git reads it: gitignore(5), and wildmatch.c where that is silent.

Written here because a walk asks of each entry by itself, where libraries for gitignore judge whole paths and so must
guess which pattern was meant for a folder above.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

_CLASSES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "blank": " \t",
    "digit": "0-9",
    "lower": "a-z",
    "punct": re.escape("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"),
    "space": " \t\n\r\f\v",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}
_TOKEN = re.compile(
    r"""  (?P<folders>(?:^|(?<=/))\*\*+/)               # **/  any folders, or none
        | (?P<rest>(?:^|(?<=/))\*\*+$)                # /**  whatever lies there
        | (?P<stars>\*+)
        | (?P<one>\?)
        | \[(?P<but>[!^]?+)(?P<set>\]?+(?:\[:\w+:\]|\\.|[^]\\])*)\]
        | (?P<literal>\\.|[^[\\])
    """,
    re.VERBOSE | re.DOTALL,
)
_MEMBER = re.compile(r"\[:(?P<kind>\w+):\]|(?P<first>\\?.)(?:-(?P<last>\\.|[^]\\]))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern that leaves entries out, or with ``!`` takes them in again."""

    regex: re.Pattern[str]
    takes_in: bool
    folders_only: bool
    by_name: bool
    """Without a slash in it, it means entries of that name at any depth."""

    @classmethod
    def parse(cls, line: str) -> Self | None:
        """None for empty lines, comments, and what is no pattern, which in git too matches nothing."""
        line = re.sub(r"(?<!\\) +$", "", line)
        if not line or line.startswith("#"):
            return None
        takes_in = line.startswith("!")
        line = line[takes_in:]
        folders_only = line.endswith("/")
        line = line[: len(line) - folders_only]
        by_name = "/" not in line
        regex = _regex(line.removeprefix("/"))
        return None if regex is None else cls(re.compile(regex, re.DOTALL), takes_in, folders_only, by_name)

    def matches(self, path: str, *, folder: bool) -> bool:
        """Whether it means the entry at ``path``, relative to the folder of the ignore file."""
        if self.folders_only and not folder:
            return False
        return self.regex.fullmatch(path.rpartition("/")[2] if self.by_name else path) is not None


def _regex(pattern: str) -> str | None:
    """The same as a regular expression; None where a set or an escape does not end, or there is nothing to match."""
    found, at = "", 0
    while at < len(pattern):
        token = _TOKEN.match(pattern, at)
        if token is None:
            return None
        match token.lastgroup:
            case "folders":
                found += "(?:.*/)?"
            case "rest":
                found += ".*"
            case "stars":
                found += "[^/]*"
            case "one":
                found += "[^/]"
            case "literal":
                found += re.escape(token["literal"][-1])
            case _:
                members = _members(token["set"])
                if members is None:
                    return None
                found += f"(?!/)[{'^' if token['but'] else ''}{members}]"
        at = token.end()
    return found or None


def _members(said: str) -> str | None:
    """What stands between the brackets of a set; None where it names a class that there is not."""
    found = ""
    for member in _MEMBER.finditer(said):
        if member["kind"]:
            if member["kind"] not in _CLASSES:
                return None
            found += _CLASSES[member["kind"]]
            continue
        first, last = member["first"][-1], (member["last"] or member["first"])[-1]
        found += f"{re.escape(first)}-{re.escape(max(first, last))}"
    return found
