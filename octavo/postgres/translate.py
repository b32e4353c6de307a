"""From the driver's errors to Octavo's: the one place. The cause is kept, its text is not repeated."""

from __future__ import annotations

import re
from collections.abc import Callable

import asyncpg
from asyncpg import exceptions as pg

from octavo.errors import (
    AccessDenied,
    AlreadyExists,
    Conflict,
    Contention,
    InvalidInput,
    MigrationNeeded,
    NotFound,
    OctavoError,
    RecordFault,
    StatementTimeout,
    StorageFault,
    Unavailable,
)

DRIVER_ERRORS = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)

# SQLSTATE of errors our own SQL raises: their messages are ours and quote no stored value.
INVALID_CHANGE = "OC001"


def translate(error: BaseException) -> OctavoError:
    """The Octavo error for a driver's error; a message never quotes what PostgreSQL says of stored values."""
    if isinstance(error, OctavoError):
        return error
    for kinds, make in _RULES:
        if isinstance(error, kinds):
            return make(error)
    if isinstance(error, asyncpg.PostgresError):
        return _other(error)
    return Unavailable(
        f"the record did not answer ({type(error).__name__})",
        remedy="whether the change was made is not known: read before you repeat it, or use an idempotency key",
    )


def is_transient(error: BaseException) -> bool:
    """Whether PostgreSQL rolled the transaction back for a reason that the next attempt need not meet."""
    if isinstance(error, pg.DeadlockDetectedError | pg.SerializationError):
        return True
    # The collector of bodies removed a body between our look and our reference to it.
    return isinstance(error, pg.ForeignKeyViolationError) and error.constraint_name == "version_body_fkey"


def _unique(error: BaseException) -> OctavoError:
    return AlreadyExists(
        f"another row already holds this value ({getattr(error, 'constraint_name', 'unique')})",
        remedy="read the existing document, or choose another name or id",
    )


def _check(error: BaseException) -> OctavoError:
    return InvalidInput(
        f"a value does not satisfy the rule {getattr(error, 'constraint_name', None) or 'of its column'}",
        remedy="see the limits in docs/reference",
    )


def _contention(error: BaseException) -> OctavoError:
    return Contention("concurrent writers kept this change from committing", remedy="try again")


def _timeout(error: BaseException) -> OctavoError:
    return StatementTimeout(
        "the statement or transaction ran into its time limit and was rolled back",
        remedy="do less in one call, or raise statement_timeout_seconds",
    )


def _storage(error: BaseException) -> OctavoError:
    return StorageFault(
        f"the record's disk refuses to be written ({type(error).__name__})",
        remedy="free space or make the disk writable, then try again: what was acknowledged is safe",
    )


def _unavailable(error: BaseException) -> OctavoError:
    return Unavailable(
        f"the record does not accept connections now ({type(error).__name__})",
        remedy="try again; `octavo status` and `octavo doctor` tell more",
    )


def _schema(error: BaseException) -> OctavoError:
    return MigrationNeeded(
        f"the record lacks something this version needs ({type(error).__name__})",
        remedy="run `octavo migrate up`",
    )


def _denied(error: BaseException) -> OctavoError:
    return AccessDenied(
        "the record refuses this to the connected role",
        remedy="connect as a member of octavo_app (and of octavo_system for background work)",
    )


def _own(error: BaseException) -> OctavoError:
    return InvalidInput(str(error))


def _other(error: asyncpg.PostgresError) -> OctavoError:
    state = getattr(error, "sqlstate", None) or "?????"
    if state == INVALID_CHANGE:
        return _own(error)
    if re.match(r"22|42", state):
        return InvalidInput(f"PostgreSQL refused a value (SQLSTATE {state})", sqlstate=state)
    return RecordFault(f"PostgreSQL reported SQLSTATE {state}", remedy="see the server's log", sqlstate=state)


_RULES: tuple[tuple[tuple[type[BaseException], ...], Callable[[BaseException], OctavoError]], ...] = (
    ((pg.UniqueViolationError,), _unique),
    ((pg.ForeignKeyViolationError,), lambda e: NotFound("what this refers to does not exist (any more)")),
    ((pg.CheckViolationError, pg.NotNullViolationError), _check),
    ((pg.DeadlockDetectedError, pg.SerializationError), _contention),
    ((pg.LockNotAvailableError,), lambda e: Conflict("somebody else holds the lock", remedy="try again")),
    ((pg.QueryCanceledError, pg.IdleInTransactionSessionTimeoutError), _timeout),
    ((pg.DiskFullError, pg.ReadOnlySQLTransactionError, pg.PostgresIOError), _storage),
    ((pg.InvalidAuthorizationSpecificationError, pg.InsufficientPrivilegeError), _denied),
    (
        (
            pg.UndefinedTableError,
            pg.UndefinedFunctionError,
            pg.UndefinedColumnError,
            pg.InvalidSchemaNameError,
        ),
        _schema,
    ),
    (
        (pg.CannotConnectNowError, pg.TooManyConnectionsError, pg.AdminShutdownError, pg.CrashShutdownError),
        _unavailable,
    ),
    ((pg.UntranslatableCharacterError,), lambda e: InvalidInput("a text holds the character U+0000")),
)
