"""One typed `Settings`, made by whoever starts the program: environment, then ``library.toml``, then defaults."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource
from pydantic_settings.exceptions import SettingsError

from bowerbird.errors import LibraryError


class DecodeSettings(BaseModel):
    """Limits on what a file may cost. Over a limit a file is reported, never half read."""

    model_config = ConfigDict(extra="forbid")

    workers: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1)
    timeout_s: float = Field(60.0, gt=0)
    """Wall clock for one file."""
    max_memory_mb: int = Field(1024, ge=128)
    """Resident memory of one child."""
    max_megapixels: int = Field(200, ge=1)
    """After the decoder's own scaling: a JPEG is shrunk while it is read."""
    max_text_mb: float = Field(16.0, gt=0)


class IndexSettings(BaseModel):
    """How the indexer works."""

    model_config = ConfigDict(extra="forbid")

    batch_size: int = Field(16, ge=1)
    commit_every_s: float = Field(2.0, ge=0)
    """The most work a crash can cost."""
    keep_removed_days: float = Field(30.0, ge=0)
    """How long the vectors of a vanished file wait for it to turn up elsewhere."""
    hidden: bool = False
    """Whether hidden files and folders are indexed too."""
    regions: Literal["auto", 0, 4, 9] = "auto"
    """Overlapping tiles of each picture that are encoded too; ``auto`` is settled once, by how fast the encoder is."""
    ocr: bool = True
    """Whether words are read off pictures."""
    transcriber: str = "whisper:base"
    """What hears speech; ``none``: nothing does."""
    thumbnail_px: int = Field(256, ge=0, le=2048)
    """The longest side of thumbnails; 0: none are made."""

    @field_validator("regions", mode="before")
    @classmethod
    def _number(cls, value: Any) -> Any:
        """Variables of the environment are text."""
        return int(value) if isinstance(value, str) and value.isdecimal() else value


class SearchSettings(BaseModel):
    """What counts as a match."""

    model_config = ConfigDict(extra="forbid")

    min_relevance: float = Field(0.0, ge=0, le=1)
    """Hits below are left out."""
    stands_out: float = Field(0.1, ge=0, le=1)
    """The relevance from which on something is said to match at all. Settled on the tuned half of the eval set."""
    exact_up_to: int = Field(50_000, ge=0)
    """Vectors of one space and kind that are all looked at; above, a snapshot is approximate."""
    rerank: str = "none"
    """What judges the best hits again: ``cross-encoder:NAME_OR_FOLDER``, ``encoder:SPEC``, or some joined by ``+``."""


class CaptionSettings(BaseModel):
    """Who says what pictures show."""

    model_config = ConfigDict(extra="forbid")

    captioner: str = "concepts"
    """``concepts``, ``transformers:NAME_OR_FOLDER`` or ``openai:MODEL@URL``."""
    examples: int = Field(3, ge=0, le=16)
    """How many of its owner's own captions a model is shown with each picture."""
    timeout_s: float = Field(60.0, gt=0)
    """What an endpoint may take for one picture, all tries together."""


class AnswerSettings(BaseModel):
    """Who answers questions."""

    model_config = ConfigDict(extra="forbid")

    answerer: str = "extractive"
    """``extractive`` or ``openai:MODEL@URL``."""
    timeout_s: float = Field(60.0, gt=0)
    """What an endpoint may take for one answer, all tries together."""
    per_minute: int = Field(30, ge=0)
    """Questions that a server takes of one key for an endpoint, or of one address where no key is asked for; 0: any
    number."""


