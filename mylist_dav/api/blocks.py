"""/blocks/: blocks by their ids, alone or as a tar. Memory is that of one block, however many there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial

from mylist_dav.api.bodies import model_response
from mylist_dav.api.operations import Call, Media, Operation
from mylist_dav.api.problems import problem
from mylist_dav.errors import BlocksMissing, Forbidden
from mylist_dav.model.archives.tar_out import tar_end, tar_file_header, tar_padding
from mylist_dav.model.archives.tar_push import SmallMember, SmallMembers
from mylist_dav.model.contents import BlockRef, BlockSlice
from mylist_dav.model.digest import Digest
from mylist_dav.services.contents.holdings import IDS_MAX, Brought, Offered, Receiving, Reread, State
from mylist_dav.store.blocks import BLOCK_BYTES_MAX
from mylist_dav.wire.documents.blocks import (
    BlocksAsked,
    BroughtBlock,
    DeleteTold,
    ExistAsked,
    ExistTold,
    RefusedBlock,
    UploadAsked,
    UploadTold,
    VerifiedBlock,
)
from mylist_dav.wire.messages import Headers, Piece, Response
from mylist_dav.wire.responder import Representation, file_response

_TAG = "Blocks"
_IDS_BYTES_MAX = 1024 * 1024
_PIECE_BYTES = 256 * 1024
_TAR = "application/x-tar"
_LINES = "application/x-ndjson"
_POLICY: Headers = [("Content-Security-Policy", "sandbox")]
"""What strangers have stored shares its origin with the console: it runs nothing and reaches nothing."""

_FOR_EVER = ("Cache-Control", "private, max-age=31536000, immutable")
_NOT_KEPT = ("Cache-Control", "no-store")


def operations() -> list[Operation]:
    """All routes below /blocks/."""
    return [
        Operation(
            "GET", "/blocks/{ids}", "getBlocks", _TAG,
            "One block, or with several ids, separated by commas, a tar of them, named by their ids",
            get, told=Media(("application/octet-stream", _TAR), "the block, or the tar"),
            also={206: "a part of the block", 304: "the caller has it"},
        ),
        Operation(
            "POST", "/blocks/exists", "existBlocks", _TAG,
            "Which of these blocks need not be uploaded; what is present stays for hours",
            exists, query=ExistAsked, body=BlocksAsked, told=ExistTold, limit_bytes=_IDS_BYTES_MAX,
        ),
        Operation(
            "POST", "/blocks/download", "downloadBlocks", _TAG, "A tar of these blocks, named by their ids",
            download, body=BlocksAsked, told=Media((_TAR,), "the blocks"), limit_bytes=_IDS_BYTES_MAX,
        ),
        Operation(
            "POST", "/blocks/upload", "uploadBlocks", _TAG,
            "Store the files of a tar, each named by its id; bad ones are named, and the others are kept",
            upload, query=UploadAsked, body=Media((_TAR,), "the blocks", packable=True), told=UploadTold,
        ),
        Operation(
            "POST", "/blocks/verify", "verifyBlocks", _TAG,
            "Read blocks from disk and hash them, for admins; a line of JSON for each, as it is read",
            verify, body=BlocksAsked, told=Media((_LINES,), "lines of VerifiedBlock"), limit_bytes=_IDS_BYTES_MAX,
        ),
        Operation(
            "POST", "/blocks/delete", "deleteBlocks", _TAG,
            "Delete blocks that nothing refers to, for admins; the others are refused, each with the reason",
            delete, body=BlocksAsked, told=DeleteTold, limit_bytes=_IDS_BYTES_MAX,
        ),
    ]  # fmt: skip


def get(call: Call) -> Response:
    """Raises Invalid for what is no id."""
    if call.request.header("service-worker") is not None:
        raise Forbidden("blocks do not serve as service workers")
    ids = [Digest.parse(text) for text in call.names["ids"].split(",")]
    try:
        refs = call.library.holdings.find(call.actor, ids)
    except BlocksMissing as error:
        return _without(error)
    return _one(call, refs[0]) if len(ids) == 1 else _tar(call, refs)


def _one(call: Call, ref: BlockRef) -> Response:
    """As a file: with ranges and conditions."""
    representation = Representation(
        f'"{ref.digest}"', None, ref.size_bytes, "application/octet-stream", partial(_stretch, ref)
    )
    response = file_response(call.request, representation, [*_POLICY, _FOR_EVER])
    _count(call, response, f"block {ref.digest}")
    return response


def exists(call: Call) -> ExistTold:
    found = call.library.holdings.exists(call.actor, _ids(call))
    asked: ExistAsked = call.query
    missing = found.missing if asked.tell == "all" else []
    return ExistTold(present=_texts(found.present), missing=_texts(missing))


def download(call: Call) -> Response:
    try:
        return _tar(call, call.library.holdings.find(call.actor, _ids(call)))
    except BlocksMissing as error:
        return _without(error)


def upload(call: Call) -> BlockSink:
    """Raises Forbidden for who may write nowhere."""
    asked: UploadAsked = call.query
    return BlockSink(call.library.holdings.receive(call.actor), _limit_bytes(call), asked.tell == "bad")


def verify(call: Call) -> Response:
    reread = call.library.holdings.verify(call.actor, _ids(call))
    headers: Headers = [("Content-Type", _LINES), ("X-Content-Type-Options", "nosniff"), _NOT_KEPT]
    return Response(200, headers, _lines(reread))


def delete(call: Call) -> DeleteTold:
    found = call.library.holdings.delete(call.actor, _ids(call))
    refused = [RefusedBlock(id=str(digest), reason=reason) for digest, reason in found.refused]
    return DeleteTold(deleted=_texts(found.deleted), missing=_texts(found.missing), refused=refused)


class BlockSink:
    """A BodySink that stores the files of a tar as blocks, in groups, as they come."""

    def __init__(self, receiving: Receiving, limit_bytes: int, bad_alone: bool) -> None:
        """bad_alone: the answer names the members alone that were not kept."""
        self.limit_bytes = limit_bytes
        self.piece_bytes = _PIECE_BYTES
        self._receiving = receiving
        self._bad_alone = bad_alone
        self._members = SmallMembers(BLOCK_BYTES_MAX, IDS_MAX)
        self._told: list[BroughtBlock] = []
        self._counts: Counter[State] = Counter()

    def write(self, piece: bytes) -> None:
        """Raises BadArchive, OutOfQuota, ...; the blocks before are kept."""
        for member in self._members.feed(piece):
            if told := self._receiving.add(_offered(member)):
                self._tell(told)

    def finish(self) -> Response:
        """Raises Incomplete; the blocks that came are kept then, too."""
        self._tell(self._receiving.finish())
        self._members.finish()
        count = self._counts
        return model_response(
            UploadTold(
                blocks=self._told,
                stored=count[State.STORED],
                present=count[State.PRESENT],
                bad=count[State.BAD],
            )
        )

    def abort(self) -> None:
        """Groups that are stored stay; they are forgotten if nobody commits them."""
        self._told.clear()

    def _tell(self, brought: list[Brought]) -> None:
        self._counts.update(one.state for one in brought)
        bad_alone = self._bad_alone
        self._told.extend(_told(one) for one in brought if not bad_alone or one.state is State.BAD)


def _ids(call: Call) -> list[Digest]:
    asked: BlocksAsked = call.body
    return [Digest(bytes.fromhex(text)) for text in asked.ids]


def _texts(digests: list[Digest]) -> list[str]:
    return [str(digest) for digest in digests]


def _limit_bytes(call: Call) -> int:
    return call.library.settings.limits.archive_bytes_max


def _without(error: BlocksMissing) -> Response:
    """Nothing is sent when not all of it can be; `missing` names what is not there for the caller."""
    return problem(error, members={"missing": [digest.hex() for digest in error.digests]})


def _tar(call: Call, refs: list[BlockRef]) -> Response:
    """The blocks in the order they were named. Its length is known before any is read."""
    headers: Headers = [("Content-Type", _TAR), ("X-Content-Type-Options", "nosniff"), *_POLICY, _NOT_KEPT]
    packed_bytes = sum(_packed_bytes(ref) for ref in refs)
    length = packed_bytes + len(tar_end(packed_bytes))
    head = call.request.method == "HEAD"
    response = Response(200, headers, b"" if head else _tar_pieces(refs, packed_bytes), length)
    _count(call, response, f"{len(refs)} blocks")
    return response


def _tar_pieces(refs: list[BlockRef], packed_bytes: int) -> Iterator[Piece]:
    padding = b""
    for ref in refs:
        yield padding + tar_file_header(str(ref.digest), ref.size_bytes)
        yield BlockSlice(ref.digest, 0, ref.size_bytes)
        padding = tar_padding(ref.size_bytes)
    yield padding + tar_end(packed_bytes)


def _packed_bytes(ref: BlockRef) -> int:
    return len(tar_file_header(str(ref.digest), 0)) + ref.size_bytes + len(tar_padding(ref.size_bytes))


def _stretch(ref: BlockRef, offset: int, length: int) -> tuple[BlockSlice]:
    return (BlockSlice(ref.digest, offset, length),)


def _count(call: Call, response: Response, what: str) -> None:
    """Have the download recorded."""
    if call.request.method != "HEAD":
        response.meter = call.library.ledger.request(call.actor, path=what)


def _lines(reread: Iterator[Reread]) -> Iterator[bytes]:
    for one in reread:
        yield VerifiedBlock(id=str(one.digest), state=one.state.value).model_dump_json().encode() + b"\n"  # type: ignore[arg-type]


def _offered(member: SmallMember) -> Offered:
    """The name is the id; tar puts './' before it when it packs a folder."""
    return Offered(member.name.removeprefix("./"), member.content, member.problem)


def _told(one: Brought) -> BroughtBlock:
    name = one.name.encode("utf-8", "replace").decode()
    digest = None if one.digest is None else str(one.digest)
    return BroughtBlock(name=name, id=digest, state=one.state.value, detail=one.detail)  # type: ignore[arg-type]
