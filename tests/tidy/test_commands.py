"""Every command of the command line stands in docs/operating.md."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.tidy.sources import PACKAGE, ROOT, Source, python_files

SUFFIX = "_command"
"""click drops it from the name of a function."""


def commands(source: Source) -> Iterator[str]:
    """'ls', 'token new': the commands that a file declares. The program itself, in group.py, is none."""
    for node in source.tree.body:
        if isinstance(node, ast.FunctionDef):
            for decorator in node.decorator_list:
                match decorator:
                    case ast.Call(
                        func=ast.Attribute(value=ast.Name(id=owner), attr="command" | "group"), args=names
                    ):
                        own = node.name.removesuffix(SUFFIX).replace("_", "-")
                        name = str(names[0].value) if names and isinstance(names[0], ast.Constant) else own
                        yield name if owner == "click" else f"{owner} {name}"


def test_every_command_is_documented() -> None:
    page = (ROOT / "docs" / "operating.md").read_text("utf-8")
    files = [source for source in python_files(f"{PACKAGE}/cli") if not source.path.endswith("group.py")]
    declared = [name for source in files for name in commands(source)]
    assert declared
    assert [name for name in declared if f"`mylist {name}" not in page] == []


def test_commands_are_found_by_their_decorators() -> None:
    text = """
@click.group()
def token(): ...

@token.command("new")
@click.argument("name")
def new_token(name): ...

@click.command()
@json_option
def export_command(): ...

@lru_cache()
def neither(): ...
"""
    assert list(commands(Source("cli.py", text))) == ["token", "token new", "export"]
