"""``auto``: the best encoder that can be had here, settled once, when a library is made."""

from __future__ import annotations

from dataclasses import dataclass

from bowerbird.models import hub

PREFERRED = "open_clip:ViT-B-32/laion2b_s34b_b79k"
REPOSITORY = "laion/CLIP-ViT-B-32-laion2B-s34B-b79K"
FALLBACK = "concepts"


@dataclass(frozen=True, slots=True)
class Choice:
    """What ``auto`` became, and one line for the user: what was chosen, why, and how to change it."""

    spec: str
    reason: str


def settle(*, endpoint: str | None = None, deadline_s: float = hub.DEADLINE_S) -> Choice:
    """CLIP where its weights are here or can be fetched, else the encoder that came with pip.

    Answers within about ``deadline_s``, whatever the network does; fetches nothing.
    ``endpoint`` is as in `hub.answers`.
    """
    if hub.kept_weights(REPOSITORY):
        return Choice(PREFERRED, _line(PREFERRED, "its weights are on this machine", FALLBACK))
    if hub.answers(REPOSITORY, endpoint=endpoint, deadline_s=deadline_s):
        return Choice(PREFERRED, _line(PREFERRED, "the model hub answers, and its weights will be fetched", FALLBACK))
    return Choice(FALLBACK, _line(FALLBACK, "the model hub does not answer and CLIP's weights are not here", PREFERRED))


def _line(chosen: str, why: str, other: str) -> str:
    return f"encoder: {chosen} ({why}); to change it now or later: bowerbird reencode --encoder {other}"
