"""The body of a response as it is sent: cut, framed, in pieces. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Union

from servers.script import Answer, FileAnswer, Framing, Then

if TYPE_CHECKING:
    from collections.abc import Iterator

Body = Union[Answer, FileAnswer]

# A slow body is sent in at least this many pieces per second, so that it arrives evenly.
PIECES_PER_SECOND = 20
ENDS_WITH_THE_CONNECTION = frozenset({Framing.UNTIL_CLOSE, Framing.UNFINISHED_CHUNKS, Framing.BROKEN_CHUNKS})


def is_cut(answer: Body, length: int) -> bool:
    """Whether a body of this length (in bytes) ends early."""
    return answer.cut_after is not None and answer.cut_after < length


def ending(answer: Body, length: int) -> Then:
    """Return what happens to the connection: what the script says, unless its cut is after the end of this body."""
    then = answer.then if answer.cut_after is None or is_cut(answer, length) else Then.KEEP_ALIVE
    return Then.CLOSE if then is Then.KEEP_ALIVE and answer.framing in ENDS_WITH_THE_CONNECTION else then


def cut_end(answer: Body, length: int) -> int:
    """Return the number of bytes that are sent of a body of this length."""
    return length if answer.cut_after is None else min(length, answer.cut_after)


def pieces(answer: Body, body: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield each piece as it is written, and the number of bytes of the body in it and in all pieces before it."""
    end = cut_end(answer, len(body))
    size = answer.piece if answer.rate is None else max(1, min(answer.piece, answer.rate // PIECES_PER_SECOND))
    for start in range(0, end, size):
        announced = min(size, len(body) - start)
        data = body[start : min(start + size, end)]
        yield in_frame(answer.framing, data, announced), start + len(data)
    if answer.framing is Framing.CHUNKED and end == len(body):
        yield b"0\r\n\r\n", end
    if answer.framing is Framing.BROKEN_CHUNKS:
        yield b"zz\r\n", end


def in_frame(framing: Framing, data: bytes, announced: int) -> bytes:
    """Return the data as a chunk of the announced size, which may be larger than the data; or unchanged."""
    if framing in {Framing.LENGTH, Framing.UNTIL_CLOSE}:
        return data
    if framing is Framing.BROKEN_CHUNKS:
        announced = len(data)
    return f"{announced:x}\r\n".encode() + data + (b"\r\n" if len(data) == announced else b"")
