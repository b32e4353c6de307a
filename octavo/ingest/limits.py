"""What ingest refuses, whatever it is: every limit with its unit."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

MIB = 1024 * 1024


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of one ingest. A file over one of them is one reported line; the others go on."""

    max_file_bytes: Annotated[int, Meta(ge=1, description="Largest file, in bytes.")] = 256 * MIB
    max_text_characters: Annotated[int, Meta(ge=1, description="Longest text of a file, in code points.")] = (
        16 * MIB
    )
    max_pages: Annotated[int, Meta(ge=1, description="Pages of a PDF at most.")] = 20_000
    max_attachments: Annotated[int, Meta(ge=0, description="Attachments of one mail at most.")] = 1_000
    max_attachment_depth: Annotated[
        int, Meta(ge=0, description="How deep mails in mails are read; what is deeper is kept unread.")
    ] = 3
    max_unpacked_bytes: Annotated[
        int, Meta(ge=1, description="What a part of an office file may unpack to, in bytes.")
    ] = 128 * MIB
    max_unpacked_ratio: Annotated[
        int,
        Meta(
            ge=1,
            description="How many times its packed size a part over 1 MiB, or an archive, may unpack to.",
        ),
    ] = 200
    seconds_per_file: Annotated[int, Meta(ge=1, description="Longest time for one file, in seconds.")] = 60
    max_worker_bytes: Annotated[
        int, Meta(ge=256 * MIB, description="Address space of a reading process, in bytes.")
    ] = 3 * 1024 * MIB
    max_bytes_in_flight: Annotated[
        int,
        Meta(ge=1, description="Sizes of all files being read at once, in bytes; one larger file alone may."),
    ] = 128 * MIB
    max_archive_depth: Annotated[
        int, Meta(ge=1, description="How deep archives in archives are opened; 1: none in another.")
    ] = 2
    max_archive_members: Annotated[
        int,
        Meta(ge=1, description="Files and folders in an archive at most, those of archives in it included."),
    ] = 20_000
    max_archive_bytes: Annotated[
        int, Meta(ge=1, description="What an archive may unpack to in all, in bytes.")
    ] = 4096 * MIB
    max_page_bytes: Annotated[int, Meta(ge=1, description="Largest file from the web, in bytes.")] = 32 * MIB
    max_redirects: Annotated[int, Meta(ge=0, description="Redirections that are followed for a URL.")] = 5
    seconds_per_page: Annotated[
        int, Meta(ge=1, description="Longest time for a URL, redirections included, in seconds.")
    ] = 30
    pages_at_once: Annotated[int, Meta(ge=1, description="URLs fetched at once.")] = 8
    pages_at_once_per_host: Annotated[int, Meta(ge=1, description="Of these, from one host.")] = 2
    milliseconds_between_pages: Annotated[
        int, Meta(ge=0, description="Between two requests to one host, in milliseconds.")
    ] = 500
    attempts_per_page: Annotated[
        int, Meta(ge=1, description="How often a URL is asked for, while its site answers that it is busy.")
    ] = 3
    seconds_per_pause: Annotated[
        int,
        Meta(ge=0, description="Longest pause that a busy site is given when it asks for one, in seconds."),
    ] = 60