class ServeSettings(BaseModel):
    """Where `bowerbird serve` listens, and what a request may cost."""

    model_config = ConfigDict(extra="forbid")

    host: str = "127.0.0.1"
    """Anything but a loopback address demands a key of everybody."""
    port: int = Field(8765, ge=0, le=65535)
    allow_hosts: tuple[str, ...] = ()
    """Names under which the server is reached, beside addresses and the machine's own: behind a proxy, say. Naming one
    demands a key of everybody."""
    cors_origins: tuple[str, ...] = ()
    """Web pages elsewhere that may use the API: ``https://photos.example``."""
    searchers: int = Field(default_factory=lambda: min(4, os.cpu_count() or 1), ge=0)
    """Processes that search, each with the views in memory; 0: threads of the server do, on one core."""
    deadline_s: float = Field(30.0, gt=0)
    """What a request may take; measuring and labelling may take longer."""
    max_body_mb: float = Field(32.0, gt=0)
    """Of a request that brings a picture; others may be 1 MB."""


class Settings(BaseSettings):
    """Settings of one library. Environment variables are ``BOWERBIRD_DECODE__TIMEOUT_S`` and the like."""

    model_config = SettingsConfigDict(env_prefix="BOWERBIRD_", env_nested_delimiter="__", extra="forbid")

    database: str | None = None
    """A PostgreSQL URL; None: ``catalog.db`` in the library's folder."""
    precision: str = Field("auto", pattern="^(auto|bf16|f32)$")
    """Of neural networks on the CPU: ``auto`` is bf16 where the processor computes in it."""
    media: dict[str, bool] = {}
    """Formats that are switched off, by the names that `bowerbird formats` shows: ``video = false``."""
    decode: DecodeSettings = DecodeSettings()
    index: IndexSettings = IndexSettings()
    search: SearchSettings = SearchSettings()
    caption: CaptionSettings = CaptionSettings()
    answer: AnswerSettings = AnswerSettings()
    serve: ServeSettings = ServeSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment before ``library.toml``, so that one run can differ from what the library says."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @classmethod
    def of_library(cls, folder: Path, **overrides: Any) -> Settings:
        """The settings of the library in ``folder``.

        Raises `LibraryError` where ``library.toml`` or a variable holds something that does not fit.
        """

        class OfLibrary(cls):  # type: ignore[misc, valid-type]
            model_config = SettingsConfigDict(**{**cls.model_config, "toml_file": folder / "library.toml"})

        try:
            return OfLibrary(**overrides)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            fault = _no_such(where) if first["type"] == "extra_forbidden" else first["msg"]
            raise LibraryError(
                f"setting {where!r}: {fault}; correct it in {folder / 'library.toml'} or the environment"
            ) from None
        except SettingsError as error:
            raise LibraryError(f"a BOWERBIRD_ variable does not fit: {error}; correct or unset it") from None
        except OSError as error:
            raise LibraryError(
                f"{folder / 'library.toml'} cannot be read: {error.strerror}; make it readable"
            ) from None
        except ValueError as error:  # tomllib.TOMLDecodeError
            raise LibraryError(f"{folder / 'library.toml'} is not valid TOML: {error}; correct it by hand") from None


def setting_names() -> list[str]:
    """All settings by their names: ``database``, ``search.stands_out``."""
    found = []
    for name, field in Settings.model_fields.items():
        section = field.annotation
        inside = section.model_fields if isinstance(section, type) and issubclass(section, BaseModel) else {}
        found += [f"{name}.{each}" for each in inside] or [name]
    return found


def _no_such(name: str) -> str:
    near = difflib.get_close_matches(name, setting_names(), 1)
    return "there is no such setting" + (f", perhaps {near[0]!r}" if near else "")


def default_library() -> Path:
    """``$BOWERBIRD_LIBRARY``, else the platform's data folder."""
    if chosen := os.environ.get("BOWERBIRD_LIBRARY"):
        return Path(chosen)
    from platformdirs import user_data_path

    return user_data_path("bowerbird", appauthor=False)


def cache_folder() -> Path:
    """Where compiled models and unpacked weights are kept: ``$BOWERBIRD_CACHE``, else the platform's cache folder."""
    if chosen := os.environ.get("BOWERBIRD_CACHE"):
        return Path(chosen)
    from platformdirs import user_cache_path

    return user_cache_path("bowerbird", appauthor=False)
