"""The OpenRPC document: valid by its meta-schema, true to what is checked, and the same as the typed client."""

from __future__ import annotations

import copy
import inspect
import json
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from jsonschema import Draft7Validator, Draft202012Validator
from pydantic import BaseModel, TypeAdapter
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

from mylist_dav.client.rpc_methods import RpcMethods
from mylist_dav.errors import Invalid
from mylist_dav.outcomes import OUTCOMES
from mylist_dav.rpc.discover import document
from mylist_dav.rpc.dispatch import checked_params
from mylist_dav.rpc.table import METHODS
from tests.rpc.conftest import Desk
from tests.tidy.rpc_client import function_name

SCHEMAS = Path(__file__).parent / "openrpc"
DOCUMENT = document(METHODS)

Json = dict[str, Any]


def vendored(name: str) -> Any:
    return json.loads((SCHEMAS / name).read_text("utf-8"))


@pytest.fixture(scope="module")
def validator() -> Draft7Validator:
    json_schema = Resource(vendored("json-schema.json"), DRAFT7)
    names = ("https://meta.json-schema.tools", "https://meta.json-schema.tools/")
    registry: Registry[Any] = Registry().with_resources([(name, json_schema) for name in names])
    return Draft7Validator(vendored("openrpc.json"), registry=registry)


def test_the_document_is_valid_by_the_meta_schema(validator: Draft7Validator) -> None:
    assert [f"{error.json_path}: {error.message}" for error in validator.iter_errors(DOCUMENT)] == []


@pytest.mark.parametrize(
    "broken",
    [
        {"openrpc": "9.0"},
        {"methods": None},
        {"extra": 1},
        {"methods": [{"name": "x"}]},
        {"methods": [{"name": "x", "params": [{"name": "a", "schema": {"type": "nothing"}}]}]},
    ],
)
def test_a_document_that_is_wrong_is_seen(validator: Draft7Validator, broken: Json) -> None:
    assert not validator.is_valid({**copy.deepcopy(DOCUMENT), **broken})


def test_discover_gives_the_document_itself(desk: Desk) -> None:
    assert desk.call("rpc.discover") == json.loads(json.dumps(DOCUMENT))


def test_each_method_stands_in_it_with_words_to_read() -> None:
    assert [method["name"] for method in DOCUMENT["methods"]] == sorted(METHODS)
    assert [method["name"] for method in DOCUMENT["methods"] if len(method["summary"]) < 10] == []


def test_each_error_stands_in_it_with_its_code() -> None:
    told = DOCUMENT["components"]["errors"].values()
    assert sorted(each["code"] for each in told) == sorted(found.rpc for found in OUTCOMES.values())


def references(found: object) -> set[str]:
    if isinstance(found, dict):
        own = {found["$ref"]} if isinstance(found.get("$ref"), str) else set[str]()
        return own.union(*map(references, found.values()))
    return set().union(*map(references, found)) if isinstance(found, list) else set()


def test_all_references_lead_somewhere_and_no_schema_is_left_over() -> None:
    told = {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}
    assert references(DOCUMENT) == told


EACH_ON_ITS_OWN = [method for method in DOCUMENT["methods"] if method["name"] != "peer.sync"]
"""Methods whose params depend on each other are not among them: no JSON Schema of one of them says so."""


@pytest.mark.parametrize("method", EACH_ON_ITS_OWN, ids=lambda method: str(method["name"]))
def test_params_that_the_document_refuses_are_refused(method: Json) -> None:
    """And those it allows are not: each param is tried with values of every JSON type."""
    good = {param["name"]: a_value(param["schema"]) for param in method["params"] if param["required"]}
    checked_params(METHODS[method["name"]], good)
    for param in method["params"]:
        for value in ("x", "", 1, -1, 1.5, 10**30, True, None, [], ["x"], {}, "x" * 20_000):
            fits = is_allowed(param["schema"], value)
            assert is_taken(method["name"], {**good, param["name"]: value}) == fits, (param["name"], value)


def is_taken(name: str, params: Json) -> bool:
    try:
        checked_params(METHODS[name], params)
    except Invalid:
        return False
    return True


