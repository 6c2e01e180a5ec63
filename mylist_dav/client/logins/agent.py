"""An ssh-agent as far as logins need it: its Ed25519 keys, and signatures of theirs (draft-ietf-sshm-ssh-agent).

Two requests over a local socket. Whatever the agent answers is bounded and checked.
"""

from __future__ import annotations

import socket
import struct
from typing import NamedTuple

from mylist_dav.errors import Busy, Invalid, MylistError
from mylist_dav.model.keys import OPENSSH_KIND, SIGNATURE_BYTES, PublicKey, verify

ANSWER_BYTES_MAX = 256 * 1024
KEYS_MAX = 100
LIST_SECONDS = 5.0
SIGN_SECONDS = 60.0
"""The agent may ask its user first."""

_REQUEST_IDENTITIES, _IDENTITIES_ANSWER = 11, 12
_SIGN_REQUEST, _SIGN_RESPONSE = 13, 14


class AgentKey(NamedTuple):
    """A key that an agent holds, and signs with."""

    socket_path: str
    blob: bytes
    public: PublicKey
    comment: str

    def sign(self, message: bytes) -> bytes:
        """64 bytes. Raises MylistError when the agent does not want to, Busy when it does not answer."""
        body = bytes([_SIGN_REQUEST]) + _string(self.blob) + _string(message) + struct.pack(">I", 0)
        answer = _ask(self.socket_path, body, _SIGN_RESPONSE, SIGN_SECONDS)
        kind, signature = _read_strings(_read_strings(answer, 1)[0], 2)
        if kind != OPENSSH_KIND.encode() or len(signature) != SIGNATURE_BYTES:
            raise Invalid("the ssh-agent gave something else than a signature of Ed25519")
        if not verify(self.public, message, signature):
            raise Invalid("the ssh-agent gave a signature that does not hold")
        return signature


def agent_keys(socket_path: str) -> list[AgentKey]:
    """The Ed25519 keys of the agent behind a socket, in its order; those of other kinds are left out.

    Raises MylistError when there is no agent, Busy, Invalid.
    """
    answer = _ask(socket_path, bytes([_REQUEST_IDENTITIES]), _IDENTITIES_ANSWER, LIST_SECONDS)
    if len(answer) < 4:
        raise Invalid("the ssh-agent gave an answer that breaks off")
    count = min(struct.unpack(">I", answer[:4])[0], KEYS_MAX)
    strings = _read_strings(answer[4:], 2 * count)
    found = []
    for blob, comment in zip(strings[::2], strings[1::2], strict=True):
        public = _ed25519(blob)
        if public is not None:
            found.append(AgentKey(socket_path, blob, public, comment.decode("utf-8", "replace")))
    return found


def _ed25519(blob: bytes) -> PublicKey | None:
    try:
        kind, raw = _read_strings(blob, 2)
        return PublicKey.checked(raw) if kind == OPENSSH_KIND.encode() else None
    except Invalid:
        return None


def _ask(path: str, body: bytes, expected: int, timeout_seconds: float) -> bytes:
    """What follows the type of the answer."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout_seconds)
            connection.connect(path)
            connection.sendall(_string(body))
            size = struct.unpack(">I", _receive(connection, 4))[0]
            if not 1 <= size <= ANSWER_BYTES_MAX:
                raise Invalid("the ssh-agent gave an answer of an impossible length")
            answer = _receive(connection, size)
    except TimeoutError as error:
        raise Busy("the ssh-agent does not answer") from error
    except OSError as error:
        raise MylistError(f"the ssh-agent cannot be reached: {error.strerror or error}") from error
    if answer[0] != expected:
        raise MylistError("the ssh-agent refused; it may be locked, or its user said no")
    return answer[1:]


def _receive(connection: socket.socket, size: int) -> bytes:
    pieces = b""
    while len(pieces) < size:
        piece = connection.recv(size - len(pieces))
        if not piece:
            raise Invalid("the ssh-agent hung up in the middle of an answer")
        pieces += piece
    return pieces


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def _read_strings(data: bytes, count: int) -> list[bytes]:
    """That many strings, one after the other (RFC 4251, 5). Raises Invalid."""
    found, position = [], 0
    for _ in range(count):
        if position + 4 > len(data):
            raise Invalid("the ssh-agent gave an answer that breaks off")
        end = position + 4 + struct.unpack_from(">I", data, position)[0]
        if end > len(data):
            raise Invalid("the ssh-agent gave an answer that breaks off")
        found.append(data[position + 4 : end])
        position = end
    return found
