"""The server's process: `python -m network.server FOLDER PAYLOAD_BYTES BYTES_PER_S`.

It writes "ready" when it listens, and ends when its standard input does.
"""

from __future__ import annotations

import socket
import ssl
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from network.conditions import PORT
from network.hosts import SERVER_ADDRESS
from network.offer import Offer
from servers.index_pages import IMMUTABLE, LONG_AGO, html_page
from servers.range_server import Resource, send
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.serving import ThreadedWSGIServer
from werkzeug.wrappers import Request, Response

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

# Linux, asm-generic/socket.h; Python has no name for it.
SO_MAX_PACING_RATE = 47
# What the kernel holds of a connection would all be sent at once after an outage.
SEND_BUFFER_BYTES = 65_536
# As nginx: a connection whose client takes nothing for so long is closed.
SEND_TIMEOUT_S = 60.0


class Application:
    """An honest server of one wheel."""

    def __init__(self, offer: Offer) -> None:
        artifact = offer.artifact()
        self._page = html_page(artifact)
        self._index_path = artifact.index_path
        etag = f'"{artifact.sha256[:32]}"'
        self._resources = {
            artifact.path: Resource(artifact.content, etag, LONG_AGO, {"Cache-Control": IMMUTABLE}),
            artifact.path + ".metadata": Resource(artifact.metadata or b""),
        }

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        asked = Request(environ)
        try:
            response = self._respond(asked)
        except HTTPException as error:
            response = error.get_response(asked)
        return response(environ, start_response)

    def _respond(self, asked: Request) -> Response:
        if asked.path == self._index_path:
            return Response(self._page.body, self._page.status, dict(self._page.fields))
        if asked.path not in self._resources:
            raise NotFound
        return send(asked, self._resources[asked.path])


class PacedServer(ThreadedWSGIServer):
    """Serves each connection on a thread of its own, handshake included, at a limited rate."""

    def __init__(self, application: Application, tls: ssl.SSLContext, bytes_per_s: int) -> None:
        super().__init__(SERVER_ADDRESS, PORT, application)
        self._tls = tls
        self._bytes_per_s = bytes_per_s

    def finish_request(self, request: Any, client_address: Any) -> None:
        request.setsockopt(socket.SOL_SOCKET, SO_MAX_PACING_RATE, self._bytes_per_s)
        request.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        # The default of Linux, whatever this machine has chosen.
        request.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
        request.settimeout(SEND_TIMEOUT_S)
        with self._tls.wrap_socket(request, server_side=True) as secured:
            super().finish_request(secured, client_address)


def main() -> None:
    folder, payload_bytes, bytes_per_s = sys.argv[1:]
    offer = Offer(Path(folder), int(payload_bytes), int(bytes_per_s))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(offer.chain, offer.key)
    server = PacedServer(Application(offer), tls, offer.bytes_per_s)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("ready", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
