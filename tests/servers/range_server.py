"""A correct HTTP server, made with werkzeug: ranges, conditions, redirects, basic auth and a simple index.

It shares no code with the responses of the fault server, so that comparing the two shows mistakes.
"""

from __future__ import annotations

import io
import itertools
import logging
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Union

from servers.index_pages import IMMUTABLE, JSON_TYPE, LONG_AGO, html_page, json_page
from servers.journal import Recorded, Request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Forbidden, HTTPException, NotFound, Unauthorized
from werkzeug.serving import make_server
from werkzeug.utils import redirect
from werkzeug.wrappers import Request as HttpRequest
from werkzeug.wrappers import Response
from werkzeug.wsgi import wrap_file

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Iterator, Mapping
    from wsgiref.types import StartResponse, WSGIEnvironment

    from servers.index_pages import Artifact
    from servers.journal import Exchange

PIECE_BYTES = 16384


@dataclass(frozen=True)
class Resource:
    """The file at a path."""

    content: bytes = field(repr=False)
    etag: str | None = None
    """As it is sent, with its quotes."""
    last_modified: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    """Further fields: Cache-Control, Vary and so on."""


@dataclass(frozen=True)
class Redirect:
    """A redirect to a path of this server or to a complete URL."""

    location: str
    status: int = 302


@dataclass(frozen=True)
class SignedRedirect:
    """A redirect (302) to a new URL for each request. Each of these URLs works for one request only."""

    resource: Resource


Held = Union[Resource, Redirect, SignedRedirect]


class RangeServer(Recorded):
    """Listens on a free port of 127.0.0.1 from its construction to `close`."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__()
        logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
        self._held: dict[str, Held] = {}
        self._pages: dict[str, tuple[Artifact, ...]] = {}
        self._signed: dict[str, Resource] = {}
        self._used: set[str] = set()
        self._numbers = itertools.count(1)
        self._credentials: tuple[str, str] | None = None
        self._scheme = "https" if tls else "http"
        self._server = make_server("127.0.0.1", 0, self._application, True, ssl_context=tls)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return self._server.port

    def url(self, path: str, userinfo: str = "") -> str:
        host = "localhost" if self._scheme == "https" else "127.0.0.1"
        return f"{self._scheme}://{userinfo and userinfo + '@'}{host}:{self.port}{path}"

    def holds(self, path: str, held: Held) -> None:
        """Serve this at the path from now on."""
        self._held[path] = held

    def requires(self, user: str, password: str) -> None:
        """Respond to every request without these credentials with a 401 from now on."""
        self._credentials = (user, password)

    def publish(self, *artifacts: Artifact) -> None:
        """Serve these artifacts, with their pages below /simple/: as JSON if the client accepts it, else as HTML."""
        for path in {artifact.index_path for artifact in artifacts}:
            self._pages[path] = tuple(artifact for artifact in artifacts if artifact.index_path == path)
        for artifact in artifacts:
            etag, fields = f'"{artifact.sha256[:32]}"', {"Cache-Control": IMMUTABLE}
            self.holds(artifact.path, Resource(artifact.content, etag, LONG_AGO, fields))
            if artifact.metadata is not None:
                self.holds(artifact.path + ".metadata", Resource(artifact.metadata))

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def __enter__(self) -> RangeServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _application(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = HttpRequest(environ)
        fields = {name.lower(): value for name, value in request.headers}
        query = request.query_string.decode()
        exchange = self.journal.begin(Request(request.method, request.path + (query and "?" + query), fields))
        try:
            response = self._respond(request)
        except HTTPException as error:
            response = error.get_response(request)
        exchange.status = response.status_code
        exchange.first_pos = response.content_range.start or 0
        return self._counted(response(environ, start_response), exchange)

    def _counted(self, body: Iterable[bytes], exchange: Exchange) -> Iterator[bytes]:
        sent = 0
        for data in body:
            sent += len(data)
            self.journal.note_sent(exchange, sent)
            yield data

    def _respond(self, request: HttpRequest) -> Response:
        self._check_credentials(request)
        if request.path in self._pages:
            return self._page(request)
        if request.path.startswith("/signed/"):
            return send(request, self._redeem(request.path))
        held = self._held.get(request.path)
        if isinstance(held, Resource):
            return send(request, held)
        if isinstance(held, SignedRedirect):
            path = f"/signed/{next(self._numbers)}"
            self._signed[path] = held.resource
            return redirect(f"{path}?signature=secret", 302)
        if isinstance(held, Redirect):
            return redirect(held.location, held.status)
        raise NotFound

    def _check_credentials(self, request: HttpRequest) -> None:
        given = request.authorization
        if self._credentials and (given is None or (given.username, given.password) != self._credentials):
            raise Unauthorized(www_authenticate=WWWAuthenticate("basic", {"realm": "packages"}))

    def _redeem(self, path: str) -> Resource:
        if path not in self._signed or path in self._used:
            raise Forbidden("this link has been used")
        self._used.add(path)
        return self._signed[path]

    def _page(self, request: HttpRequest) -> Response:
        wants_json = JSON_TYPE in request.accept_mimetypes.values()
        page = (json_page if wants_json else html_page)(*self._pages[request.path])
        return Response(page.body, page.status, dict(page.fields))


def send(request: HttpRequest, resource: Resource) -> Response:
    """Return what werkzeug makes of the request's Range and conditions. Raises HTTPException for a 416."""
    body = wrap_file(request.environ, io.BytesIO(resource.content), PIECE_BYTES)
    response = Response(body, direct_passthrough=True, mimetype="application/octet-stream")
    response.content_length = len(resource.content)
    response.headers.extend(resource.fields)
    if resource.etag is not None:
        response.headers["ETag"] = resource.etag
    if resource.last_modified is not None:
        response.headers["Last-Modified"] = resource.last_modified
    return response.make_conditional(request, accept_ranges=True, complete_length=len(resource.content))
