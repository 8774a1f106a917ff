"""A listening socket on 127.0.0.1 that can be closed and opened again on the same port."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# Accepting polls, because closing a socket does not wake a thread that waits in accept() on every system.
POLL_S = 0.02


class Listener:
    """Hands every accepted socket to `on_accept`, on its own thread, while it is open."""

    def __init__(self, on_accept: Callable[[socket.socket], None]) -> None:
        self._on_accept = on_accept
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self.port = 0
        """Fixed by the first `open`."""

    def open(self) -> None:
        """Begin to listen; nothing happens if it does already."""
        with self._lock:
            if self._thread is not None:
                return
            listening = socket.socket()
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(("127.0.0.1", self.port))
            listening.listen(64)
            listening.settimeout(POLL_S)
            self.port = listening.getsockname()[1]
            self._stop.clear()
            self._thread = threading.Thread(target=self._accept, args=(listening,), daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Refuse connections from the moment this returns."""
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
