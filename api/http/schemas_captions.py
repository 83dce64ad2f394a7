"""What goes into the routes of captions and comes out, as OpenAPI tells it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class CaptionIn(BaseModel):
    """What is to be captioned, and by whom: never a captioner that the caller makes up."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [{"kinds": ["image"], "limit": 100}, {}]}
    )

    kinds: list[Literal["image", "frame", "page"]] = Field(
        default=[], max_length=3, description="None: pictures, and frames of films where that costs nothing"
    )
    limit: int | None = Field(None, ge=1, le=1 << 31, description="So many pictures at most")
    again: bool = Field(default=False, description="Caption anew what is captioned already, too")
    captioner: str | None = Field(
        None, max_length=1000, description="`concepts`, or what the library's settings name, which is the default"
    )


class OwnCaptionIn(BaseModel):
    """What the owner says of an asset."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [{"text": "grandma's garden in June"}]}
    )

    text: str = Field(min_length=1, max_length=4000)


class OwnCaptionOut(BaseModel):
    """What is kept."""

    version: Literal[1]
    asset_id: str
    text: str
