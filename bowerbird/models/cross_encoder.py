"""``cross-encoder:NAME_OR_FOLDER``: a network that reads the query and a text together, word against word.

Encoders make each vector apart, before anyone has asked. A cross-encoder attends from every word of the query to every
word of the candidate (Nogueira and Cho 2019, Passage re-ranking with BERT). It runs once for each candidate, and so
only over the best of a first stage. Any model of sentence-transformers' `CrossEncoder` with one output will do, by its
name at the model hub or from a folder.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bowerbird.errors import EncoderUnavailable, UnknownEncoder
from bowerbird.models import hub
from bowerbird.models.one_line import reason_of
from bowerbird.moments import Moment, PictureSpec
from bowerbird.types import Pixels, Vectors

MAX_TOKENS = 512
"""Of query and text together, for models that would read more: it bounds what one candidate costs."""
MAX_CHARACTERS = 10_000
"""Of one text: far more than the tokens that are read, and little to cut up."""
BATCH = 16
WITHOUT = "or leave out --rerank"
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_WEIGHT_FILES = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)


class CrossEncoderReranker:
    """Reads texts, of query and candidates, and no pictures. Implements `Reranker`."""

    picture: PictureSpec | None = None

    def __init__(self, source: str) -> None:
        """``source`` is OWNER/MODEL at the hub or a folder. Raises `UnknownEncoder` where it can be neither."""
        if not Path(source).expanduser().is_dir() and not _HUB_NAME.fullmatch(source):
            raise UnknownEncoder(
                f"there is no folder {source!r}; write cross-encoder:/path/to/folder or cross-encoder:OWNER/MODEL"
            )
        self.spec = f"cross-encoder:{source}"
        self._source = source
        self._model: Any = None
        self._lock = threading.Lock()

    def score(self, texts: Sequence[str], picture: Pixels | None, candidates: Sequence[Moment]) -> Vectors:
        """The sigmoid of the model's one output, shape ``(len(candidates),)``; NaN where either side bears no text.

        Raises `EncoderUnavailable` where the model cannot be had or is no reranker.
        """
        scores = np.full(len(candidates), np.nan, np.float32)
        read = [index for index, candidate in enumerate(candidates) if candidate.text is not None]
        if texts and read:
            query = _clean("\n".join(texts))
            scores[read] = self._predict([(query, _clean(candidates[index].text or "")) for index in read])
        return scores

    def _predict(self, pairs: list[tuple[str, str]]) -> Vectors:
        # One at a time: tokenizers change state while they cut, and one run keeps all cores busy.
        with self._lock:
            if self._model is None:
                self._model = _load(self._source)
            import torch

            # Some heads give logits and some probabilities; of any, the sigmoid of the logit keeps the order.
            scores = self._model.predict(
                pairs, batch_size=BATCH, activation_fn=torch.nn.Sigmoid(), show_progress_bar=False
            )
        return np.asarray(scores, np.float32)


def _clean(text: str) -> str:
    # Names of files may hold lone surrogates, which no tokenizer takes.
    return text[:MAX_CHARACTERS].encode("utf-8", "replace").decode()


def _load(source: str) -> Any:
    """The model. Raises `EncoderUnavailable`."""
    try:
        from sentence_transformers import CrossEncoder
    except ImportError:
        raise EncoderUnavailable(
            f"cross-encoder needs the package sentence-transformers: pip install 'bowerbird[rerank]', {WITHOUT}"
        ) from None
    name, here = _located(source)
    try:
        with _no_bars() if here else contextlib.nullcontext():  # the hub's own bar stays
            model = CrossEncoder(name, local_files_only=here, trust_remote_code=False)
    except Exception as error:  # clients, unpickling and load_state_dict fail in many ways, all with this one meaning
        raise EncoderUnavailable(
            f"{source} cannot be loaded as a cross-encoder ({reason_of(error)}); {_OTHER}"
        ) from error
    _check(source, model)
    model.max_seq_length = min(model.max_seq_length or MAX_TOKENS, MAX_TOKENS)
    return model.eval()


def _located(source: str) -> tuple[str, bool]:
    """What to load, and whether all of it is on this machine, so that no network is asked."""
    folder = Path(source).expanduser()
    if folder.is_dir():
        return str(folder.absolute()), True
    if _is_kept(source):
        return source, True
    if hub.answers(source):
        return source, False
    raise EncoderUnavailable(
        f"the weights of {source} are not here and the model hub does not answer or does not have them; "
        f"connect once and run this again, name a folder, {WITHOUT}"
    )


@contextlib.contextmanager
def _no_bars() -> Iterator[None]:
    """transformers counts every weight that it reads from disk."""
    import transformers

    bars: Any = transformers.logging  # partly untyped
    shown = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            bars.enable_progress_bar()


def _is_kept(repository: str) -> bool:
    from huggingface_hub import try_to_load_from_cache

    def kept(name: str) -> bool:
        return isinstance(try_to_load_from_cache(repository, name), str)

    return kept("config.json") and any(kept(name) for name in _WEIGHT_FILES)


def _check(source: str, model: Any) -> None:
    """Raises `EncoderUnavailable` where the model was not trained to give one score for a pair of texts."""
    trained_as = (getattr(model.config, "architectures", None) or ["nothing that is known"])[0]
    if not trained_as.endswith(("ForSequenceClassification", "ForCausalLM")):  # its head would be made of chance
        raise EncoderUnavailable(f"{source} is no cross-encoder but {trained_as}; {_OTHER}")
    if model.num_labels != 1:
        raise EncoderUnavailable(f"{source} gives {model.num_labels} scores for a pair, not one; {_OTHER}")


_OTHER = f"name another one, {WITHOUT}"
