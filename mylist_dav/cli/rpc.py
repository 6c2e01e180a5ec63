"""mylist rpc"""

from __future__ import annotations

import json
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mylist_dav.cli.remote import own_folder
from mylist_dav.cli.shared import local_command, read_settings
from mylist_dav.client.logins.known import Tokens
from mylist_dav.errors import Invalid, NotFound

if TYPE_CHECKING:  # its documents take a fifth of a second
    from mylist_dav.client.rpc import RpcClient

_PARAMS_CHARS_MAX = 16 * 1024 * 1024


@click.command()
@click.argument("method", required=False)
@click.argument("params", required=False)
@click.option("--server", metavar="URL", help="Ask this server, with the token of your login there.")
@click.option(
    "--socket",
    "socket_file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Ask on this socket [default: run/rpc.sock in the data directory].",
)
@click.option("--about", is_flag=True, help="Say what METHOD does, takes and gives, instead of calling it.")
@local_command
def rpc(
    method: str | None, params: str | None, server: str | None, socket_file: Path | None, about: bool
) -> None:
    """Call a METHOD of a running server over JSON-RPC, and print its result as JSON.

    Without METHOD all methods are listed. PARAMS is a JSON object (by name) or array (by position); '-' reads it from
    standard input, where others do not see it. On the local socket you act as the owner of the data directory.

    \b
      mylist rpc                                         what there is
      mylist rpc flist.log --about                       what one of them takes
      mylist rpc server.health
      mylist rpc flist.list '{"account": "alice"}'
      mylist rpc flist.log '["alice/site"]'
      mylist rpc token.list --server https://files.example.org
    """
    with _client(server, socket_file) as client:
        if method is None:
            _list(client.rpc_discover().methods)
        elif about:
            _tell(_described(client.rpc_discover().methods, method))
        else:
            result = client.call(method, _read_params(params))
            click.echo(json.dumps(result, indent=1, ensure_ascii=False))


def _client(server: str | None, socket_file: Path | None) -> RpcClient:
    """Raises UsageError, NotFound (no login there, no server on the socket)."""
    from mylist_dav.client.rpc import LOCAL_SOCKET, RpcClient

    if server is not None and socket_file is not None:
        raise click.UsageError("give either --server or --socket")
    if server is not None:
        return RpcClient.remote(server, Tokens(own_folder()).get(server).token)
    return RpcClient.local(socket_file or Path(read_settings().store.data) / LOCAL_SOCKET)


def _read_params(text: str | None) -> dict[str, Any] | list[Any]:
    """Raises Invalid."""
    if text == "-":
        text = sys.stdin.read(_PARAMS_CHARS_MAX)
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError) as error:
        raise Invalid(f"PARAMS is not JSON: {error}") from error
    if not isinstance(found, dict | list):
        raise Invalid('PARAMS is a JSON object or array, as in \'{"account": "alice"}\'')
    return found


def _list(methods: list[dict[str, Any]]) -> None:
    width = max((len(str(each["name"])) for each in methods), default=0)
    for each in methods:
        click.echo(f"{each['name']:{width}}  {each.get('summary', '')}")


def _described(methods: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """Raises NotFound."""
    for each in methods:
        if each["name"] == name:
            return each
    raise NotFound(f"there is no method {name}; see: mylist rpc")


def _tell(method: dict[str, Any]) -> None:
    click.echo(f"{method['name']}: {method.get('summary', '')}.")
    if "description" in method:
        click.echo(textwrap.fill(method["description"], 100))
    for param in method["params"]:
        default = "" if param["required"] else f" [default: {json.dumps(param['schema'].get('default'))}]"
        about = f"  {param['description']}" if "description" in param else ""
        click.echo(f"  {param['name']}: {_kind(param['schema'])}{default}{about}")
    click.echo(f"gives {_kind(method['result']['schema'])}")


def _kind(schema: dict[str, Any]) -> str:
    """A schema in a few words."""
    if "anyOf" in schema:
        return " or ".join(_kind(each) for each in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(json.dumps(each) for each in schema["enum"])
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    return str(schema.get("type", "anything"))
