"""CLIP's own tokenizer (Radford et al. 2021) through the ``tokenizers`` library, so that a search imports no torch.

The same ids as ``open_clip.SimpleTokenizer``, except that ``<start_of_text>`` and ``<end_of_text>`` written out in a
text are read as the letters they are.
"""

from __future__ import annotations

import gzip
import html
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

PIECES = r"'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+"
MERGES = 49152 - 256 - 2
START, END = "<start_of_text>", "<end_of_text>"


def vocabulary() -> Path | None:
    """CLIP's merges, a file inside the open_clip package, which is found but not imported; None where it is gone."""
    spec = find_spec("open_clip")
    if spec is None or spec.origin is None:
        return None
    file = Path(spec.origin).parent / "bpe_simple_vocab_16e6.txt.gz"
    return file if file.is_file() else None


class ClipTokens:
    """Texts -> ids ``(n, context_length)`` int64: start, the text cut to fit, end, zeros."""

    def __init__(self, merges: Path, context_length: int) -> None:
        # open_clip's own engine: which characters are letters differs between engines.
        import regex  # type: ignore[import-untyped]
        from tokenizers import Tokenizer, models, pre_tokenizers

        lines = gzip.decompress(merges.read_bytes()).decode().split("\n")[1 : MERGES + 1]
        pairs = [(left, right) for left, right in (line.split() for line in lines)]
        letters = _byte_letters()
        words = [*letters, *(letter + "</w>" for letter in letters), *(left + right for left, right in pairs)]
        ids = {word: number for number, word in enumerate([*words, START, END])}
        self._start, self._end = ids[START], ids[END]
        self._length = context_length
        self._pieces = regex.compile(PIECES, regex.IGNORECASE)
        self._merged = Tokenizer(models.BPE(ids, pairs, end_of_word_suffix="</w>"))
        self._merged.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)

    def __call__(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """The ids of ``texts``."""
        ids = np.zeros((len(texts), self._length), np.int64)
        pieces = [self._pieces.findall(_clean(text)) for text in texts]
        for row, encoding in zip(ids, self._merged.encode_batch(pieces, is_pretokenized=True), strict=True):
            inner = encoding.ids[: self._length - 2]
            row[: len(inner) + 2] = [self._start, *inner, self._end]
        return ids


def _clean(text: str) -> str:
    import ftfy

    return " ".join(html.unescape(html.unescape(ftfy.fix_text(text))).split()).lower()


def _byte_letters() -> list[str]:
    """A printable letter for each byte, in the order of the vocabulary, as GPT-2 chose them."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = 256 - len(printable)
    return [chr(byte) for byte in printable] + [chr(256 + index) for index in range(others)]
