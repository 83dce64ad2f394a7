"""What must be known of an open_clip checkpoint before it runs: where it lies, what it holds, how it wants pictures."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bowerbird.errors import EncoderUnavailable, UnknownEncoder
from bowerbird.models import clip_tokens, hub
from bowerbird.models.cache import digest, sha256_of, write_whole
from bowerbird.models.one_line import reason_of
from bowerbird.moments import PictureSpec
from bowerbird.types import EncoderDescription

VERSION = 1
"""Raised whenever the same text or picture would get another vector."""
ALWAYS_WORKS = "or use --encoder concepts, which needs no download"


@dataclass(frozen=True, slots=True)
class Card:
    """One checkpoint, found and described; nothing of it is loaded yet."""

    description: EncoderDescription
    architecture: str
    weights: Path
    sha256: str
    picture: PictureSpec
    mean: tuple[float, ...]
    std: tuple[float, ...]
    context_length: int
    quick_gelu: bool
    clip_tokens: bool
    """Whether its texts are cut up as CLIP's own were."""

    def model(self) -> Any:
        """The model in f32 on the CPU. Raises `EncoderUnavailable` where the checkpoint does not fit it."""
        import open_clip

        try:
            model = open_clip.create_model(
                self.architecture, pretrained=str(self.weights), force_quick_gelu=self.quick_gelu
            )
        except Exception as error:  # unpickling and load_state_dict fail in many ways, all with this one meaning
            raise EncoderUnavailable(
                f"{self.weights} does not hold weights of {self.architecture} ({reason_of(error)}); "
                f"name the architecture it was trained as, {ALWAYS_WORKS}"
            ) from error
        return model.eval()

    def tokenizer(self) -> Callable[[list[str]], Any]:
        """Texts -> token ids ``(n, context_length)``."""
        merges = clip_tokens.vocabulary()
        if self.clip_tokens and merges:
            return clip_tokens.ClipTokens(merges, self.context_length)
        import open_clip

        try:
            return open_clip.get_tokenizer(self.architecture)  # type: ignore[no-any-return]
        except OSError as error:
            raise EncoderUnavailable(
                f"the tokenizer of {self.architecture} cannot be fetched; connect once, {ALWAYS_WORKS}"
            ) from error


def card_of(architecture: str, source: str, cache: Path) -> Card:
    """The card of ``architecture`` with the weights of ``source``, a tag or a path; a tag's are fetched if need be.

    Raises `UnknownEncoder` for an architecture or tag that open_clip does not have, `EncoderUnavailable` where the
    weights are not there and cannot be fetched.
    """
    from pydantic import TypeAdapter, ValidationError

    cards = TypeAdapter(Card)
    if is_path(source):
        source = str(_local(source))
    kept = cache / "open_clip" / f"{digest(architecture, source, version('open_clip_torch'), VERSION)[:32]}.json"
    with contextlib.suppress(OSError, ValidationError):  # not kept, not legible, or its weights are gone
        card = cards.validate_json(kept.read_bytes())
        if sha256_of(card.weights, cache) == card.sha256:
            return card
    card = _examined(architecture, source, cache)
    with contextlib.suppress(OSError):
        write_whole(kept, cards.dump_json(card))
    return card


def is_path(source: str) -> bool:
    """Whether what follows the architecture is a file rather than a tag."""
    return "/" in source or "\\" in source or Path(source).suffix in {".pt", ".pth", ".bin", ".safetensors"}


def _examined(architecture: str, source: str, cache: Path) -> Card:
    # Importing open_clip imports torch, so what is learnt here is kept.
    import open_clip

    config = open_clip.get_model_config(architecture)
    if config is None:
        raise UnknownEncoder(
            f"open_clip has no architecture {architecture!r}{_near(architecture, open_clip.list_models())}; "
            "write open_clip:ARCHITECTURE/TAG"
        )
    preprocessing: dict[str, Any] = {}
    if is_path(source):
        weights, shown = Path(source), None
        spec = f"open_clip:{architecture}/{weights}"
    else:
        preprocessing = open_clip.get_pretrained_cfg(architecture, source) or {}
        if not preprocessing:
            tags = open_clip.list_pretrained_tags_by_model(architecture)
            raise UnknownEncoder(
                f"open_clip has no weights {source!r} for {architecture}{_near(source, tags)}; "
                f"write open_clip:{architecture}/TAG or open_clip:{architecture}//path/to/weights.pt"
            )
        weights, shown = _fetched(architecture, source, preprocessing), preprocessing.get("hf_hub")
        spec = f"open_clip:{architecture}/{source}"
    defaults = open_clip.transform.PreprocessCfg()
    mean = tuple(preprocessing.get("mean") or defaults.mean)
    std = tuple(preprocessing.get("std") or defaults.std)
    picture = PictureSpec(
        size=_square(config["vision_cfg"].get("image_size", 224), architecture),
        resize=preprocessing.get("resize_mode") or defaults.resize_mode,
        interpolation=preprocessing.get("interpolation") or defaults.interpolation,
        fill=int(preprocessing.get("fill_color") or defaults.fill_color),
    )
    text = config["text_cfg"]
    clips_own = "siglip" not in architecture.lower() and not {"hf_tokenizer_name", "tokenizer_kwargs"} & text.keys()
    quick_gelu = bool(config.get("quick_gelu") or preprocessing.get("quick_gelu"))
    sha256 = sha256_of(weights, cache)
    dimension = int(config["embed_dim"])
    return Card(
        EncoderDescription(
            spec=spec,
            name=f"{architecture} ({source})",
            dimension=dimension,
            fingerprint=digest("open_clip", architecture, sha256, VERSION, picture, mean, std, quick_gelu, dimension),
            reads_pictures=True,
            text_is_semantic=False,
            source=shown.rstrip("/") if shown else str(preprocessing.get("url", weights)),
            licence="as its publisher states",
            size_mb=round(weights.stat().st_size / 1e6),
        ),
        architecture,
        weights,
        sha256,
        picture,
        mean,
        std,
        int(text.get("context_length", 77)),
        quick_gelu,
        clips_own,
    )


def _local(source: str) -> Path:
    # The second slash of ARCH//path makes the path absolute; it may also have been meant as a mere separator.
    for path in (Path(source), Path(source.lstrip("/"))):
        if path.is_file():
            return path.resolve()
    raise EncoderUnavailable(f"there is no checkpoint at {source}; correct the path, {ALWAYS_WORKS}")


def _fetched(architecture: str, tag: str, pretrained: dict[str, Any]) -> Path:
    import open_clip

    repository = str(pretrained.get("hf_hub", "")).rpartition("/")[0]
    out_of_reach = EncoderUnavailable(
        f"the weights {tag} of {architecture} are not here and the model hub does not answer; "
        f"connect once and run this again, {ALWAYS_WORKS}"
    )
    if repository and not hub.kept_weights(repository) and not hub.answers(repository):
        raise out_of_reach
    try:
        return Path(open_clip.download_pretrained(pretrained))
    except Exception as error:  # every client and protocol has its own; each means that the weights did not come
        raise out_of_reach from error


def _square(size: int | Sequence[int], architecture: str) -> int:
    sides = {size} if isinstance(size, int) else set(size)
    if len(sides) > 1:
        raise EncoderUnavailable(f"{architecture} reads oblong pictures, which Bowerbird does not make; {ALWAYS_WORKS}")
    return int(sides.pop())


def _near(word: str, known: Iterable[str]) -> str:
    names = list(known)
    found = difflib.get_close_matches(word, names, 3, 0.5) or names[:3]
    return f" (near it: {', '.join(found)})" if found else ""
