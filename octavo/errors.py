"""Every error Octavo raises, in one tree.

    OctavoError                       code, message, remedy, fields
    ├── InvalidInput                  a value was refused; nothing changed
    │   ├── InvalidSetting            a setting, flag or environment variable
    │   ├── InvalidFilter             a filter, order or cursor
    │   ├── InvalidBody               a body does not fit its document type; `problems` name the paths
    │   ├── IncompatibleType          a document type was changed under the same version
    │   ├── InvalidPipeline           a pipeline that cannot run: unknown component, cycle, wrong configuration
    │   ├── ModelNotAllowed           a model that the organization or the pipeline does not allow
    │   ├── InvalidTemplate           a template that cannot be filled, or a variable of it that is not given
    │   └── LimitExceeded             a documented limit: bytes, depth, count, length
    ├── NotFound                      no such document, version, tag, organization …
    ├── Conflict                      the state is not the one the caller expected
    │   ├── VersionConflict           expected and actual version
    │   ├── AlreadyExists             create-only, and it exists
    │   ├── IdempotencyConflict       the key was used with another request
    │   ├── QuotaExceeded             an organization has had what a day gives it; `resets_at` tells when more
    │   ├── StaleLease                a run was taken from this worker, so its result is refused
    │   └── GuardFailed               a guarded change whose condition does not hold
    ├── AccessDenied                  another organization, or a role without the right
    ├── Unavailable                   try again: the record or an engine does not answer
    │   ├── PoolTimeout               no free connection within the limit
    │   ├── StatementTimeout          a statement or transaction ran into its limit
    │   ├── PositionTimeout           the engine has not reached the position in time
    │   └── Contention                deadlock or serialization failure, after retries
    ├── RecordFault                   the record itself needs an operator
    │   ├── ServerFault               the embedded server cannot be started or stopped
    │   ├── StorageFault              the disk is full or read-only
    │   ├── MigrationFault            a migration failed or was changed
    │   └── MigrationNeeded           the schema is older than this code
    ├── IngestFault                   one file cannot be read; the others go on
    │   ├── UnreadableFile            broken, encrypted, or not what it says it is
    │   └── RefusedFile               hostile or over a limit
    ├── StepFailed                    a component says that trying again is of no use
    ├── BackupFault                   a backup is incomplete, damaged or does not fit
    └── MissingExtra                  an optional dependency is not installed

`code` is stable and meant for programs; `message` names the value; `remedy` the way out.
A driver's error is always kept as `__cause__`, and never shown: it may quote stored values.
"""

from __future__ import annotations

from typing import Any, ClassVar


class OctavoError(Exception):
    """Base of every error Octavo raises.

    Args:
        message: what went wrong, with the offending value.
        remedy: what the caller can do about it; empty when the message says it.
        **fields: typed details for programs, readable as `error.fields`.
    """

    code: ClassVar[str] = "octavo"

    def __init__(self, message: str, *, remedy: str = "", **fields: Any) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.fields = fields

    def __str__(self) -> str:
        return f"{self.message} — {self.remedy}" if self.remedy else self.message

    def as_dict(self) -> dict[str, Any]:
        """The error as data: `{"code", "message", "remedy", …fields}`."""
        return {"code": self.code, "message": self.message, "remedy": self.remedy, **self.fields}


class InvalidInput(OctavoError):
    """A value was refused before anything changed."""

    code = "invalid_input"


class InvalidSetting(InvalidInput):
    """A setting, a flag or an environment variable has a value that cannot work."""

    code = "invalid_setting"


class InvalidFilter(InvalidInput):
    """A filter, an order or a cursor cannot be understood."""

    code = "invalid_filter"


class InvalidBody(InvalidInput):
    """A body does not fit its document type; `fields` holds `type` and `problems` (`path`, `problem`, `kind`)."""

    code = "invalid_body"


