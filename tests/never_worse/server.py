"""What the servers of a situation answer: a request in, a reply out. No I/O, no framing, no time passes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from typing import TYPE_CHECKING, Literal
from urllib.parse import parse_qs, urlsplit

from never_worse import content
from never_worse.content import ERROR_PAGE, FILENAME, LOGIN_PAGE, METADATA

if TYPE_CHECKING:
    from collections.abc import Mapping

    from never_worse.content import BuildName
    from never_worse.situation import Framing, Refusal
    from never_worse.world import World

LINK_HOST, OTHER_HOST, LOGIN_HOST = "files.test", "mirror.test", "login.test"
FILE_PATH = f"/packages/{FILENAME}"
INDEX_PATH = "/simple/demo/"
SIGNED_FOR_S = 300
MAX_AGE_S = 3600
SHIFT_LATE, SHIFT_EARLY, SHIFT_OTHER = 5, 5000, 1000
_LONG_AGO_S = 1_578_045_600
"""Last-Modified of the first build: January 2020."""
_RANGE = re.compile(r"bytes=([0-9]+)-")

End = Literal["", "close", "reset", "silence"]


@dataclass(frozen=True)
class Request:
    """One GET as it arrives at a server."""

    host: str
    target: str
    """Path and query."""
    fields: Mapping[str, str]
    """Names in lower case."""
    scheme: str = "https"

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def first_pos(self) -> int | None:
        """The start of the range; None for a plain request."""
        match = _RANGE.fullmatch(self.fields.get("range", ""))
        return int(match[1]) if match else None


@dataclass(frozen=True)
class Reply:
    """What a server answers."""

    status: int = 200
    fields: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)
    first_pos: int | None = None
    """The position in the file at which the body starts; None if it is not the file."""
    framing: Framing = "length"
    end: End = ""
    """If not empty, there is no response: what happens to the connection instead."""
    interim: int = 0
    """If above 0: a 1xx status that is sent before the response."""


def reply_to(world: World, request: Request, at_s: float) -> Reply:
    """Return what the servers of this world answer at this time."""
    if request.host == LOGIN_HOST:
        return _dated(world, _page(LOGIN_PAGE), at_s)
    if request.path == INDEX_PATH:
        return _dated(world, _page(index_page(world, at_s)), at_s)
    if request.path.endswith(".metadata"):
        return _dated(world, Reply(200, {"Content-Type": "text/plain"}, METADATA), at_s)
    return _dated(world, _file_or_redirect(world, request, at_s), at_s)


def index_page(world: World, at_s: float) -> bytes:
    """Return the page that names the file, with its hash if links have one."""
    name: BuildName = "different" if world.situation.serves_stale else world.build_at(at_s)
    algorithm = world.situation.file.link_hash
    fragment = ""
    if algorithm in ("sha256", "md5"):
        fragment = f"#{algorithm}={content.hexdigest(world.size, name, algorithm)}"
    query = f"?signature={at_s}" if world.situation.is_link_signed else ""
    link = f'<a href="{FILE_PATH}{query}{fragment}">{FILENAME}</a>'
    return f"<!DOCTYPE html><html><body>{link}</body></html>".encode()


def _dated(world: World, reply: Reply, at_s: float) -> Reply:
    if not world.situation.file.has_date:
        return reply
    return replace(reply, fields={"Date": formatdate(world.epoch_s + at_s, usegmt=True), **reply.fields})


def _page(body: bytes, status: int = 200) -> Reply:
    return Reply(status, {"Content-Type": "text/html"}, body)


def _file_or_redirect(world: World, request: Request, at_s: float) -> Reply:
    hops = world.situation.hops
    match = re.match(r"/hop([0-9]+)/", request.path)
    number = int(match[1]) if match else 0
    if number < len(hops):
        return Reply(hops[number].status, {"Location": _target(world, request, number, at_s)})
    expires_s = parse_qs(urlsplit(request.target).query).get("expires")
    if expires_s and at_s > float(expires_s[0]):
        return _page(b"<html>This URL has expired.</html>", 403)
    interim = 0
    for refusal in world.situation.refusals:
        if _concerns(refusal, request) and world.is_active(refusal, at_s):
            if not 100 <= refusal.status < 200 or refusal.how != "status":
                return _refuse(world, refusal, at_s)
            interim = refusal.status
    return replace(_file(world, request, at_s), interim=interim)


def _target(world: World, request: Request, number: int, at_s: float) -> str:
    """Return the Location of a redirect."""
    hop = world.situation.hops[number]
    to = hop.to if world.has_come(hop.begins, at_s) else "same host"
    scheme = "http" if to == "http" else request.scheme
    host = OTHER_HOST if to in ("other host", "signed") else request.host
    query = f"?signature={int(at_s * 1000)}&expires={int(at_s) + SIGNED_FOR_S}" if to == "signed" else ""
    return f"{scheme}://{host}/hop{number + 1}/{FILENAME}{query}"


def _concerns(refusal: Refusal, request: Request) -> bool:
    is_range = "range" in request.fields
    return refusal.of == "any" or is_range == (refusal.of == "range")


def _refuse(world: World, refusal: Refusal, at_s: float) -> Reply:
    if refusal.how == "login page":
        return _page(LOGIN_PAGE)
    if refusal.how == "login redirect":
        return Reply(302, {"Location": f"https://{LOGIN_HOST}/"})
    if refusal.how != "status":
        return Reply(0, end=refusal.how)
    fields = {"Content-Type": "text/html"}
    if refusal.retry_after == "seconds":
        fields["Retry-After"] = str(refusal.retry_after_s)
    elif refusal.retry_after == "date":
        fields["Retry-After"] = formatdate(world.epoch_s + at_s + refusal.retry_after_s, usegmt=True)
    has_body = refusal.status not in (204, 304)
    return Reply(refusal.status, fields, ERROR_PAGE if has_body else b"")


def _file(world: World, request: Request, at_s: float) -> Reply:
    """Return the response for the file itself, plain or ranged."""
    file = world.situation.file
    name = _build_served(world, request, at_s)
    complete = content.build(world.size, name) if world.other_content is None else world.other_content
    fields = {"Content-Type": "application/octet-stream", **_validators(world, name, at_s)}
    if file.caching != "not said":
        fields["Cache-Control"] = "no-store" if file.caching == "no-store" else f"public, max-age={MAX_AGE_S}"
    if file.is_labelled_gzip:
        fields["Content-Encoding"] = "gzip"
    if _is_unchanged(request, fields):
        return Reply(304, fields)
    if file.gzip_from is not None and world.has_come(file.gzip_from, at_s):
        fields = {**fields, "Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
        return Reply(200, fields, content.gzipped(world.size, name), None, file.framing)
    plain = Reply(200, fields, complete, 0, file.framing)
    first_pos = request.first_pos
    if first_pos is None or not _if_range_holds(world, request, fields):
        return plain
    return _part(world, plain, first_pos)


def _build_served(world: World, request: Request, at_s: float) -> BuildName:
    if not world.situation.serves_stale:
        return world.build_at(at_s)
    return "different" if "no-cache" in request.fields.get("cache-control", "") else "first"


def _validators(world: World, name: BuildName, at_s: float) -> dict[str, str]:
    """Return ETag and Last-Modified of a build."""
    file, replacement = world.situation.file, world.situation.replacement
    how = replacement.validators if replacement is not None and name == replacement.build else "new"
    tagged: BuildName = "first" if how in ("same", "new date only") else name
    dated: BuildName = "first" if how == "same" else name
    fields = {}
    tag = f'"{tagged.replace(" ", "-")}"'
    if file.etag == "changing":
        tag = f'"{tagged.replace(" ", "-")}-{int(at_s // 20)}"'
    elif file.etag != "strong":
        tag = {"weak": f"W/{tag}", "unquoted": tag.strip('"'), "none": ""}[file.etag]
    if tag:
        fields["ETag"] = tag
    if file.last_modified != "none":
        version = ("first", "different", "one byte", "longer").index(dated)
        modified_s = world.epoch_s - 9 + version if file.last_modified == "recent" else _LONG_AGO_S + 86400 * version
        fields["Last-Modified"] = formatdate(modified_s, usegmt=True)
    return fields


def _is_unchanged(request: Request, fields: Mapping[str, str]) -> bool:
    """Whether a conditional request is answered with 304 (RFC 9110 section 13.2.2)."""
    tag = request.fields.get("if-none-match")
    if tag is not None:
        return tag.replace("W/", "") == fields.get("ETag", "").replace("W/", "")
    return request.fields.get("if-modified-since") == fields.get("Last-Modified", "none")


def _if_range_holds(world: World, request: Request, fields: Mapping[str, str]) -> bool:
    """Whether If-Range lets the server send a part (RFC 9110 section 13.1.5)."""
    condition = request.fields.get("if-range")
    if condition is None or world.situation.ranges.if_range == "ignored":
        return True
    if condition.startswith("W/"):
        return False
    return condition in (fields.get("ETag"), fields.get("Last-Modified"))


def _part(world: World, plain: Reply, first_pos: int) -> Reply:
    """Return the response to a range that may be answered with a part."""
    ranges, complete = world.situation.ranges, plain.body
    if ranges.support == "ignored":
        return plain
    if first_pos >= len(complete):
        return _at_end(world, plain)
    shift = {"starts late": SHIFT_LATE, "starts early": -SHIFT_EARLY}.get(ranges.support, 0)
    start = max(0, min(first_pos + shift, len(complete) - 1))
    end = min(start + ranges.most_bytes, len(complete)) if ranges.most_bytes else len(complete)
    body = complete[start:end]
    if ranges.support == "other bytes":
        body = (complete + complete)[start + SHIFT_OTHER : end + SHIFT_OTHER]
    fields = dict(plain.fields)
    if not ranges.has_validators:
        fields = {name: value for name, value in fields.items() if name not in ("ETag", "Last-Modified")}
    if ranges.is_labelled_gzip:
        fields["Content-Encoding"] = "gzip"
    shown = _content_range(world, start, end - 1, len(complete))
    if ranges.support == "multipart":
        return _multipart(replace(plain, fields=fields, body=body, first_pos=start), shown)
    if shown:
        fields["Content-Range"] = shown
    status = 200 if ranges.support == "200 with Content-Range" else 206
    return replace(plain, status=status, fields=fields, body=body, first_pos=start)


def _content_range(world: World, first: int, last: int, length: int) -> str:
    form = world.situation.ranges.content_range
    return {
        "standard": f"bytes {first}-{last}/{length}",
        "no unit": f"{first}-{last}/{length}",
        "equals sign": f"bytes={first}-{last}/{length}",
        "spaces": f"bytes {first} - {last} / {length}",
        "no length": f"bytes {first}-{last}/*",
        "last-pos is the length": f"bytes {first}-{last + 1}/{length}",
        "length plus 1": f"bytes {first}-{last}/{length + 1}",
        "missing": "",
    }[form]


def _multipart(part: Reply, content_range: str) -> Reply:
    head = f"--sep\r\nContent-Type: application/octet-stream\r\nContent-Range: {content_range}\r\n\r\n"
    body = head.encode() + part.body + b"\r\n--sep--\r\n"
    fields = {**part.fields, "Content-Type": "multipart/byteranges; boundary=sep"}
    return replace(part, status=206, fields=fields, body=body)


def _at_end(world: World, plain: Reply) -> Reply:
    at_end, length = world.situation.ranges.at_end, len(plain.body)
    if at_end == "200":
        return plain
    if at_end == "empty 206":
        fields = {**plain.fields, "Content-Range": f"bytes {length}-{length - 1}/{length}"}
        return replace(plain, status=206, fields=fields, body=b"", first_pos=length, framing="length")
    told = {"Content-Range": f"bytes */{length}"} if at_end == "416" else {}
    return Reply(416, told, b"")
