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
    InvalidSetting,
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
INDEX_GONE = "OC002"

# EROFS and EACCES of its files PostgreSQL calls "insufficient privilege"; only the place tells them apart.
_FILE_SOURCES = frozenset({"fd.c", "md.c", "smgr.c", "slru.c", "xlog.c", "buffile.c", "sharedfileset.c"})


def translate(error: BaseException) -> OctavoError:
    """The Octavo error for a driver's error; a message never quotes what PostgreSQL says of stored values."""
    if isinstance(error, OctavoError):
        return error
    if isinstance(error, pg.ConnectionDoesNotExistError) and isinstance(
        error.__cause__, asyncpg.PostgresError
    ):
        error = error.__cause__  # the server's last word before it closed the connection
    for kinds, make in _RULES:
        if isinstance(error, kinds):
            return make(error)
    if isinstance(error, asyncpg.PostgresError):
        return _other(error)
    return _lost(error)


def translate_connect(error: BaseException) -> OctavoError:
    """The Octavo error for a connection that did not come about: nothing was sent, so nothing is in doubt."""
    if isinstance(error, ValueError):
        return InvalidSetting(
            f"the record's URL cannot be used ({type(error).__name__})",
            remedy="write postgresql://USER:PASSWORD@HOST:PORT/DATABASE, special characters percent-encoded",
        )
    if isinstance(error, OSError | pg.PostgresConnectionError):
        what = str(error) if isinstance(error, OSError) else type(error).__name__
        return Unavailable(
            f"the record cannot be reached: {what or type(error).__name__}",
            remedy="see whether the server runs, and the host and port of the URL",
        )
    return translate(error)


def is_transient(error: BaseException) -> bool:
    """Whether PostgreSQL rolled the transaction back for a reason that the next attempt need not meet."""
    if isinstance(error, pg.DeadlockDetectedError | pg.SerializationError):
        return True
    # The collector of bodies removed a body between our look and our reference to it.
    return isinstance(error, pg.ForeignKeyViolationError) and error.constraint_name == "version_body_fkey"


def is_fatal(error: BaseException | None) -> bool:
    """Whether the connection ends with this error: the server's word for it, or the driver's, which lost its place."""
    return isinstance(error, asyncpg.InternalClientError) or getattr(error, "severity_en", None) in (
        "FATAL",
        "PANIC",
    )


def was_not_sent(error: BaseException) -> bool:
    """Whether the driver had read the server's last word while nothing was asked, and so sent nothing any more."""
    return isinstance(error, asyncpg.InternalClientError) and str(error).startswith("cannot switch to state")


def _lost(error: BaseException) -> OctavoError:
    # What went wrong inside the driver is told in its own words: they are about its protocol, not about values.
    inside = f": {error}" if isinstance(error, asyncpg.InternalClientError) else ""
    return Unavailable(
        f"the record did not answer ({type(error).__name__}{inside})",
        remedy="a change may or may not have been made: read before you repeat it, or use an idempotency key",
    )


def _misuse(error: BaseException) -> OctavoError:
    """The driver refused to send a statement; its text may quote the value, so only the place is told."""
    place = re.search(r"query argument (\$\d+)", str(error))
    if place:
        return InvalidInput(f"the value of parameter {place[1]} has the wrong type for its place")
    if "another operation" in str(error):
        return InvalidInput(
            "two tasks use one transaction at the same time", remedy="give each task a transaction of its own"
        )
    if "is closed" in str(error):
        return _lost(error)
    return InvalidInput(f"the statement and its parameters do not fit ({type(error).__name__})")


def _unique(error: BaseException) -> OctavoError:
    return AlreadyExists(
        f"another row already holds this value ({getattr(error, 'constraint_name', 'unique')})",
        remedy="read the existing document, or choose another name or id",
        constraint=getattr(error, "constraint_name", None),
    )


def _check(error: BaseException) -> OctavoError:
    return InvalidInput(
        f"a value does not satisfy the rule {getattr(error, 'constraint_name', None) or 'of its column'}",
        remedy="see the limits in docs/reference",
    )


def _contention(_: BaseException) -> OctavoError:
    return Contention("concurrent writers kept this change from committing", remedy="try again")


def _timeout(_: BaseException) -> OctavoError:
    return StatementTimeout(
        "the statement or transaction ran into its time limit and was rolled back",
        remedy="do less in one call, or raise statement_timeout_seconds or transaction_timeout_seconds",
    )


def _failed_before(_: BaseException) -> OctavoError:
    return Conflict(
        "a statement of this transaction failed before, so PostgreSQL takes no further one",
        remedy="let the first error leave the transaction's block",
    )


def _storage(error: BaseException) -> OctavoError:
    return StorageFault(
        f"the record's disk refuses to be written or read ({type(error).__name__})",
        remedy="free space or make the disk writable, then try again: what was acknowledged is safe",
    )


