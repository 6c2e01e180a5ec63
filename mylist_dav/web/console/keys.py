"""Keys of an account: one's own, or, for admins, those of ?account=NAME.

Users sign with a key to add it, which the script of the page does with the file of the key; admins write any down.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from mylist_dav.errors import Invalid
from mylist_dav.model.accounts import KeyFacts
from mylist_dav.model.keys import SIGNATURE_BYTES, parse_public_key
from mylist_dav.services.accounts.key_proofs import Proof
from mylist_dav.web.console.tokens import own_href
from mylist_dav.web.console.visits import Moment, Visit, account_of, moment
from mylist_dav.wire.forms import Form
from mylist_dav.wire.messages import Response


class KeyLine(NamedTuple):
    """What the page says of a key."""

    hex: str
    fingerprint: str
    label: str
    added: Moment | None
    used: Moment | None


def show(visit: Visit, problem: str = "", status: int = 200) -> Response:
    """The page."""
    account = account_of(visit)
    return visit.page(
        "keys",
        here="keys" if account == visit.actor.account else "accounts",
        problem=problem,
        status=status,
        owner=account,
        lines=[_line(facts) for facts in visit.library.identity.keys(visit.actor, account)],
        action=own_href(visit, "keys"),
        text="" if visit.may_administer else visit.library.key_proofs.text(account),
    )


def act(visit: Visit, form: Form) -> str:
    """Add a key, or remove one."""
    identity = visit.library.identity
    key = parse_public_key(form.get("key", "").strip())
    if form.get("do") == "remove":
        identity.remove_key(visit.actor, key)
    else:
        label = form.get("label", "").strip()
        identity.add_key(visit.actor, account_of(visit), key, label, proof=_proof(form))
    return own_href(visit, "keys")


def _proof(form: Form) -> Proof | None:
    """What was signed with the key; None where nothing was. Raises Invalid."""
    signature = form.get("signature", "")
    if not signature:
        return None
    if not re.fullmatch(f"[0-9a-f]{{{2 * SIGNATURE_BYTES}}}", signature):
        raise Invalid(f"a signature is {2 * SIGNATURE_BYTES} hex digits")
    return Proof(form.get("text", "").replace("\r\n", "\n"), bytes.fromhex(signature))


def _line(facts: KeyFacts) -> KeyLine:
    return KeyLine(
        facts.key.hex(), facts.key.fingerprint, facts.label, moment(facts.added_ns), moment(facts.used_ns)
    )
