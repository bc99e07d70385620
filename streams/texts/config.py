"""Step 7 of 7: which files hold the words of the letters."""

from typing import Annotated

from msgspec import Meta, Struct


class TextsConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which words a researcher reads; without a file those of `streams/texts/english.toml`."""

    default: Annotated[
        str | None, Meta(description="file of words (TOML); absent: the English ones")
    ] = None
    jurisdictions: Annotated[
        dict[str, str], Meta(description="files for institutions registered there")
    ] = {}