class IncompatibleType(InvalidInput):
    """A document type was changed under the same version; `fields` holds `type`, `version` and `differences`."""

    code = "incompatible_type"


class InvalidPipeline(InvalidInput):
    """A pipeline cannot run: an unknown component, a cycle, a wrong configuration; `fields` tell the step."""

    code = "invalid_pipeline"


class ModelNotAllowed(InvalidInput):
    """A model that the organization, or the pipeline, does not allow; `fields` tell the `model`."""

    code = "model_not_allowed"


class InvalidTemplate(InvalidInput):
    """A template cannot be filled: its structure, a text, or a variable that is not given; `fields` tell where."""

    code = "invalid_template"


class LimitExceeded(InvalidInput):
    """A documented limit was exceeded; `fields` holds `limit` and `actual`."""

    code = "limit_exceeded"


class NotFound(OctavoError):
    """There is no such document, version, tag, session or organization for this caller."""

    code = "not_found"


class Conflict(OctavoError):
    """The stored state is not the one the caller expected."""

    code = "conflict"


class VersionConflict(Conflict):
    """`expect=` named another version than the current one (`fields`: `expected`, `actual`)."""

    code = "version_conflict"


class AlreadyExists(Conflict):
    """The call may only create, and the document, name or id exists."""

    code = "already_exists"


class IdempotencyConflict(Conflict):
    """The idempotency key was used before, with another request."""

    code = "idempotency_conflict"


class QuotaExceeded(Conflict):
    """An organization has had the runs of a day; `fields` hold `limit`, `actual` and `resets_at`."""

    code = "quota_exceeded"


class StaleLease(Conflict):
    """A run was taken from this worker, which was thought to be dead; its result was refused."""

    code = "stale_lease"


class GuardFailed(Conflict):
    """A guarded change was not made because its condition does not hold."""

    code = "guard_failed"


class AccessDenied(OctavoError):
    """The caller's organization or role does not allow this."""

    code = "access_denied"


class Unavailable(OctavoError):
    """The record or an engine does not answer now; the same call may succeed later."""

    code = "unavailable"


class PoolTimeout(Unavailable):
    """No connection became free within the acquire timeout."""

    code = "pool_timeout"


class StatementTimeout(Unavailable):
    """A statement or a transaction ran into its time limit and was rolled back."""

    code = "statement_timeout"


class PositionTimeout(Unavailable):
    """An engine has not reached the wanted position before the deadline."""

    code = "position_timeout"


class Contention(Unavailable):
    """Concurrent writers kept this one from committing, also after retries."""

    code = "contention"


class RecordFault(OctavoError):
    """The record needs an operator."""

    code = "record_fault"


class ServerFault(RecordFault):
    """The embedded server cannot be started, reached or stopped."""

    code = "server_fault"


class StorageFault(RecordFault):
    """The disk under the record is full, read-only or unreadable."""

    code = "storage_fault"


class MigrationFault(RecordFault):
    """A migration failed, or an applied one was changed afterwards."""

    code = "migration_fault"


class MigrationNeeded(RecordFault):
    """The schema of the record is older than this code needs."""

    code = "migration_needed"


class IngestFault(OctavoError):
    """One file could not be ingested; the others are not affected."""

    code = "ingest_fault"


class UnreadableFile(IngestFault):
    """The file is broken, encrypted or not what its name says."""

    code = "unreadable_file"


class RefusedFile(IngestFault):
    """The file is over a limit, of a kind that is never read, or hostile."""

    code = "refused_file"


class StepFailed(OctavoError):
    """Raised by a component when trying again is of no use: the run is dead at once, for a person to look at."""

    code = "step_failed"


class BackupFault(OctavoError):
    """A backup or an export is incomplete, damaged, or does not fit this version."""

    code = "backup_fault"


class MissingExtra(OctavoError):
    """A feature needs an optional dependency; the remedy names the extra to install."""

    code = "missing_extra"
