"""A few short requests of one file, which show what its server does with ranges and conditions.

Each response is closed after at most 32 KiB of its body: a server that ignores Range or If-Range would send the whole
file. So the requests cost far less than 1 MiB together, whatever the server does.
"""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING, Any

from pip._internal.network.utils import HEADERS, raise_for_status
from pip._vendor.urllib3.connection import HTTPConnection

from pip_resume.artifact import Artifact, choose_digest, url_key
from pip_resume.inside_pip import compat, http_cache, own_session
from pip_resume.inside_pip.failures import cause_of, is_of_the_code
from pip_resume.inside_pip.transport import PipResponse, head_of
from pip_resume.protocol import planning
from pip_resume.protocol.checkpoint import Checkpoint, recorded_fields
from pip_resume.protocol.http_fields import parse_content_coding, parse_entity_tag, strong_date
from pip_resume.protocol.messages import Held, Request, ResponseHead
from pip_resume.protocol.verdicts import Action, judge

if TYPE_CHECKING:
    from pip._internal.models.link import Link
    from pip._internal.network.session import PipSession

READ_BYTES = 32 * 1024
_PERMANENT_REDIRECTS = (301, 308)
_OTHER_TAG = '"pip-resume-doctor"'
_OTHER_DATE = "Thu, 01 Jan 1970 00:00:01 GMT"
_PAGES = ("text/html", "application/xhtml+xml")
"""The content types of a page."""
Seen = dict[str, Any]


