"""An import past the quota of its account: refused while it arrives, and nothing past the quota is stored."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from mylist_dav.errors import OutOfQuota, TooMany
from mylist_dav.model.actors import OPERATOR, Actor, Role
from mylist_dav.model.digest import Digest
from mylist_dav.model.names import FlistName
from mylist_dav.services.accounts.identity import Identity
from mylist_dav.services.archives.imports import ARRIVING_MAX
from mylist_dav.services.limits.quotas import MEMBER_BYTES
from tests.services.trees_in_memory import NAME, Lab, file, special_tar, tar_info, tar_of


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path / "data")
    lab.take(tar_of({"first": file(b"12345")}))
    limit(lab, 20)
    yield lab
    lab.close()


def limit(lab: Lab, quota_bytes: int) -> None:
    identity = Identity(lab.catalog, lambda: 0, days_max=1)
    identity.set_quota(OPERATOR, NAME.account, quota_bytes)
    identity.close()


def test_a_member_that_brings_the_tree_past_the_quota_is_not_stored_nor_any_after_it(lab: Lab) -> None:
    tree = {"a": file(b"a" * 15), "b": file(b"b" * 6), "c": file(b"c" * 2_000_000)}
    with pytest.raises(OutOfQuota, match="may hold 20 bytes together, and there is no room for a tree of 21"):
        lab.take(tar_of(tree))
    assert sorted(lab.tree()) == ["first"]
    stored = set(lab.blocks.digests())
    assert Digest.of(b"b" * 6) not in stored
    assert len(stored) <= 2


def test_a_tree_that_takes_the_place_of_another_may_be_as_large_as_the_quota(lab: Lab) -> None:
    lab.take(tar_of({"a": file(b"a" * 20)}))
    assert lab.counted() == (1, 20)
    limit(lab, 7)
    lab.take(tar_of({"b": file(b"b" * 20)}))  # no larger than what is there
    with pytest.raises(OutOfQuota):
        lab.take(tar_of({"b": file(b"c" * 21)}))


def test_of_members_of_one_name_only_the_last_counts(lab: Lab) -> None:
    infos = [tar_info("a", file(b"x" * 15)) for _ in range(4)]
    lab.take(special_tar(*infos, content=b"x" * 15))
    assert lab.counted() == (1, 15)


def test_what_is_merged_counts_beside_what_is_there(lab: Lab) -> None:
    with pytest.raises(OutOfQuota):
        lab.take(tar_of({"a": file(b"a" * 16)}), merge=True)
    assert sorted(lab.tree()) == ["first"]
    lab.take(tar_of({"a": file(b"a" * 15)}), merge=True)
    assert lab.counted() == (2, 20)


def test_an_archive_that_is_kept_before_it_is_read_is_no_larger_than_the_quota_and_its_headers(
    lab: Lab,
) -> None:
    require = lab.imports.check_archive(OPERATOR, NAME, make=True)
    most = 20 + MEMBER_BYTES * lab.imports.limits.members
    require(most)
    with pytest.raises(OutOfQuota, match=f"no room for a body of {most + 1}"):
        require(most + 1)


def test_without_a_quota_an_archive_may_have_any_size(lab: Lab) -> None:
    lab.imports.check_archive(OPERATOR, FlistName("free", "site"), make=True)(2**60)


def test_what_others_have_stored_counts_as_new_for_who_may_not_read_it(lab: Lab) -> None:
    lab.catalog.change(lambda draft: draft.set_private(draft.flist(NAME).flist_id, True))
    lab.catalog.change(lambda draft: draft.add_account("bert", Role.USER))
    bert, name = Actor("bert", Role.USER, self_service=True), FlistName("bert", "site")

    def take(actor: Actor) -> int:
        source = lab.imports.archive(io.BytesIO(tar_of({"guess": file(b"12345")})))
        return lab.imports.run(actor, name, source, make=True).new_blocks

    assert take(bert) == 1
    assert take(bert) == 0
    assert take(OPERATOR) == 0


def test_an_account_sends_only_so_many_archives_at_a_time(lab: Lab) -> None:
    spools = [lab.imports.arriving("bert") for _ in range(ARRIVING_MAX)]
    with pytest.raises(TooMany):
        lab.imports.arriving("bert")
    lab.imports.arriving("anna").close()
    spools.pop().close()
    spools.append(lab.imports.arriving("bert"))
    for spool in spools:
        spool.close()
