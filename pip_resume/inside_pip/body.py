"""The body of a urllib3 response, read as it arrives: without waiting until a block is full."""

from __future__ import annotations

import errno
import http.client
import select
import socket
import time
from typing import TYPE_CHECKING, Any

from pip_resume.engine.reading import BLOCK_S

if TYPE_CHECKING:
    from pip_resume.engine.interfaces import Block

MORE_S = 0.005
"""How long a read waits for more bytes after those that have arrived: less than it costs to begin a read anew."""
_LOOK_S = 3.0
"""While nothing arrives, how often to look whether this computer still has the address of the connection."""


class AddressLost(OSError):
    """This computer no longer has the address of its end of a connection."""


class Body:
    """The undecoded body of one urllib3 response. What urllib3 and http.client raise passes through."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self._fp: Any = getattr(raw, "_fp", None)
        is_network = isinstance(self._fp, http.client.HTTPResponse)
        if not is_network:
            self._read_some = self._read_block
        elif hasattr(raw, "read1"):
            self._read_some = self._read1
        else:
            self._read_some = self._read1_past_urllib3
        # The rest of a chunk may be buffered here while the socket has nothing.
        self._socket: Any = _socket_of(self._fp) if is_network and not getattr(self._fp, "chunked", False) else None
        counts = hasattr(raw, "_fp_bytes_read") and hasattr(raw, "length_remaining")
        self._can_pass_urllib3 = counts and self._socket is not None
        self._is_drained = False
        """Whether all that comes next comes from the socket."""
        self._poll: Any = None
        self._buffer = bytearray()
        self._lost: Exception | None = None
        """What ended the connection after bytes that the last read has returned."""
        self._is_ready = True
        """Whether the next read need not wait. Not known before the first one: the start may be buffered."""

    def read(self, size: int) -> Block:
        """Return what has arrived, up to ``size`` bytes. Wait for the first byte; empty at the end.

        The next read may use the same memory.
        """
        if self._lost is not None:
            raise self._lost
        if not self._is_ready:
            self._wait()
        block = self._read_socket(size) if self._is_drained else b""
        if not block:
            if self._is_drained:
                self._wait()
            block = self._read_some(size)
            # http.client returns first what is buffered there. Less than was asked for is all of it.
            self._is_drained = self._can_pass_urllib3 and 0 < len(block) < size
        self._is_ready = len(block) == size  # Only then more may be buffered here.
        return block

    def _read_socket(self, size: int) -> Block:
        """Return up to ``size`` bytes that arrive at once, within BLOCK_S, and never the last byte of the body.

        TLS gives 16 KiB at a time, and each read through urllib3 and http.client costs about as much as decrypting
        them. The last byte is left to http.client, which then knows that the body has ended.
        """
        length: int | None = self._fp.length
        limit = size if length is None else min(size, length - 1)
        if limit <= 0:
            return b""
        if len(self._buffer) < limit:
            self._buffer = bytearray(limit)
        buffer = memoryview(self._buffer)[:limit]
        got, timeout_s = 0, self._socket.gettimeout()
        self._socket.settimeout(MORE_S)
        end_s = time.monotonic() + BLOCK_S
        try:
            while got < limit:
                number = self._socket.recv_into(buffer[got:])
                got += number
                if not number or time.monotonic() >= end_s:
                    break
        except socket.timeout:
            pass
        except (OSError, ValueError) as error:
            self._lost = error
            if not got:
                raise
        finally:
            self._count(got)
            self._socket.settimeout(timeout_s)
        return buffer[:got]

    def _count(self, number: int) -> None:
        """Tell http.client and urllib3 about bytes that were read past them."""
        if self._fp.length is not None:
            self._fp.length -= number
        raw = self._raw
        raw._fp_bytes_read += number
        if raw.length_remaining is not None:
            raw.length_remaining -= number

    def has_more(self, wait_s: float) -> bool:
        """Whether bytes, or an error, have arrived, or do within ``wait_s`` seconds. False if that cannot be known."""
        if self._lost is not None:
            return True
        if self._socket is None:
            return False
        self._is_ready = self._has_pending() or self._is_readable(wait_s)
        return self._is_ready

    def _wait(self) -> None:
        """Wait for bytes, and look now and then whether they can still arrive.

        A laptop that changes networks gets no sign that its connections are dead: its address is gone.
        """
        timeout_s = None if self._socket is None else self._socket.gettimeout()
        if timeout_s is None or self._fp.isclosed() or self._has_pending():
            return
        while timeout_s > 0:
            wait_s = min(timeout_s, _LOOK_S)
            if self._is_readable(wait_s):
                return
            timeout_s -= wait_s
            if _has_lost_address(self._socket):
                raise AddressLost
        raise socket.timeout("timed out")

    def _has_pending(self) -> bool:
        """Whether TLS has decrypted bytes that were not read yet."""
        pending = getattr(self._socket, "pending", None)
        return pending is not None and pending() > 0

    def _is_readable(self, wait_s: float) -> bool:
        if not hasattr(select, "poll"):  # Windows
            return bool(select.select([self._socket], [], [], wait_s)[0])
        if self._poll is None:
            self._poll = select.poll()
            self._poll.register(self._socket, select.POLLIN)
        return bool(self._poll.poll(wait_s * 1000))

    def _read_block(self, size: int) -> bytes:
        """Read from pip's cache."""
        return bytes(self._raw.read(size, decode_content=False))

    def _read1(self, size: int) -> bytes:
        """Read with urllib3 2 (pip 26.1 and newer)."""
        return self._raw.read1(size, decode_content=False) or b""

    def _read1_past_urllib3(self, size: int) -> bytes:
        """Read with urllib3 1.26, which can only wait for a full block, and do what it would do at the end."""
        fp: Any = self._fp
        block: bytes = fp.read1(size)
        if fp.length == 0 and not fp.chunked:
            fp.close()  # Python 3.12 and older leave it open: python/cpython#113199.
        if fp.isclosed():
            self._raw.release_conn()
        return block


def _socket_of(fp: Any) -> Any:
    """Return the socket behind an http.client response; None if there is none, as with TLS through a TLS proxy.

    urllib3's object for that has the methods of a socket, but buffers what the descriptor does not show.
    """
    found = getattr(getattr(getattr(fp, "fp", None), "raw", None), "_sock", None)
    return found if isinstance(found, socket.socket) else None


def _has_lost_address(connected: Any) -> bool:
    """Whether this computer no longer has the address of its end of a connection. False if that cannot be known."""
    try:
        address = connected.getsockname()
        with socket.socket(connected.family, socket.SOCK_DGRAM) as probe:
            probe.bind((address[0], 0, *address[2:]))
    except OSError as error:
        return error.errno == errno.EADDRNOTAVAIL
    except (AttributeError, ValueError, TypeError, IndexError):
        return False
    return False
