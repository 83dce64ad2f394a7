"""What goes into the routes that tell of the library itself, and change its encoder, and what comes out."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=0)]


class ReencodeIn(BaseModel):
    """Which encoder is to be built beside the one that is searched."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [{"encoder": "open_clip:ViT-B-32/laion2b_s34b_b79k"}, {}]},
    )

    encoder: str | None = Field(None, max_length=200, description="Left out: go on with the one that was begun")


class ActivateIn(BaseModel):
    """How the switch is to be made."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra={"examples": [{"even_so": False}]})

    even_so: bool = Field(default=False, description="Although the pictures of some files are out of reach")


class SpaceOut(BaseModel):
    """A space of meaning: one encoder's vectors."""

    name: Literal["joint", "text"]
    encoder: str
    dimension: int
    state: Literal["active", "building", "retired"]


class BuildingOut(BaseModel):
    """How far another encoder has come."""

    encoder: str
    spaces: list[SpaceOut]
    segments: int
    missing: int
    waiting: int
    from_thumbnails: int
    ready: bool


class ReencodingOut(BaseModel):
    """The spaces of a library; what is being built, and what is kept to go back to."""

    version: Literal[1]
    spaces: list[SpaceOut]
    building: BuildingOut | None
    kept: str | None


class SwitchedOut(BaseModel):
    """What is searched from now on; ``unfinished`` files lack vectors there until they are indexed."""

    version: Literal[1]
    encoder: str
    spaces: list[SpaceOut]
    unfinished: int


class RetiredOut(BaseModel):
    """Spaces that are gone, and how many vectors with them."""

    version: Literal[1]
    retired: list[SpaceOut]
    freed: int


class RootOut(BaseModel):
    """A folder that the owner has added."""

    path: str
    files: Count
    online: bool


class RootsOut(BaseModel):
    """Where a library's files lie."""

    version: Literal[1]
    roots: list[RootOut]


class ReencodingStatus(BaseModel):
    """What is being built, and what is kept to go back to."""

    building: BuildingOut | None
    kept: str | None


class DestinationOut(BaseModel):
    """A model, and the address that pictures and words are sent to for it; null: nothing leaves this machine."""

    spec: str
    sends_to: str | None


class StatusOut(BaseModel):
    """What a library holds, in numbers."""

    version: Literal[1]
    library: str
    bytes: Count
    spaces: list[SpaceOut]
    reencoding: ReencodingStatus
    files: Count
    failed: Count
    assets: dict[str, Count]
    segments: dict[str, Count]
    captions: dict[str, Count] = Field(description="By captioner: how many assets it has said something of")
    captioner: DestinationOut
    answerer: DestinationOut
    last_index: dict[str, Any] | None
    roots: list[RootOut]
