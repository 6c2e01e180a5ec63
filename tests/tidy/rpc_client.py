"""The typed functions of the RPC client, and the list of methods in docs/rpc.md, made from the table of methods."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from mylist_dav.errors import problem_name
from mylist_dav.outcomes import OUTCOMES
from mylist_dav.rpc.methods import AnyMethod
from mylist_dav.rpc.table import METHODS
from mylist_dav.wire.documents import changes
from mylist_dav.wire.documents.changes import OperationAsked
from tests.tidy.sources import ROOT

CLIENT = ROOT / "mylist_dav" / "client" / "rpc_methods.py"

_HEAD = '''"""Every method of JSON-RPC as a typed function.

Made from the table of methods by `make reference`, and not to be edited. Long because each method has a function.
"""

from __future__ import annotations

from typing import Any, Literal, TypeVar

from pydantic import BaseModel

{imports}

R = TypeVar("R", bound=BaseModel)


class RpcMethods:
    """The functions; what carries a call is for a subclass. A dot in the name of a method is an underscore here."""

    def result_of(self, method: str, asked: type[Asked], result: type[R], **params: Any) -> R:
        """The checked result of a method."""
        raise NotImplementedError
'''


def client_text() -> str:
    """The text of client/rpc_methods.py."""
    models = {"mylist_dav.wire.documents": {"Asked"}, changes.__name__: {"OperationAsked"}}
    for method in METHODS.values():
        for model in (method.params, method.result):
            models.setdefault(model.__module__, set()).add(model.__name__)
    imports = "\n".join(
        f"from {module} import {', '.join(sorted(names))}" for module, names in sorted(models.items())
    )
    text = _HEAD.format(imports=imports) + "".join(map(_function, METHODS.values()))
    return _formatted(text)


def methods_text() -> str:
    """The errors and the methods for people, as Markdown: a table for each subject."""
    tags = dict.fromkeys(name.partition(".")[0] for name in METHODS)
    return "\n".join([_errors_table(), "## Methods\n", *(_table(tag) for tag in tags)])


def _errors_table() -> str:
    rows = sorted((-found.rpc, problem_name(cls)) for cls, found in OUTCOMES.items())
    lines = "".join(f"| -{code} | `{name}` |\n" for code, name in rows)
    return f"| code | `data.problem` |\n|---|---|\n{lines}"


def _table(tag: str) -> str:
    rows = "".join(
        f"| `{method.name}` | {', '.join(_shown(method)) or '–'} | `{method.result.__name__}` | {_about(method)} |\n"
        for method in METHODS.values()
        if method.name.startswith(f"{tag}.")
    )
    return f"### {tag}\n\n| method | params, in order | result | what |\n|---|---|---|---|\n{rows}"


def _shown(method: AnyMethod) -> list[str]:
    """Params that may be left out stand with their default."""
    return [
        f"`{name}`" if field.is_required() else f"`{name} = {json.dumps(field.default)}`"
        for name, field in method.params.model_fields.items()
    ]


def _about(method: AnyMethod) -> str:
    return f"{method.summary}. {method.description}".strip()


def function_name(method_name: str) -> str:
    return method_name.replace(".", "_")


def _function(method: AnyMethod) -> str:
    fields = method.params.model_fields
    required = [f"{name}: {_type(field.annotation)}" for name, field in fields.items() if field.is_required()]
    optional = [
        f"{name}: {_type(field.annotation)} = {_literal(field.default)}"
        for name, field in fields.items()
        if not field.is_required()
    ]
    parameters = ", ".join(["self", *required, *(["*", *optional] if optional else [])])
    given = "".join(f", {name}={name}" for name in fields)
    about = textwrap.indent(_docstring(method), "        ")
    return (
        f"\n    def {function_name(method.name)}({parameters}) -> {method.result.__name__}:\n{about}\n"
        f'        return self.result_of("{method.name}", {method.params.__name__}, {method.result.__name__}{given})\n'
    )


def _docstring(method: AnyMethod) -> str:
    if not method.description:
        return f'"""{method.summary}."""'
    rest = "\n".join(textwrap.wrap(method.description, 100))
    return f'"""{method.summary}.\n\n{rest}\n"""'


def _type(annotation: Any) -> str:
    """The source of a type, without what bounds its values: the model checks these."""
    if annotation == OperationAsked:
        return "OperationAsked"
    if annotation is types.NoneType:
        return "None"
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type(arguments[0])
    if origin in (Union, types.UnionType):
        return " | ".join(map(_type, arguments))
    if origin is Literal:
        return f"Literal[{', '.join(map(_literal, arguments))}]"
    if origin in (list, dict):
        return f"{origin.__name__}[{', '.join(map(_type, arguments))}]"
    if annotation is Any:
        return "Any"
    assert isinstance(annotation, type), f"{annotation} is a type that the client has no words for"
    assert not issubclass(annotation, BaseModel), (
        "params of methods are plain values, so that they can be written out"
    )
    return annotation.__name__


def _literal(value: object) -> str:
    return json.dumps(value) if isinstance(value, str) else repr(value)


def _formatted(text: str) -> str:
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(CLIENT), "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True, cwd=ROOT)
    return done.stdout
