"""The model hub: what of it is on this machine, and whether it answers."""

from __future__ import annotations

import os
import threading
import urllib.request
from pathlib import Path

DEADLINE_S = 3.0
"""How long anyone waits to learn whether the hub answers; its own client tries for most of a minute."""
WEIGHT_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
"""As open_clip names them in a repository, in the order in which it looks."""


def kept_weights(repository: str) -> Path | None:
    """A repository's open_clip weights in the hub's own cache folder, if they are there. Asks no network."""
    from huggingface_hub import try_to_load_from_cache

    for name in WEIGHT_FILES:
        found = try_to_load_from_cache(repository, name)
        if isinstance(found, str):
            return Path(found)
    return None


def answers(repository: str, *, endpoint: str | None = None, deadline_s: float = DEADLINE_S) -> bool:
    """Whether the hub hands out ``repository``, known within ``deadline_s`` whatever the network does.

    ``endpoint`` is the hub's address (None: ``$HF_ENDPOINT``, else the public one). ``HF_HUB_OFFLINE=1`` means no.
    """
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}:
        return False
    from huggingface_hub import constants, get_token

    address = endpoint or os.environ.get("HF_ENDPOINT") or constants.ENDPOINT
    request = urllib.request.Request(f"{address.rstrip('/')}/api/models/{repository}", method="HEAD")
    if token := get_token():
        request.add_header("Authorization", f"Bearer {token}")
    reached = threading.Event()

    def ask() -> None:
        try:
            with urllib.request.urlopen(request, timeout=deadline_s):
                reached.set()
        except (OSError, ValueError):
            pass  # no name, no route, no answer, or a refusal: all mean that nothing can be fetched

    # A thread of its own, because looking a name up heeds no timeout.
    thread = threading.Thread(target=ask, name="hub", daemon=True)
    thread.start()
    thread.join(deadline_s)
    return reached.is_set()
