"""The one place that puts settings, store, models and media together. Everything else receives what it needs."""

from __future__ import annotations

import errno
import logging
import threading
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from bowerbird.errors import EncoderMismatch, EncoderUnavailable, LibraryError, LibraryMissing, StorageFull, UsageError
from bowerbird.fresh_toml import FRESH_TOML
from bowerbird.media.formats import Format
from bowerbird.media.gazetteer import Gazetteer
from bowerbird.media.registry import format_for, formats
from bowerbird.media.sandbox import DecoderPool
from bowerbird.models.library_encoders import LoadEncoder, check_encoder, settled, spaces_of
from bowerbird.paths import named
from bowerbird.ports import Answerer, Captioner, Encoder, Reranker, TextReader, Transcriber
from bowerbird.settings import Settings, cache_folder, default_library
from bowerbird.store.catalog import Catalog, Transaction
from bowerbird.store.engine import sqlite_url
from bowerbird.store.folder import CATALOG, THUMBS, TOML, VIEWS, check_vacant, is_library, make_folder
from bowerbird.store.lease import held
from bowerbird.store.thumbnails import Thumbnails
from bowerbird.store.views.keeper import ViewKeeper
from bowerbird.types import EncoderDescription, Space, SpaceName, SpaceState, Vectors, ViewKey

log = logging.getLogger(__name__)

T = TypeVar("T")


