"""The OpenRPC document, made of the table of methods: it cannot say anything else than what is done."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import models_json_schema

from mylist_dav import __version__
from mylist_dav.errors import problem_name
from mylist_dav.outcomes import OUTCOMES
from mylist_dav.rpc.methods import AnyMethod, Table

OPENRPC = "1.3.2"
_SCHEMAS = "#/components/schemas/"

Json = dict[str, Any]


def document(table: Table) -> Json:
    """The OpenRPC 1.3 document of these methods."""
    references, schemas = _schemas(table)
    asked = {method.params for method in table.values()}
    params = {model: schemas.pop(_name(references[model, "validation"])) for model in asked}
    methods = [
        _method(method, params[method.params], references[method.result, "serialization"])
        for method in table.values()
    ]
    return {
        "openrpc": OPENRPC,
        "info": {
            "title": "mylist-dav",
            "version": __version__,
            "description": "Versioned file trees whose content lies once by its hash.",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "methods": methods,
        "components": {"schemas": schemas, "errors": _errors()},
    }


def _schemas(table: Table) -> tuple[dict[Any, Json], dict[str, Json]]:
    """Where the schema of each model is found, and all schemas by name."""
    asked = dict.fromkeys(method.params for method in table.values())
    told = dict.fromkeys(method.result for method in table.values())
    references, found = models_json_schema(
        [*((model, "validation") for model in asked), *((model, "serialization") for model in told)],
        ref_template=_SCHEMAS + "{model}",
    )
    return dict(references), dict(found["$defs"])


def _name(reference: Json) -> str:
    return str(reference["$ref"]).removeprefix(_SCHEMAS)


def _method(method: AnyMethod, asked: Json, result: Json) -> Json:
    required = set(asked.get("required", ()))
    return {
        "name": method.name,
        "summary": method.summary,
        **({"description": method.description} if method.description else {}),
        "tags": [{"name": method.name.partition(".")[0]}],
        "paramStructure": "either",
        "params": [
            _param(name, schema, name in required) for name, schema in asked.get("properties", {}).items()
        ],
        "result": {"name": "result", "schema": result},
    }


def _param(name: str, schema: Json, required: bool) -> Json:
    about = {"description": schema["description"]} if "description" in schema else {}
    return {"name": name, **about, "required": required, "schema": schema}


def _errors() -> dict[str, Json]:
    """All errors of the services, by name; which of them a method gives depends on what is there."""
    return {
        problem_name(cls): {
            "code": found.rpc,
            "message": " ".join((cls.__doc__ or "").split("\n\n")[0].split()),
            "data": {"problem": problem_name(cls)},
        }
        for cls, found in OUTCOMES.items()
    }
