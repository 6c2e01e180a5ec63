"""What programs say to the server and are told by it, as JSON: pydantic models, the same for the API, RPC and clients.

One module a subject. Whatever is asked has known fields alone, each of its own JSON type and within bounds; what breaks
that is refused with the name of the field. What is told may grow fields later; none goes away or changes its meaning.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from mylist_dav.errors import Invalid

INTEGER_MAX = 2**63 - 1
PAGE_MAX = 1_000
PAGE_DEFAULT = 100


class Asked(BaseModel):
    """The base of what is sent to the server."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, populate_by_name=True)


class Told(BaseModel):
    """The base of what the server answers."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)


ModelT = TypeVar("ModelT", bound=BaseModel)


def _digits(value: object) -> object:
    """A number of a query: digits alone. pydantic would take ' 1_0 ' too."""
    if isinstance(value, str):
        if not (value.isascii() and value.isdigit() and len(value) <= 19):
            raise ValueError("this is a whole number")
        return int(value)
    return value


DigestText = Annotated[str, Field(pattern="^[0-9a-f]{64}$", examples=["af" * 32])]
FlistText = Annotated[str, Field(pattern="^[^/]+/[^/]+$", max_length=330, examples=["alice/site"])]
PathText = Annotated[str, Field(min_length=1, max_length=4096, examples=["docs/index.html"])]
Jid = Annotated[int, Field(ge=0, le=INTEGER_MAX)]
SizeBytes = Annotated[int, Field(ge=0, le=INTEGER_MAX)]
TimeNs = Annotated[int, Field(ge=-INTEGER_MAX, le=INTEGER_MAX, description="nanoseconds since 1970, UTC")]
QueryNumber = Annotated[int, Field(ge=0, le=INTEGER_MAX), BeforeValidator(_digits)]
QueryLimit = Annotated[int, Field(ge=1, le=PAGE_MAX, description="entries a page"), BeforeValidator(_digits)]
Cursor = Annotated[str, Field(max_length=6000, description="`next` of the page before")]


class Paged(Asked):
    """The query of a list that is read page by page."""

    after: Cursor | None = None
    limit: QueryLimit = PAGE_DEFAULT


def read_json(data: bytes) -> Any:
    """Any JSON in UTF-8 (RFC 8259), in which no field stands twice. Raises Invalid."""
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=_without_repeats, parse_constant=_refused)
    except RecursionError as error:
        raise Invalid("the body is nested too deeply") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Invalid(f"the body is not JSON: {error.msg[:80].lower()}, at {where}") from error
    except ValueError as error:  # UnicodeDecodeError is one, and what is said of a number of too many digits
        raise Invalid("the body is not JSON in UTF-8") from error


def read_document(model: type[ModelT], data: bytes) -> ModelT:
    """What a JSON body says. Raises Invalid, which names the field."""
    if not isinstance(read_json(data), dict):
        raise Invalid("the body is not a JSON object")
    return checked(model, data)


def checked(model: type[ModelT], data: bytes) -> ModelT:
    """JSON of a model. Raises Invalid, which names the field."""
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        raise Invalid(complaint(error)) from error


def read_query(model: type[ModelT], fields: dict[str, str]) -> ModelT:
    """What the fields of a query say. Raises Invalid, which names the field."""
    try:
        return model.model_validate_strings(fields)
    except ValidationError as error:
        raise Invalid(complaint(error)) from error


def complaint(error: ValidationError) -> str:
    """The first thing that is wrong, in one sentence."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(part)[:60] for part in first["loc"])
    known = {
        "missing": f"the field {where!r} is missing",
        "extra_forbidden": f"{where!r} is no field of this",
    }
    what = first["msg"].removeprefix("Value error, ")
    return known.get(first["type"]) or (f"the field {where!r} is wrong: {what}" if where else what)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise Invalid(f"the field {twice[:60]!r} stands there twice")
    return fields


def _refused(constant: str) -> None:
    raise Invalid(f"the body is not JSON: {constant} is no number there")
