"""Names of languages as containers and file names write them -> two letters (ISO 639-1), as Whisper has them."""

from __future__ import annotations

import re

_THREE = """
afr af, alb sq, amh am, ara ar, arm hy, asm as, aze az, bak ba, baq eu, bel be, ben bn, bod bo, bos bs, bre br, bul bg,
bur my, cat ca, ces cs, chi zh, cym cy, cze cs, dan da, deu de, dut nl, ell el, eng en, epo eo, est et, eus eu, fao fo,
fas fa, fil tl, fin fi, fra fr, fre fr, geo ka, ger de, gle ga, glg gl, gre el, guj gu, hat ht, hau ha, haw haw, heb he,
hin hi, hrv hr, hun hu, hye hy, ice is, ind id, isl is, ita it, jav jv, jpn ja, kan kn, kat ka, kaz kk, khm km, kor ko,
lao lo, lat la, lav lv, lin ln, lit lt, ltz lb, mac mk, mal ml, mao mi, mar mr, may ms, mkd mk, mlg mg, mlt mt, mon mn,
mri mi, msa ms, mya my, nep ne, nld nl, nno nn, nob nb, nor no, oci oc, pan pa, per fa, pol pl, por pt, pus ps, ron ro,
rum ro, rus ru, san sa, sin si, slk sk, slo sk, slv sl, sna sn, snd sd, som so, spa es, sqi sq, srp sr, sun su, swa sw,
swe sv, tam ta, tat tt, tel te, tgk tg, tgl tl, tha th, tib bo, tuk tk, tur tr, ukr uk, urd ur, uzb uz, vie vi, wel cy,
yid yi, yor yo, yue yue, zho zh
"""
"""ISO 639-2, both its codes where it has two."""
_CODES = dict(pair.split() for pair in _THREE.split(","))
_KNOWN = frozenset(_CODES.values())
_ASIDE = {"forced", "sdh", "cc", "hi", "full", "default"}
"""What stands where a language might; ``hi`` behind another language is for the hard of hearing, and no Hindi."""


def language_code(name: str | None) -> str | None:
    """``eng``, ``en-GB`` or ``EN`` -> ``en``; None where it is no language that is known."""
    base = re.split("[-_]", (name or "").strip().lower())[0]
    return base if base in _KNOWN else _CODES.get(base)


def is_beside_language(word: str) -> bool:
    """Whether a word of a file's name is a language, or says what sort of subtitles these are."""
    return word.lower() in _ASIDE or language_code(word) is not None


def language_of_name(stem: str) -> str | None:
    """``film.en``, ``film.pt-BR`` or ``film.eng.forced`` -> the language, None where the name tells none."""
    words = stem.split(".")[1:][-3:]
    while len(words) > 1 and words[-1].lower() in _ASIDE:
        words.pop()
    return language_code(words[-1]) if words else None
