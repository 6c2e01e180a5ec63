"""The OpenAPI 3.1 document of the API, made of the table of operations and its models."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

import mylist_dav
from mylist_dav.api.operations import Media, Operation
from mylist_dav.api.problems import PROBLEMS, Problem, problem_types
from mylist_dav.wire.documents import Asked

Json = dict[str, Any]

_PLACE = re.compile(r"\{(\w+)(\.\.\.)?\}")
_REF = "#/components/schemas/{model}"
_MODES: dict[bool, Literal["validation", "serialization"]] = {True: "validation", False: "serialization"}
_ABOUT = (
    "Errors are problem documents (RFC 9457) with a `type` that never changes its meaning. Whatever is sent has known"
    " fields only. Lists are read page by page: `next` of one page is `after` of the next. Within `/api/v1` answers may"
    " gain fields, and addresses may be added; nothing is taken away or changes its meaning."
)
_PLACES = {
    "account": {"type": "string", "pattern": "^[a-z0-9][a-z0-9._-]{0,63}$"},
    "name": {"type": "string", "minLength": 1, "maxLength": 255},
    "digest": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
}


def openapi(operations: Sequence[Operation], server: str) -> Json:
    """The document, as JSON has it. server: the public address of this server, '' where it has none."""
    schemas = _schemas(operations)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "mylist",
            "version": mylist_dav.__version__,
            "summary": "Versioned file trees over HTTP",
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": server or "/"}],
        "security": [{"bearer": []}, {"basic": []}],
        "tags": [{"name": tag} for tag in dict.fromkeys(each.tag for each in operations)],
        "paths": _paths(operations, schemas),
        "components": {
            "schemas": schemas.components,
            "responses": {"Problem": _problem_response()},
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "a token of POST /api/v1/login",
                },
                "basic": {
                    "type": "http",
                    "scheme": "basic",
                    "description": "the account, and a token as password",
                },
            },
        },
    }


class _Schemas:
    """The schemas of all models; ref() points to one."""

    def __init__(self, asked: Iterable[type[BaseModel]], told: Iterable[type[BaseModel]]) -> None:
        wanted = [(model, _MODES[True]) for model in asked] + [(model, _MODES[False]) for model in told]
        keys, definitions = models_json_schema(wanted, ref_template=_REF)
        self._keys = keys
        self.components: Json = dict(sorted(definitions.get("$defs", {}).items()))

    def ref(self, model: type[BaseModel], asked: bool) -> Json:
        found: Json = self._keys[(model, _MODES[asked])]
        return found

    def fields(self, model: type[Asked]) -> tuple[Json, list[str]]:
        """The schemas of the fields of a query, and which must be there."""
        schema = model.model_json_schema(ref_template=_REF)
        return schema.get("properties", {}), schema.get("required", [])


def _schemas(operations: Sequence[Operation]) -> _Schemas:
    asked = {each.body for each in operations if isinstance(each.body, type)}
    told = {each.told for each in operations if isinstance(each.told, type)}
    return _Schemas(sorted(asked, key=str), sorted({Problem, *told}, key=str))


def _paths(operations: Sequence[Operation], schemas: _Schemas) -> Json:
    paths: Json = {}
    for operation in operations:
        path = _PLACE.sub(r"{\1}", operation.path)
        paths.setdefault(path, {})[operation.method.lower()] = _described(operation, schemas)
    return paths


def _described(operation: Operation, schemas: _Schemas) -> Json:
    found: Json = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "parameters": [*_places(operation.path), *_query(operation.query, schemas)],
        "responses": _responses(operation, schemas),
    }
    if operation.describes:
        found["description"] = operation.describes
    if operation.open:
        found["security"] = [{}, {"bearer": []}, {"basic": []}]
    if operation.body is not None:
        found["requestBody"] = {"required": True, "content": _content(operation.body, schemas, asked=True)}
    return found


def _places(path: str) -> list[Json]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": _PLACES.get(name, {"type": "string", "minLength": 1}),
            **({"description": "of any number of segments"} if rest else {}),
        }
        for name, rest in _PLACE.findall(path)
    ]


def _query(model: type[Asked], schemas: _Schemas) -> list[Json]:
    properties, required = schemas.fields(model)
    return [
        {
            "name": name,
            "in": "query",
            "required": name in required,
            "schema": _without_null(schema),
            **({"description": schema["description"]} if "description" in schema else {}),
        }
        for name, schema in properties.items()
    ]


def _without_null(schema: Json) -> Json:
    """A field of a query is there or not; it is never null."""
    kinds = [kind for kind in schema.get("anyOf", []) if kind != {"type": "null"}]
    if len(kinds) != 1:
        return schema
    others = {key: value for key, value in schema.items() if key not in ("anyOf", "default")}
    return {**others, **kinds[0]}


def _content(body: type[BaseModel] | Media, schemas: _Schemas, *, asked: bool) -> Json:
    if isinstance(body, Media):
        return {kind: {"schema": {"type": "string", "format": "binary"}} for kind in body.types}
    return {"application/json": {"schema": schemas.ref(body, asked)}}


def _responses(operation: Operation, schemas: _Schemas) -> Json:
    good: Json = {"description": operation.told.what if isinstance(operation.told, Media) else "done"}
    if operation.told is not None:
        good["content"] = _content(operation.told, schemas, asked=False)
    others = {
        str(status): {"$ref": "#/components/responses/Problem"} for status in sorted(set(PROBLEMS.values()))
    }
    return {
        str(operation.status): good,
        **{str(status): {"description": what} for status, what in operation.also.items()},
        **others,
        "default": {"$ref": "#/components/responses/Problem"},
    }


def _problem_response() -> Json:
    return {
        "description": "Nothing was done. Types: " + ", ".join(problem_types()),
        "content": {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}},
            "text/plain": {"schema": {"type": "string"}},  # of a request that is refused before it is routed
        },
    }
