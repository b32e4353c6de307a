"""Document types: pydantic models that say how a body looks, what of it is indexed, and how old bodies are read.

    class Article(octavo.DocumentType, name="article", version=2):
        title: str
        slug: Annotated[str, octavo.Unique()]
        priority: Annotated[int, octavo.Index()] = 0

        @octavo.upcast(from_version=1)
        @staticmethod
        def _titled(body):
            return {**body, "title": body.pop("headline")}

A body is stored as the model writes it (JSON mode, by alias), so values that the model converts are stored
converted and defaults are stored with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from octavo.errors import InvalidBody, InvalidInput, InvalidSetting
from octavo.values.declared import Declaration, DeclaredIndex, check_type_name
from octavo.values.document import Document
from octavo.values.json import decode

Step = Callable[[dict[str, Any]], dict[str, Any]]
Typed = TypeVar("Typed", bound="DocumentType")
SHOWN_PROBLEMS = 20
UNKNOWN_VERSION = 0


class Index:
    """Marks a field whose ranges, `$exists`, null and order are found by an index of its own."""


class Unique:
    """Marks a field whose value one live document of the type and namespace may have; null may be anywhere."""


class CompositeIndex:
    """An index on several fields, in this order: equal values of the first ones, a range or order of the next.

    Args:
        *fields: names of fields as in filters, at most 3; a minus in front is allowed and changes nothing,
            because an index is read in both directions.
        where: only documents for which this filter on fields of the body holds; a question uses the index
            if it asks for the same conditions too.
    """

    def __init__(self, *fields: str, where: Mapping[str, Any] | None = None) -> None:
        self.declared = DeclaredIndex.of("index", [field.removeprefix("-") for field in fields], where)


def upcast(*, from_version: int) -> Callable[[Any], Any]:
    """Marks a function of a type that makes a body of `from_version` into one of the version after it.

    It is given a dict it may change, and returns one. It must give the same for the same body.
    """

    def mark(step: Any) -> Any:
        function: Any = step.__func__ if isinstance(step, staticmethod) else step
        function.upcasts_from = from_version
        return staticmethod(function)

    return mark


class DocumentType(BaseModel):
    """What a type of documents looks like: `class Article(DocumentType, name="article", version=1)`.

    Fields that the model does not know are refused when a document is written (`extra="forbid"`; set another
    `model_config` to change it) and left out when one is read.
    """

    model_config = ConfigDict(extra="forbid", validate_assignment=True, validate_default=True)

    __indexes__: ClassVar[Sequence[CompositeIndex]] = ()
    declaration: ClassVar[Declaration]
    _steps: ClassVar[Mapping[int, Step]] = {}

    def __init_subclass__(cls, *, name: str = "", version: int = 1, **options: Any) -> None:
        super().__init_subclass__(**options)

    @classmethod
    def __pydantic_init_subclass__(cls, *, name: str = "", version: int = 1, **options: Any) -> None:
        super().__pydantic_init_subclass__(**options)
        if not name:
            return  # a class that others are made from
        check_type_name(name, version)
        cls.declaration = Declaration(name, version, cls.model_json_schema(by_alias=True), _indexes(cls))
        cls._steps = _steps_of(cls, version)

    @classmethod
    def checked(cls, body: object) -> dict[str, Any]:
        """The JSON of a body of this type, or of an instance.

        Raises:
            InvalidBody: names the paths that are wrong, and no value.
        """
        given = body.model_dump(by_alias=True) if isinstance(body, BaseModel) else body
        try:
            model = cls.model_validate(given, by_alias=True)
        except ValidationError as error:
            raise invalid_body(cls.declaration.name, error) from None
        return model.model_dump(mode="json", by_alias=True)

    @classmethod
    def refuse_unfit(cls, raw: bytes) -> None:
        """Raise `InvalidBody` when JSON is not what this type would have written, `"5"` for a number say."""
        try:
            cls.model_validate_json(raw, strict=True, by_alias=True)
        except ValidationError as error:
            raise invalid_body(cls.declaration.name, error) from None

    @classmethod
    def read(cls: type[Typed], document: Document) -> Typed:
        """A stored document as this type, brought up to its version.

        Raises:
            InvalidInput: a document of another type, or written by a newer version of this one.
            InvalidBody: its body does not fit.
        """
        known = cls.declaration
        if document.type != known.name:
            raise InvalidInput(
                f"document {document.id} is a {document.type}, no {known.name}",
                remedy="read it as its own type",
            )
        return cls._validated(cls.upcasted(decode(document.raw_body), document.schema_version))

    @classmethod
    def upcasted(cls, body: dict[str, Any], version: int) -> dict[str, Any]:
        """A body of an older version in the shape of this one.

        A body of which nobody said the version (0) is taken as it is if it fits, and else as version 1.
        """
        newest = cls.declaration.version
        if version > newest:
            raise InvalidInput(
                f"the body is of version {version} of {cls.declaration.name}, and this is {newest}",
                remedy="read it with the newer version of the type",
            )
        if version == UNKNOWN_VERSION:
            return cls._guessed(body)
        for number in range(version, newest):
            if step := cls._steps.get(number):
                body = step(dict(body))
        return body

    @classmethod
    def has_steps_from(cls, version: int) -> bool:
        """Whether bodies of a version have another shape than those of this one."""
        return any(number >= version for number in cls._steps)

    @classmethod
    def _guessed(cls, body: dict[str, Any]) -> dict[str, Any]:
        """As it is, unless it fits only if it is taken for version 1."""
        if not cls._steps or cls._fits(body):
            return body
        try:
            old = cls.upcasted(body, 1)
        except Exception:  # noqa: BLE001 - a step of the user's own stumbles over anything that is no version 1
            return body
        return old if cls._fits(old) else body

    @classmethod
    def _fits(cls, body: dict[str, Any]) -> bool:
        try:
            cls._validated(body)
        except InvalidBody:
            return False
        return True

    @classmethod
    def _validated(cls: type[Typed], body: dict[str, Any]) -> Typed:
        try:
            return cls.model_validate(body, extra="ignore", by_alias=True)
        except ValidationError as error:
            raise invalid_body(cls.declaration.name, error) from None


def imported(names: str) -> list[type[DocumentType]]:
    """The types that a text names, as `shop.types:Article,shop.types:Order`.

    Raises:
        InvalidSetting: one is not there, or is no document type.
    """
    return [_imported(name.strip()) for name in names.split(",") if name.strip()]


def _imported(name: str) -> type[DocumentType]:
    module, _, attribute = name.partition(":")
    try:
        found = getattr(import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise InvalidSetting(
            f"the document type {name!r} cannot be imported: {error}", remedy="write module:Class"
        ) from error
    if not (isinstance(found, type) and issubclass(found, DocumentType) and hasattr(found, "declaration")):
        raise InvalidSetting(
            f"{name} is no document type", remedy="write class …(octavo.DocumentType, name=…)"
        )
    return found


def type_name(given: str | type[DocumentType]) -> str:
    """The name of a type, given as such or as its model."""
    return given if isinstance(given, str) else given.declaration.name


def invalid_body(type: str, error: ValidationError) -> InvalidBody:
    """What a model found wrong: by path, with at most 20 problems, and without the values."""
    problems = [
        {"path": ".".join(map(str, one["loc"])) or "body", "problem": one["msg"][:200], "kind": one["type"]}
        for one in error.errors(include_url=False, include_input=False, include_context=False)[
            :SHOWN_PROBLEMS
        ]
    ]
    first = problems[0]
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return InvalidBody(
        f"{type}: {first['path']}: {first['problem']}{more}",
        remedy="mend these fields; `octavo type show` prints the schema",
        type=type,
        problems=problems,
    )


def _indexes(model: type[DocumentType]) -> tuple[DeclaredIndex, ...]:
    found: list[DeclaredIndex] = []
    for name, field in model.model_fields.items():
        written = _written(field.serialization_alias or name)
        marks = {mark if isinstance(mark, type) else type(mark) for mark in field.metadata}
        if Index in marks:
            found.append(DeclaredIndex.of("index", [written]))
        if Unique in marks:
            found.append(DeclaredIndex.of("unique", [written]))
    return (*found, *(composite.declared for composite in model.__indexes__))


def _written(key: str) -> str:
    """The key of an object as the name of a field in a filter."""
    escaped = key.replace("\\", "\\\\").replace(".", "\\.")
    return f"\\{escaped}" if escaped.startswith("@") else escaped


def _steps_of(model: type[DocumentType], version: int) -> dict[int, Step]:
    steps: dict[int, Step] = {}
    for base in reversed(model.__mro__):
        for value in vars(base).values():
            function = getattr(value, "__func__", value) if isinstance(value, staticmethod) else None
            number = getattr(function, "upcasts_from", None)
            if number is not None and function is not None:
                steps[number] = function
    unknown = [number for number in steps if not 1 <= number < version]
    if unknown:
        raise InvalidInput(
            f"{model.__name__} upcasts from version {unknown[0]} and is version {version}",
            remedy="steps begin at version 1 and end below the version of the type",
        )
    return steps
