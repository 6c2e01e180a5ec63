"""Asking which of 1,000 blocks are there, beside a million stored ones: in process, and with the JSON around it."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from functools import partial

from bench.scene import Scene
from mylist_dav.api.table import api
from mylist_dav.model.actors import OPERATOR, Actor, Role
from mylist_dav.model.digest import Digest
from mylist_dav.model.names import FlistName
from mylist_dav.services.opening import Library
from mylist_dav.settings import load
from mylist_dav.wire.messages import Request, Response

IDS = 1000
CONTENT_BYTES = 4096
GOAL_MS = 10
OPEN, CLOSED = FlistName("bench", "open"), FlistName("bench", "closed")
BLOCKS_OF_LONG = 8


def exists(scene: Scene) -> None:
    """A third of what is asked for is readable, a third is in a private flist of others, a third is unknown."""
    count = 100_000 if scene.quick else 1_000_000
    settings = load(given={"store.data": str(scene.folder("mylist") / "data"), "store.durability": "os"})
    library = Library(settings, time.time_ns)
    try:
        digests = _fill(library, count)
        _measure(scene, library, digests)
    finally:
        library.close()


def _fill(library: Library, count: int) -> list[Digest]:
    """Blocks by turns of a readable flist and of a private one; half of each are parts of long contents."""
    for name in (OPEN, CLOSED):
        library.flists.create(OPERATOR, name, make_account=True)
    library.grants.set_private(OPERATOR, CLOSED, True)
    ids = [library.flists.get(OPERATOR, name).flist_id for name in (OPEN, CLOSED)]
    chance = random.Random(1)
    digests = [Digest(chance.randbytes(32)) for _ in range(count)]
    writer = library.catalog._writer
    with writer:
        writer.executemany(
            "INSERT INTO block (digest, size_bytes, added_ns, verified_ns, state) VALUES (?, ?, 1, 1, 'stored')",
            ((digest, CONTENT_BYTES) for digest in sorted(digests)),
        )
        held, parts = [], []
        for number, digest in enumerate(digests):
            owner, group = ids[number % 2], number // 2
            if group % 2:
                recipe = Digest.of(b"%d %d" % (owner, group // BLOCKS_OF_LONG))
                held.append((recipe, owner))
                parts.append((digest, recipe))
            else:
                held.append((digest, owner))
        writer.executemany("INSERT OR IGNORE INTO held VALUES (?, ?)", sorted(held))
        writer.executemany("INSERT INTO recipe_block VALUES (?, ?)", sorted(parts))
    return digests


def _measure(scene: Scene, library: Library, digests: list[Digest]) -> None:
    count = len(digests)
    service = scene.measure(f"exists of {IDS:,} ids beside {count:,} blocks, in process", "ms")
    cpu = scene.measure(f"exists of {IDS:,} ids beside {count:,} blocks, CPU time", "ms")
    answer = scene.measure(f"exists of {IDS:,} ids beside {count:,} blocks, request to answer", "ms")
    library.identity.add_account(OPERATOR, "reader", Role.USER)
    token = library.identity.new_token(OPERATOR, "reader")
    front = api(library)
    chance = random.Random(2)
    for _ in range(scene.round_count * 10):
        asked = chance.sample(digests, 2 * IDS // 3) + [
            Digest(chance.randbytes(32)) for _ in range(IDS // 3 + 1)
        ]
        chance.shuffle(asked)
        body = json.dumps({"ids": [str(digest) for digest in asked]}).encode()
        for name, actor in (("reader", Actor("reader", Role.USER)), ("admin", OPERATOR)):
            wall_ms, cpu_ms = _milliseconds(partial(library.holdings.exists, actor, asked))
            service.add(name, wall_ms)
            cpu.add(name, cpu_ms)
        answer.add("reader", _milliseconds(partial(_ask, front.respond, token, body))[0])
    for measure in (service, cpu, answer):
        measure.at_most(GOAL_MS, who="reader")


def _ask(respond: Callable[[Request], object], token: str, body: bytes) -> None:
    headers = [("authorization", f"Bearer {token}"), ("content-type", "application/json")]
    request = Request(
        "POST", "/blocks/exists", "", headers, "h", "h", content_length=len(body), has_body=True
    )
    sink = respond(request)
    sink.write(body)  # type: ignore[attr-defined]
    response = sink.finish()  # type: ignore[attr-defined]
    assert isinstance(response, Response)
    assert response.status == 200


def _milliseconds(call: Callable[[], object]) -> tuple[float, float]:
    """By the clock on the wall, and of this thread's processor time."""
    began, used = time.perf_counter(), time.thread_time()
    call()
    return 1000 * (time.perf_counter() - began), 1000 * (time.thread_time() - used)
