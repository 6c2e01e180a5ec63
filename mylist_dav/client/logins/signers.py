"""Which keys a user has, in the order in which a login tries them: the own key file, an ssh-agent, ~/.ssh."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path

from mylist_dav.client.logins.agent import AgentKey, agent_keys
from mylist_dav.client.logins.folder import is_open_to_others, read_file
from mylist_dav.client.logins.key_files import AskPassPhrase, PrivateKey, read_private
from mylist_dav.errors import MylistError, NotFound
from mylist_dav.model.keys import PublicKey, parse_public_key

KEY_FILE = "key"
"""In the configuration folder."""

AGENT_KEYS_MAX = 5
_log = logging.getLogger(__name__)


def key_from(path: Path, environ: Mapping[str, str], ask: AskPassPhrase) -> PrivateKey | AgentKey:
    """The key of a file; of a public key, if an ssh-agent has its private half. Raises MylistError.

    A warning is logged for a private one that others on this machine may read.
    """
    text = read_file(path)
    if not text.startswith("ssh-"):
        if is_open_to_others(path):
            _log.warning("%s is a private key, and others may read it: chmod 600", path)
        return read_private(text, str(path), ask)
    public = parse_public_key(text)
    for key in _from_agent(environ):
        if key.public == public:
            return key
    raise NotFound(f"{path} is a public key, and no ssh-agent has its private half; give the private key")


def usual_keys(
    folder: Path, environ: Mapping[str, str], ask: AskPassPhrase
) -> Iterator[PrivateKey | AgentKey]:
    """The keys there are where one looks for them, each once; what asks for a pass phrase comes last."""
    seen: set[PublicKey] = set()
    own = folder / KEY_FILE
    if own.is_file():
        key: PrivateKey | AgentKey = key_from(own, environ, ask)
        seen.add(key.public)
        yield key
    for key in _from_agent(environ)[:AGENT_KEYS_MAX]:
        if key.public not in seen:
            seen.add(key.public)
            yield key
    usual = Path(environ.get("HOME", "/nowhere")) / ".ssh" / "id_ed25519"
    if usual.is_file() and not _is_known(usual, seen):
        yield key_from(usual, environ, ask)


def _is_known(private: Path, seen: set[PublicKey]) -> bool:
    """Whether the public half beside a private key says that it was tried already: then nobody need be asked."""
    try:
        return parse_public_key(read_file(private.with_name(private.name + ".pub"))) in seen
    except MylistError:
        return False


def _from_agent(environ: Mapping[str, str]) -> list[AgentKey]:
    """The keys of the agent; none if there is no agent, or one that is out of order."""
    path = environ.get("SSH_AUTH_SOCK", "")
    if not path.startswith("/"):
        return []
    try:
        return agent_keys(path)
    except MylistError:
        return []
