"""Settings: flag > `OCTAVO_*` > `octavo.toml` > default. Every field says its unit, default and meaning."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import msgspec
from msgspec import Meta

from octavo.errors import InvalidSetting


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that can be set. Read with `load`."""

    record: Annotated[
        str,
        Meta(
            description="The record: a directory, `embedded:DIR`, or `postgresql://…` of a member of octavo_app."
        ),
    ] = "embedded:./octavo-data"
    record_system: Annotated[
        str,
        Meta(
            description="`postgresql://…` of a member of octavo_system, for feed and projections. Embedded: not needed."
        ),
    ] = ""
    record_direct: Annotated[
        str,
        Meta(
            description="The record's URL past the pooler, for LISTEN, leases and migrations. Empty: the record's."
        ),
    ] = ""
    record_admin: Annotated[
        str,
        Meta(
            description="`postgresql://…` of a role that may create roles and schemas; used by `octavo migrate` alone."
        ),
    ] = ""
    record_backup: Annotated[
        str,
        Meta(
            description="`postgresql://…` of a member of octavo_backup, past any pooler, for `octavo backup`. "
            "Embedded: not needed."
        ),
    ] = ""
    search: Annotated[
        str,
        Meta(
            description="First engine of the search role: `postgres`, `tantivy:DIR`, an index in a folder of this "
            "machine, or `opensearch://HOST:PORT/PREFIX`, a cluster. Later ones by `octavo engines promote`. "
            "Empty: whichever serves, at first `postgres`."
        ),
    ] = ""
    vectors: Annotated[
        str,
        Meta(
            description="First engine of the vectors role: `none`, `postgres`, or Qdrant as `qdrants://HOST:6333`, "
            "`qdrant:DIR`. Later ones by `octavo engines promote`. Needs the extra `vectors`."
        ),
    ] = "none"
    embedder: Annotated[
        str,
        Meta(
            description="What makes vectors: `wordllama`, offline; `openai:MODEL@https://HOST/v1?dimensions=N`; "
            "`sentence-transformers:MODEL?dimensions=N`. Its key is in `engine_logins`."
        ),
    ] = "wordllama"
    generator: Annotated[
        str,
        Meta(
            description="What the component `generate` writes by: `local`, no language model but sentences of the "
            "material, always the same; `openai:MODEL@https://HOST/v1`. Its key is in `engine_logins`."
        ),
    ] = "local"
    engine_logins: Annotated[
        str,
        Meta(
            description="Logins of engines, whose URLs hold none: `host:port=user:password`, with commas between."
        ),
    ] = ""
    analytics: Annotated[
        str,
        Meta(
            description="First engine of the analytics role, which counts events: `postgres`, "
            "`clickhouse://HOST:PORT/DATABASE` (`clickhouses`: over TLS), or `none`. Later ones by "
            "`octavo engines promote`. Empty: whichever serves, at first `postgres`."
        ),
    ] = ""
    blobs: Annotated[
        str, Meta(description="Where original files are: `file:DIR`. Empty: `blobs` in the data directory.")
    ] = ""
    types: Annotated[
        str, Meta(description="Document types to register, as `module:Class`, with commas between them.")
    ] = ""
    components: Annotated[
        str, Meta(description="Components for pipelines, as `module:attribute`, with commas between them.")
    ] = ""
    run_slots: Annotated[int, Meta(ge=1, le=10_000, description="Runs a worker has under way at most.")] = 100
    run_processes: Annotated[
        int, Meta(ge=0, description="Processes of a worker for components that compute. 0: one a core.")
    ] = 0
    run_memory_bytes: Annotated[
        int,
        Meta(
            ge=256 * 1024 * 1024,
            description="Address space of such a process, in bytes; the kernel refuses more.",
        ),
    ] = 2 * 1024 * 1024 * 1024
    model_hosts: Annotated[
        str,
        Meta(
            description="Hosts that URLs of models may name, as `models.example.com, 10.0.0.5:8080`; their health "
            "checks ask no others. Empty: none."
        ),
    ] = ""
    batch_days: Annotated[
        int,
        Meta(
            ge=0,
            le=36_500,
            description="Days for which the runs of a batch are kept once it is over; maintenance removes them then, "
            "and the batch keeps its sums. 0: for good.",
        ),
    ] = 0
    namespace: Annotated[str, Meta(description="Namespace of calls that name none.")] = "default"
    organization: Annotated[str, Meta(description="Organization of calls that name none.")] = "default"
    actor: Annotated[str, Meta(description="Actor of calls that name none: `kind:id`.")] = "system:octavo"
    pool_size: Annotated[int, Meta(ge=1, le=1000, description="Connections at most a process and role.")] = 10
    pool_warm: Annotated[int, Meta(ge=0, description="Connections opened at the start and kept.")] = 1
    acquire_timeout_seconds: Annotated[
        float, Meta(gt=0, description="How long a call waits for a free connection, in seconds.")
    ] = 10.0
    connection_lifetime_seconds: Annotated[
        float, Meta(gt=0, description="Age at which a connection is replaced, in seconds.")
    ] = 3600.0
    statement_timeout_seconds: Annotated[
        float, Meta(gt=0, description="Longest statement, in seconds; the server cancels it.")
    ] = 30.0
    transaction_timeout_seconds: Annotated[
        float, Meta(gt=0, description="Longest transaction, in seconds; long ones hold the feed back.")
    ] = 30.0
    start_timeout_seconds: Annotated[
        float,
        Meta(
            gt=0, description="How long to wait for the embedded server, crash recovery included, in seconds."
        ),
    ] = 120.0
    idle_stop_seconds: Annotated[
        float,
        Meta(gt=0, description="The embedded server stops when nobody has used it for so many seconds."),
    ] = 60.0
    max_body_bytes: Annotated[int, Meta(ge=1024, description="Longest body, in bytes of JSON.")] = (
        64 * 1024 * 1024
    )
    max_batch: Annotated[int, Meta(ge=1, description="Documents of one put_many or get_many at most.")] = (
        10_000
    )
    max_page: Annotated[int, Meta(ge=1, description="Documents of one page at most.")] = 1_000
    max_scanned: Annotated[
        int,
        Meta(ge=100, description="Documents an unindexed condition may look at before the query is refused."),
    ] = 20_000


