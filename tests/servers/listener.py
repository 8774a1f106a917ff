"""A listening socket on 127.0.0.1 that can be closed and opened again on the same port."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# accept() has a timeout, because on some systems closing a socket does not wake a thread that waits in accept().
POLL_S = 0.02


class Listener:
    """Gives every accepted socket to `on_accept`, in its own thread, while it is open."""

    def __init__(self, on_accept: Callable[[socket.socket], None]) -> None:
        self._on_accept = on_accept
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._reserved: socket.socket | None = None
        """While nobody listens: a socket that keeps the port."""
        self.port = 0
        """0 before the first `open`. Then it stays the same."""

    def open(self) -> None:
        """Start to listen. Nothing happens if it listens already."""
        with self._lock:
            if self._thread is not None:
                return
            listening = self._bind()
            listening.listen(64)
            listening.settimeout(POLL_S)
            self.port = listening.getsockname()[1]
            self._end_reservation()
            self._stop.clear()
            self._thread = threading.Thread(target=self._accept, args=(listening,), daemon=True)
            self._thread.start()

    def pause(self) -> None:
        """Stop to listen until `open`. Connections are refused when this returns. Nobody else gets the port."""
        with self._lock:
            if self._reserved is None:
                self._reserved = self._bind()
        self._stop_listening()

    def close(self) -> None:
        """Stop to listen. Connections are refused when this returns."""
        self._stop_listening()
        with self._lock:
            self._end_reservation()

    def _bind(self) -> socket.socket:
        """Return a socket of the port, which may have several of ours. Only one that listens gets connections."""
        bound = socket.socket()
        option = socket.SO_REUSEPORT if hasattr(socket, "SO_REUSEPORT") else socket.SO_REUSEADDR
        bound.setsockopt(socket.SOL_SOCKET, option, 1)
        bound.bind(("127.0.0.1", self.port))
        return bound

    def _end_reservation(self) -> None:
        if self._reserved is not None:
            self._reserved.close()
            self._reserved = None

    def _stop_listening(self) -> None:
        with self._lock:
            if self._thread is not None:
                self._stop.set()
                self._thread.join()
                self._thread = None

    def _accept(self, listening: socket.socket) -> None:
        with listening:
            while not self._stop.is_set():
                with contextlib.suppress(socket.timeout):
                    accepted, _ = listening.accept()
                    self._on_accept(accepted)
