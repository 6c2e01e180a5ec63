"""The key of who starts a server: it becomes the key of the first admin."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from nacl.signing import SigningKey

from mylist_dav.cli.key import usual_comment
from mylist_dav.client.logins.folder import config_folder, read_file, write_private
from mylist_dav.client.logins.key_files import PrivateKey, read_public, written
from mylist_dav.client.logins.signers import KEY_FILE
from mylist_dav.errors import MylistError, NotFound
from mylist_dav.model.keys import PublicKey
from mylist_dav.settings import Settings

_log = logging.getLogger(__name__)


def operator_key(settings: Settings) -> PublicKey | None:
    """The public half of the operator's key file, which is made if it is missing; None where nobody has a home.

    A service or a container has none, or has its data for a home: a private key would lie among what it opens.
    """
    try:
        folder = config_folder(os.environ)
        if not _is_a_home(folder, Path(settings.store.data)):
            return None
        path = folder / KEY_FILE
        try:
            return read_public(read_file(path))
        except NotFound:
            made = PrivateKey(SigningKey.generate(), usual_comment())
            write_private(path, written(made), replace=False)
            return made.public
    except NotFound:
        return None
    except MylistError as error:
        _log.warning("no key for the first admin: %s", error)
        return None


def _is_a_home(folder: Path, data: Path) -> bool:
    """Whether a folder of settings lies in something that is there (~/.config need not be), apart from the data."""
    apart = not folder.resolve().is_relative_to(data.resolve())
    return apart and any(each.is_dir() for each in folder.parents[:2])