class Library:
    """An open library: a folder, its settings, its catalogue, its views and its encoders, all made on first use.

    Safe to share between threads; several processes may have the same library open. A context manager.
    """

    def __init__(self, folder: Path, settings: Settings, catalog: Catalog, load: LoadEncoder) -> None:
        self.folder = folder
        self.settings = settings
        self.catalog = catalog
        self._load = load
        self._encoders: dict[int, Encoder] = {}
        self._rerankers: dict[str, tuple[Reranker, ...]] = {}
        self._models: dict[tuple[str, str, int], Any] = {}
        self._loading = threading.RLock()
        with catalog.read() as tx:
            self._known: Sequence[Space] = tx.spaces.all()
        self.views = ViewKeeper(
            folder / VIEWS,
            lambda key: catalog.change_log(key, self.space(key.space_id).dimension),
            marks=catalog.view_marks,
            exact_up_to=settings.search.exact_up_to,
            texts=self._ordinary_texts,
        )

    @property
    def spaces(self) -> Sequence[Space]:
        """The spaces that are searched, ``joint`` first, as of the last `refresh_spaces`."""
        return [space for space in self._known if space.state is SpaceState.ACTIVE]

    @property
    def joint(self) -> Space:
        """The space that holds every segment."""
        return next(space for space in self.spaces if space.name is SpaceName.JOINT)

    def refresh_spaces(self, tx: Transaction) -> None:
        """Notice that other spaces have been switched to: from now on they are this library's `spaces`.

        Cheap enough for every query. Whoever holds the old ones may use them to the end. A transaction that is older
        than another's sets them back until the next one, which costs nothing: networks leave memory when their space
        is gone for good, views when theirs is neither searched nor built, and these are quickly opened again.
        """
        known = tx.spaces.all()
        if known != self._known:
            self._known = known
            there = {space.id for space in known}
            for space_id in list(self._encoders):
                if space_id not in there:
                    self._encoders.pop(space_id, None)
            self._let_go_of_views()

    def _let_go_of_views(self) -> None:
        self.views.let_go({space.id for space in self._known if space.state is not SpaceState.RETIRED})

    def spaces_in(self, which: SpaceState | str) -> Sequence[Space]:
        """The spaces that are searched, built, or kept to go back to, together; or those of the encoder ``which``.

        ``joint`` first. Raises `UsageError` where there are none.
        """
        with self.catalog.read() as tx:
            sets = {state: tx.spaces.together(state) for state in SpaceState}
        found = (sets[each] for each in SpaceState if sets[each] and which in {each, sets[each][0].spec})
        if spaces := next(found, None):
            return spaces
        known = ", ".join(spaces[0].spec for spaces in sets.values() if spaces)
        raise UsageError(f"this library has no spaces of {str(which)!r}; it has some of {known}")

    def needed_spaces(self, spec: str, say: Callable[[str], None] = log.info) -> dict[SpaceName, EncoderDescription]:
        """The spaces that a library under this encoder needs.

        Raises `UnknownEncoder`, `EncoderUnavailable`, and `UsageError` where it reads no pictures.
        """
        return spaces_of(settled(spec, self._load, say), self._load)

    def encoder(self, space: Space) -> Encoder:
        """The encoder of this space, loaded once, however many threads ask for it.

        Raises `EncoderMismatch` where what its spec now names is not what made the library's vectors.
        """
        if (loaded := self._encoders.get(space.id)) is not None:
            return loaded
        with self._loading:
            if (loaded := self._encoders.get(space.id)) is not None:
                return loaded
            encoder = self._load(space.spec)
            if encoder.description.fingerprint != space.fingerprint:
                raise EncoderMismatch(
                    f"the {space.name} vectors of {self.folder} were made by another version of {space.spec}; "
                    "install the version that made them, or make them anew with `bowerbird reencode --encoder SPEC`"
                )
            self._encoders[space.id] = encoder
            return encoder

    def rerankers(self, spec: str) -> tuple[Reranker, ...]:
        """What ``spec`` names, loaded once; nothing for ``none``. Raises `UnknownEncoder` and `EncoderUnavailable`."""
        if (loaded := self._rerankers.get(spec)) is not None:
            return loaded
        from bowerbird.models.rerankers import load_rerankers

        with self._loading:
            if spec not in self._rerankers:
                self._rerankers[spec] = load_rerankers(spec, self._load)
            return self._rerankers[spec]

    def captioner(self, spec: str | None = None) -> Captioner:
        """What says in words what pictures show, loaded once; None: what the settings name.

        Raises `UnknownEncoder` and `EncoderUnavailable`.
        """
        from bowerbird.models.captioners import load_captioner

        settings, space = self.settings.caption, self.joint
        spec = spec or settings.captioner

        def load() -> Captioner:
            return load_captioner(
                spec,
                lambda: self.encoder(space),
                settings.timeout_s,
                cache=cache_folder(),
                precision=self.settings.precision,
            )

        return self._kept(("caption", spec, space.id), load)

    def answerer(self, spec: str | None = None) -> Answerer:
        """What answers questions, loaded once; None: what the settings name. Raises `UnknownEncoder`."""
        from bowerbird.models.answerers import load_answerer

        settings, space = self.settings.answer, self.spaces[-1]  # the one that compares texts well
        spec = spec or settings.answerer
        return self._kept(
            ("answer", spec, space.id), lambda: load_answerer(spec, lambda: self.encoder(space), settings.timeout_s)
        )

    def _kept(self, key: tuple[str, str, int], load: Callable[[], T]) -> T:
        with self._loading:
            if key not in self._models:
                self._models[key] = load()
            found: T = self._models[key]
        return found

    def _ordinary_texts(self, space: Space) -> Vectors | None:
        """Texts as people write them, by which an approximate view is measured; None where the encoder has none."""
        try:
            return self.encoder(space).background("text")
        except (EncoderMismatch, EncoderUnavailable):
            return None

    @cached_property
    def decoders(self) -> DecoderPool:
        """The sandbox in which files, and pictures that come with queries, are decoded."""
        return DecoderPool(self.settings.decode)

    def format_for(self, path: Path) -> Format | None:
        """What reads files of this name in this library; None where nothing does, or it is switched off."""
        found = format_for(path)
        return found if found is not None and self.settings.media.get(found.name, True) else None

    @cached_property
    def reader(self) -> TextReader | None:
        """What reads words off pictures, None where that is switched off. Loads on first use."""
        if not self.settings.index.ocr:
            return None
        from bowerbird.models.ocr import load_text_reader

        return load_text_reader(cache=cache_folder(), precision=self.settings.precision)

    @cached_property
    def transcriber(self) -> Transcriber | None:
        """What hears speech, None where that is switched off. Loads on first use.

        Raises `UnknownEncoder` or `EncoderUnavailable` where the settings name none that there is.
        """
        if self.settings.index.transcriber == "none":
            return None
        from bowerbird.models.whisper import load_transcriber

        return load_transcriber(self.settings.index.transcriber, cache=cache_folder())

    @cached_property
    def gazetteer(self) -> Gazetteer:
        """Names of places by position. Loads on first use."""
        return Gazetteer()

    @cached_property
    def thumbnails(self) -> Thumbnails:
        """Small pictures of what was indexed."""
        return Thumbnails(self.folder / THUMBS)

    def save_views(self, *, force: bool = False) -> None:
        """Fold what has changed into new snapshots where that is worth it; other processes leave it to this one."""
        with held(self.catalog, "views", "writing the views of this library"):
            self.write_views(force=force)

    def write_views(self, *, force: bool = False) -> None:
        """`save_views` for a caller who holds the lease already."""
        for key in self.view_keys():
            self.views.save(self.space(key.space_id), key.kind, force=force)
        self._let_go_of_views()

    def prepare_search(self, spaces: Sequence[Space] | None = None) -> None:
        """Make what a first search would otherwise wait for: the encoders' backgrounds, which are then kept."""
        for space in self.spaces if spaces is None else spaces:
            for kind in ("image", "text"):
                self.encoder(space).background(kind)

    def view_keys(self) -> Sequence[ViewKey]:
        """The views there are now, also of spaces that are being built or kept to go back to."""
        with self.catalog.read() as tx:
            return [ViewKey(space.id, kind) for space in tx.spaces.all() for kind in tx.segments.kinds(space.id)]

    def space(self, space_id: int) -> Space:
        """The space with this id, active or not. Raises KeyError where there is none."""
        if (active := next((space for space in self.spaces if space.id == space_id), None)) is not None:
            return active
        with self.catalog.read() as tx:
            return {space.id: space for space in tx.spaces.all()}[space_id]

    def close(self) -> None:
        """End the child processes and give the connections back."""
        if "decoders" in self.__dict__:
            self.decoders.close()
        self.catalog.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_library(
    folder: Path | str | None = None,
    *,
    create: bool = False,
    encoder: str | None = None,
    load: LoadEncoder | None = None,
    say: Callable[[str], None] = log.info,
) -> Library:
    """Open the library in ``folder`` (None: the default one); with ``create`` make it where there is none.

    ``encoder`` is the spec for a new library (None: ``auto``), or must be what an existing one has. ``say`` is told in
    one line what ``auto`` chose. Raises `LibraryError` and its kin, `UnknownEncoder`, `EncoderUnavailable`.
    """
    folder = (default_library() if folder is None else named(folder)).absolute()
    known = is_library(folder)
    if not known:
        if not create:
            raise LibraryMissing(f"there is no library at {folder}; make one with `bowerbird index FOLDER`")
        check_vacant(folder)
    settings = Settings.of_library(folder)
    _check_media(folder, settings)
    load = load or _loader(settings)
    # Before anything is made: a spec that names no encoder leaves nothing behind.
    joint = None if known else settled(encoder or "auto", load, say)
    try:
        catalog = _open_catalog(folder, settings, create=create)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise StorageFull(f"no space left to make a library at {folder}; free some and try again") from None
        raise LibraryError(f"no library can be made at {folder}: {error.strerror}; choose another --library") from None
    try:
        spaces = _active_spaces(catalog)
        if not spaces:
            if not create:
                raise LibraryMissing(f"the library at {folder} is empty; fill it with `bowerbird index FOLDER`")
            _make_spaces(catalog, joint or settled(encoder or "auto", load, say), load)
        elif encoder is not None:
            check_encoder(folder, spaces, encoder, load)
        return Library(folder, settings, catalog, load)
    except BaseException:
        catalog.close()
        raise


def _check_media(folder: Path, settings: Settings) -> None:
    for name in settings.media:
        if name not in formats():
            known = ", ".join(formats())
            raise LibraryError(f"setting 'media.{name}': no such format; correct {folder / TOML}. Formats: {known}")


def _open_catalog(folder: Path, settings: Settings, *, create: bool) -> Catalog:
    if create:
        make_folder(folder, FRESH_TOML)
    return Catalog(settings.database or sqlite_url(folder / CATALOG), create=create)


def _loader(settings: Settings) -> LoadEncoder:
    def load(spec: str) -> Encoder:
        from bowerbird.models.registry import load_encoder

        return load_encoder(spec, cache=cache_folder(), precision=settings.precision)

    return load


def _active_spaces(catalog: Catalog) -> Sequence[Space]:
    with catalog.read() as tx:
        return tx.spaces.active()


def _make_spaces(catalog: Catalog, joint: EncoderDescription, load: LoadEncoder) -> None:
    """Give a new library its spaces; of several processes one does."""
    descriptions = spaces_of(joint, load)
    with catalog.write() as tx:
        if not tx.spaces.active():
            for name, description in descriptions.items():
                tx.spaces.add(name, description, SpaceState.ACTIVE)