def load(
    overrides: Mapping[str, Any] | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    file: Path | None = None,
) -> Settings:
    """Settings from flags, environment and file, in this order of weight.

    Args:
        overrides: flags; None values count as not given.
        environment: defaults to the process's own; names are `OCTAVO_` + the field in capitals.
        file: defaults to `octavo.toml` in the working directory, if there is one.

    Raises:
        InvalidSetting: an unknown name or a value out of range, naming it and where it came from.
    """
    source = os.environ if environment is None else environment
    path = file or Path("octavo.toml")
    values: dict[str, Any] = {}
    if file is not None or path.is_file():
        values |= _from_file(path)
    values |= {
        name: source[key]
        for name in Settings.__struct_fields__
        if (key := f"OCTAVO_{name.upper()}") in source
    }
    values |= {name: value for name, value in (overrides or {}).items() if value is not None}
    unknown = sorted(set(values) - set(Settings.__struct_fields__))
    if unknown:
        raise InvalidSetting(f"there is no setting {unknown[0]!r}", remedy="see docs/reference/settings.md")
    return Settings(**{name: _convert(name, value) for name, value in values.items()})


def _from_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidSetting(f"{path} cannot be read: {error}", remedy="mend or remove the file") from error


def _convert(name: str, value: Any) -> Any:
    kind = get_type_hints(Settings, include_extras=True)[name]
    try:
        return msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidSetting(
            f"{name} = {value!r}: {error}", remedy="see docs/reference/settings.md", setting=name
        ) from error