def _read_only(_: BaseException) -> OctavoError:
    return StorageFault(
        "the record takes no writes here: the transaction, the role or the server is read-only",
        remedy="write outside a read-only transaction, to the primary server",
    )


def _unavailable(error: BaseException) -> OctavoError:
    return Unavailable(
        f"the record does not accept connections now ({type(error).__name__})",
        remedy="try again; `octavo status` and `octavo doctor` tell more",
    )


def _too_large(error: BaseException) -> OctavoError:
    return InvalidInput(
        f"a value or a statement is larger than PostgreSQL can hold ({type(error).__name__})",
        remedy="see the limits in docs/reference",
    )


def _undefined(error: BaseException) -> OctavoError:
    """A name of our schema that is missing means an older schema; any other one is the caller's own SQL."""
    if not getattr(error, "position", None):
        # Not found while reading the statement, but while running it: the name may be a stored value.
        return InvalidInput(f"a value is no known name or no expression ({type(error).__name__})")
    if "octavo" in str(error):
        return MigrationNeeded(
            f"the record lacks something this version needs ({type(error).__name__})",
            remedy="run `octavo migrate up`",
        )
    return InvalidInput(f"PostgreSQL does not understand the statement: {str(error).splitlines()[0]}")


def _no_database(_: BaseException) -> OctavoError:
    return MigrationNeeded(
        "the server has no database of the name in the URL",
        remedy="run `octavo migrate up`, which makes it, or mend the URL",
    )


def _denied(error: BaseException) -> OctavoError:
    if getattr(error, "server_source_filename", None) in _FILE_SOURCES:
        return _storage(error)
    if "row-level security" in str(error):
        return AccessDenied("the row would belong to another organization than the one of the call")
    return AccessDenied(
        "the record refuses this to the connected role",
        remedy="connect as a member of octavo_app (and of octavo_system for background work)",
    )


def _login(error: BaseException) -> OctavoError:
    return AccessDenied(
        f"the record refuses the login ({type(error).__name__})",
        remedy="see the user and password of the URL, and the server's pg_hba.conf",
    )


def _other(error: asyncpg.PostgresError) -> OctavoError:
    state = getattr(error, "sqlstate", None) or "?????"
    if state == INVALID_CHANGE:
        return InvalidInput(str(error))
    if state == INDEX_GONE:
        return Contention(str(error), remedy="try again: the next answer does without it", is_index_gone=True)
    if getattr(error, "severity_en", None) is None:
        return _misuse(error)  # raised by the driver, before anything was sent
    if re.match(r"22|42", state):
        return InvalidInput(f"PostgreSQL refused a value (SQLSTATE {state})", sqlstate=state)
    return RecordFault(f"PostgreSQL reported SQLSTATE {state}", remedy="see the server's log", sqlstate=state)


_RULES: tuple[tuple[tuple[type[BaseException], ...], Callable[[BaseException], OctavoError]], ...] = (
    ((pg.UniqueViolationError, pg.ExclusionViolationError), _unique),
    ((pg.ForeignKeyViolationError,), lambda _: NotFound("what this refers to does not exist (any more)")),
    ((pg.CheckViolationError, pg.NotNullViolationError), _check),
    ((pg.DeadlockDetectedError, pg.SerializationError), _contention),
    ((pg.LockNotAvailableError,), lambda _: Conflict("somebody else holds the lock", remedy="try again")),
    (
        (pg.QueryCanceledError, pg.IdleInTransactionSessionTimeoutError, pg.TransactionTimeoutError),
        _timeout,
    ),
    ((pg.InFailedSQLTransactionError,), _failed_before),
    ((pg.DiskFullError, pg.PostgresSystemError, pg.DataCorruptedError, pg.IndexCorruptedError), _storage),
    ((pg.ReadOnlySQLTransactionError,), _read_only),
    ((pg.InsufficientPrivilegeError,), _denied),
    ((pg.InvalidAuthorizationSpecificationError,), _login),
    ((pg.InvalidCatalogNameError,), _no_database),
    (
        (
            pg.UndefinedTableError,
            pg.UndefinedFunctionError,
            pg.UndefinedColumnError,
            pg.UndefinedObjectError,
            pg.InvalidSchemaNameError,
            pg.PostgresSyntaxError,
        ),
        _undefined,
    ),
    ((pg.CannotConnectNowError, pg.TooManyConnectionsError, pg.OutOfMemoryError), _unavailable),
    ((pg.OperatorInterventionError, pg.PostgresConnectionError), _lost),
    ((pg.ProgramLimitExceededError,), _too_large),
    (
        (pg.UntranslatableCharacterError, pg.CharacterNotInRepertoireError),
        lambda _: InvalidInput("a text holds the character U+0000, which PostgreSQL cannot store"),
    ),
    ((asyncpg.InterfaceError,), _misuse),
)