def a_value(schema: Json) -> object:
    """Something that fits."""
    texts = ("a/b", "a" * 64, "a" * 32, *schema.get("enum", ()))
    tried: tuple[object, ...] = (*texts, 1, True, None, [{"op": "delete", "path": "a"}], [])
    return next(value for value in tried if is_allowed(schema, value))


def is_allowed(schema: Json, value: object) -> bool:
    """Whether a value is what a schema of the document allows."""
    whole = {"allOf": [schema], "components": DOCUMENT["components"]}
    return bool(Draft202012Validator(whole).is_valid(value))


# -- the typed client ------------------------------------------------------------------------------------------

REFERENCE = "#/components/schemas/{model}"
BOUNDS = {
    "description", "examples", "title", "pattern", "maxLength", "minLength", "minimum", "maximum",
    "exclusiveMinimum", "exclusiveMaximum", "maxItems", "minItems", "default",
}  # fmt: skip
"""What a schema says beside the type of a value."""


def bare(schema: object) -> object:
    """A schema without what only bounds its values, and without names of models."""
    if isinstance(schema, list):
        return [bare(each) for each in schema]
    if isinstance(schema, dict):
        return {key: bare(value) for key, value in schema.items() if key not in BOUNDS}
    return schema


def differences(client: type, methods: list[Json], schemas: Json) -> list[str]:
    """In what the functions of a client are not the methods of a document."""
    functions = {name: call for name, call in vars(client).items() if inspect.isfunction(call)}
    functions.pop("result_of", None)
    found = sorted(functions.keys() ^ {function_name(method["name"]) for method in methods})
    for method in methods:
        call = functions.get(function_name(method["name"]))
        if call is not None:
            found += [f"{method['name']}: {text}" for text in _differences(call, method, schemas)]
    return found


def _differences(call: Any, method: Json, schemas: Json) -> list[str]:
    hints = get_type_hints(call, include_extras=True)
    parameters = dict(inspect.signature(call).parameters)
    parameters.pop("self")
    params = {param["name"]: param for param in method["params"]}
    found = sorted(parameters.keys() ^ params.keys())
    for name in parameters.keys() & params.keys():
        schema, given = params[name]["schema"], parameters[name].default
        default = inspect.Parameter.empty if params[name]["required"] else schema["default"]
        if default != given:
            found.append(f"{name} is {given!r} by default")
        own = TypeAdapter(hints[name]).json_schema(ref_template=REFERENCE)
        own.pop("$defs", None)
        if bare(own) != bare(schema):
            found.append(f"{name} is of another type")
    result: type[BaseModel] = hints["return"]
    told = schemas[method["result"]["schema"]["$ref"].rpartition("/")[2]]
    shown = result.model_json_schema(ref_template=REFERENCE, mode="serialization")
    shown.pop("$defs", None)
    return found if shown == told else [*found, "the result is of another type"]


def test_the_client_has_a_function_for_each_method_with_its_params_and_result() -> None:
    assert differences(RpcMethods, DOCUMENT["methods"], DOCUMENT["components"]["schemas"]) == []


def changed(name: str, change: Any) -> list[Json]:
    methods: list[Json] = json.loads(json.dumps(DOCUMENT["methods"]))
    change(next(method for method in methods if method["name"] == name))
    return methods


def _keys(method: Json) -> None:
    method["result"]["schema"] = {"$ref": "#/components/schemas/Keys"}


CHANGES = [
    ("key.add", lambda one: one.update(name="key.put"), ["key_add", "key_put"]),
    ("key.add", lambda one: one["params"].pop(), ["key.add: label"]),
    ("key.add", lambda one: one["params"][2].update(required=True), ["key.add: label is '' by default"]),
    ("key.add", lambda one: one["params"][0]["schema"].update(type="null"), ["key.add: account is of another type"]),
    ("flist.list", lambda one: one["params"][5]["schema"].update(default=7), ["flist.list: limit is 100 by default"]),
    ("flist.list", _keys, ["flist.list: the result is of another type"]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "change", "said"), CHANGES)
def test_a_client_that_differs_from_the_document_is_seen(name: str, change: Any, said: list[str]) -> None:
    methods = changed(name, change)
    assert differences(RpcMethods, methods, DOCUMENT["components"]["schemas"]) == said
