"""A checkpoint in the manner of Hugging Face: a folder of config, tokenizer and weights, or a name at the model hub.

Only safetensors are read. Pickles, which run code as they load, are neither fetched nor opened.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bowerbird.errors import EncoderUnavailable
from bowerbird.models import hub
from bowerbird.models.cache import digest, sha256_of
from bowerbird.models.one_line import reason_of

HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
FILES = ("*.safetensors", "*.json", "*.jinja", "*.txt", "*.model")
"""What a model is loaded from, all at the top of its folder."""
_SHARD = re.compile(r"[\w.-]+\.safetensors")
_NOT_FETCHED = ("*/*", "consolidated*")
"""The same weights once more, for other programs."""
_OTHER = "name another one"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """All of a model, on this machine."""

    source: str
    """As it was named."""
    folder: Path
    commit: str | None
    """At the hub; None of a folder."""
    config: Mapping[str, Any]

    @property
    def model_type(self) -> str:
        """The family, as transformers names it: ``blip``, ``florence2`` …"""
        return str(self.config.get("model_type", ""))

    @property
    def architectures(self) -> list[str]:
        """The classes as which it was trained."""
        return [str(each) for each in self.config.get("architectures") or ()]

    def identity(self, cache: Path) -> str:
        """What it is, wherever it lies: its commit at the hub, of a folder the sha256 over all it is loaded from.

        Files are read through once, and remembered in ``cache``. Raises `EncoderUnavailable`.
        """
        if self.commit:
            return f"{self.source}@{self.commit}"
        files = sorted(path for pattern in FILES for path in self.folder.glob(pattern))
        try:
            return f"sha256:{digest(*(part for path in files for part in (path.name, sha256_of(path, cache))))}"
        except OSError as error:
            raise EncoderUnavailable(f"{error.filename} cannot be read ({error.strerror}); {_OTHER}") from None


def find_checkpoint(source: str) -> Checkpoint:
    """What ``source`` names: a folder, or OWNER/MODEL of which the hub has left a copy here, or hands one out.

    Raises `EncoderUnavailable` where it cannot be had, is incomplete, or has no safetensors.
    """
    if folder := folder_of(source):
        return _opened(source, folder, None)
    folder = _kept(source) or _fetched(source)
    return _opened(source, folder, folder.name)


def folder_of(source: str) -> Path | None:
    """The folder that ``source`` names, ``~`` written out; None where there is none."""
    with contextlib.suppress(RuntimeError):  # the home of somebody whom nobody knows
        folder = Path(source).expanduser().absolute()
        return folder if folder.is_dir() else None
    return None


def _opened(source: str, folder: Path, commit: str | None) -> Checkpoint:
    config = _read_json(folder / "config.json", source)
    if lacking := _lacking(folder, source):
        pickled = any(folder.glob("*.bin")) or any(folder.glob("*.pt"))
        why = "its weights are pickles, which are never opened" if pickled else f"it has no {lacking}"
        raise EncoderUnavailable(f"{source} holds no model that can be loaded: {why}; convert or {_OTHER}")
    return Checkpoint(source, folder, commit, config)


def _lacking(folder: Path, source: str) -> str | None:
    """The first file of the weights that is not there."""
    index = folder / "model.safetensors.index.json"
    names = ["model.safetensors"]
    if index.is_file():
        shards = _read_json(index, source).get("weight_map")
        names = sorted(set(map(str, shards.values()))) if isinstance(shards, dict) and shards else names
    if any(not _SHARD.fullmatch(name) for name in names):
        raise EncoderUnavailable(f"{index} names weights that are no safetensors beside it; {_OTHER}")
    return next((name for name in names if not (folder / name).is_file()), None)


def _read_json(path: Path, source: str) -> dict[str, Any]:
    try:
        read = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise EncoderUnavailable(f"{source} holds no model: there is no {path.name} in it; {_OTHER}") from None
    except OSError as error:
        raise EncoderUnavailable(f"{path} cannot be read ({error.strerror}); {_OTHER}") from None
    except ValueError:
        read = None
    if not isinstance(read, dict):
        raise EncoderUnavailable(f"{path} is damaged; fetch the model again or {_OTHER}")
    return read


def _kept(repository: str) -> Path | None:
    """The folder of a hub model that is here whole. Asks no network."""
    from huggingface_hub import try_to_load_from_cache

    config = try_to_load_from_cache(repository, "config.json")
    if not isinstance(config, str):
        return None
    folder = Path(config).parent
    try:
        return None if _lacking(folder, repository) else folder
    except EncoderUnavailable:
        return None  # then it is fetched anew


def _fetched(repository: str) -> Path:
    """Fetched from the hub, with its bar of progress."""
    if not hub.answers(repository):
        raise EncoderUnavailable(
            f"the weights of {repository} are not here and the model hub does not answer or does not have them; "
            f"connect once and run this again, or name a folder"
        )
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(repository, allow_patterns=list(FILES), ignore_patterns=list(_NOT_FETCHED)))
    except Exception as error:  # the client fails in many ways, all with this one meaning
        raise EncoderUnavailable(
            f"the weights of {repository} cannot be fetched ({reason_of(error)}); run this again, or name a folder"
        ) from error
