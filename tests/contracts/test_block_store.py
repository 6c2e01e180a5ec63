"""What every block store promises."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mylist_dav.errors import Corrupt, NotFound, TooLarge
from mylist_dav.model.digest import EMPTY, Digest
from mylist_dav.store.blocks import BLOCK_BYTES_MAX, BlockStore
from mylist_dav.store.blockstore.cached import CachedBlocks
from mylist_dav.store.blockstore.files import FileBlocks
from mylist_dav.store.blockstore.memory import MemoryBlocks
from tests.store.intakes import taking_in

A, B, C = b"a" * 1000, b"b" * 1000, b"c" * 1000


def some_blocks(count: int, seed: int = 1) -> list[bytes]:
    numbers = random.Random(seed)
    return [numbers.randbytes(numbers.randrange(1, 2000)) for _ in range(count)]


class BlockStoreContract:
    """From an empty store through putting, reading, listing and deleting, then batches, then threads."""

    @pytest.fixture
    def store(self) -> Iterator[BlockStore]:
        raise NotImplementedError

    def test_a_new_store_has_nothing(self, store: BlockStore) -> None:
        assert list(store.digests()) == []
        assert not store.has(Digest.of(A))

    def test_a_block_that_is_not_there_is_not_found(self, store: BlockStore) -> None:
        with pytest.raises(NotFound, match=str(Digest.of(A))):
            store.get(Digest.of(A))

    def test_what_was_put_is_got_by_its_digest(self, store: BlockStore) -> None:
        digest = store.put(A)
        assert digest == Digest.of(A)
        assert store.has(digest)
        assert store.get(digest) == A

    def test_the_same_bytes_are_one_block(self, store: BlockStore) -> None:
        assert store.put(A) == store.put(A) == store.put(A, Digest.of(A))
        assert list(store.digests()) == [Digest.of(A)]

    def test_bytes_that_are_not_the_named_block_are_refused(self, store: BlockStore) -> None:
        with pytest.raises(Corrupt, match=str(Digest.of(B))):
            store.put(A, Digest.of(B))
        assert list(store.digests()) == []

    def test_the_empty_block_is_a_block(self, store: BlockStore) -> None:
        assert not store.has(EMPTY)
        assert store.put(b"") == EMPTY
        assert store.has(EMPTY)
        assert store.get(EMPTY) == b""

    def test_the_largest_block_is_taken_and_a_larger_one_is_not(self, store: BlockStore) -> None:
        data = random.Random(2).randbytes(BLOCK_BYTES_MAX)
        assert store.get(store.put(data)) == data
        with pytest.raises(TooLarge):
            store.put(data + b"!")

    def test_a_caller_may_use_its_buffer_again(self, store: BlockStore) -> None:
        buffer = bytearray(A)
        digest = store.put(buffer)  # type: ignore[arg-type]
        buffer[:] = B
        assert store.get(digest) == A

    def test_digests_come_in_ascending_order(self, store: BlockStore) -> None:
        digests = [store.put(data) for data in some_blocks(50)]
        assert list(store.digests()) == sorted(digests)

    def test_a_deleted_block_is_gone_and_its_neighbour_stays(self, store: BlockStore) -> None:
        a, b = store.put(A), store.put(B)
        store.get(a)
        assert store.delete(a)
        assert not store.has(a)
        with pytest.raises(NotFound):
            store.get(a)
        assert store.get(b) == B

    def test_deleting_again_says_that_there_was_nothing(self, store: BlockStore) -> None:
        digest = store.put(A)
        assert [store.delete(digest), store.delete(digest)] == [True, False]

    def test_a_deleted_block_can_be_put_again(self, store: BlockStore) -> None:
        store.delete(store.put(A))
        assert store.get(store.put(A)) == A

    def test_a_batch_is_all_there_after_its_commit(self, store: BlockStore) -> None:
        blocks = some_blocks(40)
        with store.batch() as batch:
            digests = [batch.put(data) for data in blocks]
            batch.commit()
        assert [store.get(digest) for digest in digests] == blocks
        assert list(store.digests()) == sorted(digests)

    def test_a_batch_of_nothing_may_be_committed(self, store: BlockStore) -> None:
        with store.batch() as batch:
            batch.commit()
        assert list(store.digests()) == []

    def test_a_batch_that_is_left_without_commit_leaves_nothing(self, store: BlockStore) -> None:
        with store.batch() as batch:
            batch.put(A)
        batch.close()
        assert list(store.digests()) == []

    def test_a_batch_takes_old_blocks_and_repetitions(self, store: BlockStore) -> None:
        store.put(A)
        with store.batch() as batch:
            digests = [batch.put(data) for data in (A, B, A, B, C)]
            batch.commit()
        assert digests == [Digest.of(data) for data in (A, B, A, B, C)]
        assert list(store.digests()) == sorted(set(digests))

    def test_a_batch_may_be_committed_more_than_once(self, store: BlockStore) -> None:
        with store.batch() as batch:
            batch.put(A)
            batch.commit()
            batch.put(B)
            batch.commit()
            batch.put(C)
        assert list(store.digests()) == sorted([Digest.of(A), Digest.of(B)])

    def test_a_batch_refuses_wrong_and_too_large_blocks_and_goes_on(self, store: BlockStore) -> None:
        with store.batch() as batch:
            batch.put(A)
            with pytest.raises(Corrupt):
                batch.put(B, Digest.of(C))
            with pytest.raises(TooLarge):
                batch.put(bytes(BLOCK_BYTES_MAX + 1))
            batch.commit()
        assert list(store.digests()) == [Digest.of(A)]

    def test_many_threads_put_and_get_the_same_blocks(self, store: BlockStore) -> None:
        blocks = some_blocks(60)
        failures: list[BaseException] = []

        def work(seed: int) -> None:
            try:
                for data in random.Random(seed).sample(blocks, len(blocks)):
                    assert store.get(store.put(data)) == data
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert list(store.digests()) == sorted(map(Digest.of, blocks))


class TestMemory(BlockStoreContract):
    @pytest.fixture
    def store(self) -> Iterator[BlockStore]:
        yield MemoryBlocks()


class TestFiles(BlockStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[BlockStore]:
        store = FileBlocks(tmp_path / "data")
        yield store
        store.close()


class TestFilesWithoutSync(BlockStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[BlockStore]:
        store = FileBlocks(tmp_path / "data", durability="os")
        yield store
        store.close()


class TestIntake(BlockStoreContract):
    """Blocks that wait in the catalog for their files."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[BlockStore]:
        with taking_in(tmp_path / "data", "os") as store:
            yield store


class TestCached(BlockStoreContract):
    @pytest.fixture
    def store(self) -> Iterator[BlockStore]:
        yield CachedBlocks(MemoryBlocks(), budget_bytes=10_000)
