"""Variables of the environment that look like settings and are none: said once, since they would do nothing."""

from __future__ import annotations

from collections.abc import Mapping

from api.cli.common import printable, say

_PREFIX = "BOWERBIRD_"
_BESIDES = {"BOWERBIRD_CACHE", "BOWERBIRD_FUZZ", "BOWERBIRD_LIBRARY", "BOWERBIRD_OPENAI_API_KEY", "BOWERBIRD_TRACEBACK"}
"""Variables that are read and are no settings."""


def warn_of_unknown(environment: Mapping[str, str]) -> None:
    """Say on stderr which variables name no setting, and which one was most likely meant."""
    said = [name for name in environment if name.upper().startswith(_PREFIX) and name.upper() not in _BESIDES]
    if not said:  # the settings take long to import
        return
    import difflib

    from bowerbird.settings import setting_names

    known = {_PREFIX + name.replace(".", "__").upper() for name in setting_names()}
    sections = {name.rpartition("__")[0] for name in known if "__" in name} | {"BOWERBIRD_MEDIA"}
    plain = {name.replace("__", "_"): name for name in known}
    for name in sorted(said):
        capital = name.upper()
        # A wrong name in a section that there is is refused when the settings are read.
        if capital in known | sections or capital.partition("__")[0] in sections:
            continue
        near = difflib.get_close_matches(capital.replace("__", "_"), plain, 1, cutoff=0.8)
        meant = f"; meant {plain[near[0]]}?" if near else ", so it does nothing: see library.toml for those there are"
        say(f"bowerbird: no setting is named {printable(name)}{meant}")