class FileRequests:
    """The requests of one link, in pip's session, past its cache."""

    def __init__(self, session: PipSession, link: Link) -> None:
        digest = choose_digest(compat.link_hashes(link))
        self._artifact = Artifact(link.url_without_fragment, link.filename, digest)
        self._session = session
        self._for_requests = own_session.for_later_requests(session)
        self._head = ResponseHead(0, {})
        self._start = b""
        _receive_little(self._for_requests)

    def look(self) -> Seen:
        """Return what was seen. Raises what pip raises if the file cannot be requested at all."""
        response = self._send(Request())
        try:
            raise_for_status(response.response)
            self._head = response.head
            self._start = _read(response, READ_BYTES)
            seen = {**self._about_first(response), "cache": self._about_cache(response)}
        finally:
            response.close()
        return {**seen, **self._about_ranges()}

    def _send(self, request: Request) -> PipResponse:
        fields = {**HEADERS, **request.fields}
        response = self._for_requests.get(self._artifact.url, headers=fields, stream=True)
        return PipResponse(response, head_of(response), compat.timeout_s(self._session))

    def _about_first(self, response: PipResponse) -> Seen:
        field, hops = self._head.fields.get, response.response.history
        etag, tag = field("etag"), parse_entity_tag(field("etag"))
        has_date = field("last-modified") is not None
        return {
            "digest": self._artifact.digest and self._artifact.digest.name,
            "status": self._head.status,
            "length": self._head.content_length,
            "is_page": self._is_page(),
            "coding": parse_content_coding(field("content-encoding")),
            "is_https": self._artifact.is_https and self._head.is_https,
            "redirects": [hop.status_code for hop in hops],
            "is_signed": bool(hops) and "?" in (response.response.url or ""),
            "etag": "none" if etag is None else "invalid" if tag is None else "weak" if tag.weak else "strong",
            "date": "strong" if strong_date(field("last-modified"), field("date")) else "weak" if has_date else "none",
            "is_storable": planning.is_storable(self._head._replace(fields=self._without_length()), self._artifact),
        }

    def _is_page(self) -> bool:
        """Whether a page came, by its field and its first character: a server may call every file a page."""
        content_type = self._head.fields.get("content-type", "").strip().lower()
        return content_type.startswith(_PAGES) and self._start.lstrip().startswith(b"<")

    def _without_length(self) -> dict[str, str]:
        """Return the fields of a file that is not too short to be worth storing."""
        return {name: value for name, value in self._head.fields.items() if name != "content-length"}

    def _about_cache(self, response: PipResponse) -> Seen:
        """Return whether pip's own cache would keep the file, and whether pip would find it there again."""
        first: Any = response.response
        leads_there = url_key(first.url or "") == url_key(self._artifact.url) or all(
            hop.status_code in _PERMANENT_REDIRECTS for hop in first.history
        )
        control = self._head.fields.get("cache-control", "").lower()
        return {
            "is_on": http_cache.cache_directory(self._session) is not None,
            "takes_it": http_cache.would_store(self._session, first.request, self._head.fields),
            "leads_there": leads_there,
            "is_used": http_cache.is_used(self._session, first.request.url or ""),
            "no_store": "no-store" in control,
        }

    def _about_ranges(self) -> Seen:
        """Send a range alone, with the validator, and with a different one; and see which of them continues a file."""
        length = self._head.content_length
        offset = len(self._start) if length is None else min(len(self._start), length - 1)
        if offset < 2 or len(self._start) < 2:
            return {"is_too_short": True}
        first_pos = offset // 2
        checkpoint = Checkpoint(
            complete_length=length,
            fields=recorded_fields(self._head.fields),
            url_key=self._head.url_key,
            is_https=self._head.is_https,
        )
        held = Held(offset, checkpoint, self._artifact.digest is not None, offset - first_pos)
        ours, validator = planning.plan_request(held), held.validator
        seen: Seen = {"range": self._try(Request(first_pos), held._replace(digest_known=True))}
        if not seen["range"]["is_part"]:
            return seen  # If-Range has no effect without ranges.
        if validator is not None:
            other = _OTHER_TAG if validator.startswith('"') else _OTHER_DATE
            seen["if_range_same"] = self._try(Request(first_pos, validator), held)
            seen["if_range_other"] = self._try(Request(first_pos, other), held)
        if ours.is_ranged:
            seen["continues"] = seen["if_range_same" if ours.if_range else "range"]
            if not ours.if_range and not held.digest_known:
                seen["continues"] = self._try(ours, held)
        return seen

    def _try(self, request: Request, held: Held) -> Seen:
        """Send one request and return what the response means, by the table that a download uses."""
        try:
            response = self._send(request)
        except Exception as error:
            if is_of_the_code(error):
                raise
            return {"status": None, "is_part": False, "row": "", "reason": cause_of(error), "same_bytes": None}
        with contextlib.closing(response):
            verdict = judge(request, response.head, held)
            is_part = response.head.status == 206 and verdict.action is Action.APPEND
            seen = {"status": response.head.status, "row": verdict.row, "reason": verdict.reason, "is_part": is_part}
            return {**seen, "same_bytes": self._compare(response, verdict.first_pos) if is_part else None}

    def _compare(self, response: PipResponse, first_pos: int) -> bool | None:
        """Whether the body has the bytes that the first response had there; None if it broke off."""
        expected = self._start[first_pos:]
        try:
            body = _read(response, len(expected))
        except Exception as error:
            if is_of_the_code(error):
                raise
            return None
        return body == expected[: len(body)] and bool(body)


def _read(response: PipResponse, size: int) -> bytes:
    """Read up to this many bytes of a body."""
    blocks = bytearray()
    while len(blocks) < size:
        block = response.read(size - len(blocks))
        if not block:
            break
        blocks += block
    return bytes(blocks)


def _receive_little(session: PipSession) -> None:
    """Have the system accept only little that was not read: it is wasted when the connection is closed early."""
    options = [*HTTPConnection.default_socket_options, (socket.SOL_SOCKET, socket.SO_RCVBUF, READ_BYTES)]
    for adapter in session.adapters.values():
        keywords = getattr(getattr(adapter, "poolmanager", None), "connection_pool_kw", None)
        if isinstance(keywords, dict):
            keywords["socket_options"] = options
