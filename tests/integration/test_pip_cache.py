"""pip's own HTTP cache: used before any request, and filled as if the file had come in one response."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from integration.machine import Machine, hashed_link
from integration.samples import CONTENT, CUT, FILE, LOGIN_PAGE, PATH, SIZE, cut, link_with_hash, link_without_hash
from pip._internal.models.link import Link
from servers.certificates import Certificates
from servers.fault_server import Answer, FaultServer, FileAnswer, Framing, Then
from servers.index_pages import IMMUTABLE, LONG_AGO

from pip_resume.engine.reading import Speeds
from pip_resume.inside_pip.transport import PipTransport

OTHER_PATH = "/mirror/sample-1.0-py3-none-any.whl"
STALE = replace(FILE, fields={"Cache-Control": "max-age=0"})
DIFFER_IN_EACH_RESPONSE = ("date",)
ABOUT_THE_FRAMING = ("connection", "content-length", "transfer-encoding")


def leave_partial_and_entry(machine: Machine, server: FaultServer, link: Link, response: FileAnswer) -> None:
    """Let our run store a part of the file, then let plain pip store all of it in its cache."""
    server.plays(PATH, cut(response), response)
    machine.download_partly(link)
    assert machine.stored(link) is not None
    machine.download_with_plain_pip(link.url_without_fragment)
    server.forget()


def test_a_file_in_the_cache_leaves_no_empty_directory_there(machine: Machine, http_server: FaultServer) -> None:
    """pip's cache is asked with an entry of our own which permissions its files have."""
    http_server.plays(PATH, FILE)

    machine.download(link_with_hash(http_server))

    directories = [path for path in machine.cache_directory.rglob("*") if path.is_dir()]
    empty = [path for path in directories if path != machine.store.path and not any(path.iterdir())]
    assert directories
    assert empty == []


class TestLookup:
    def test_a_cached_file_is_used_and_a_partial_of_it_is_removed(
        self, machine: Machine, http_server: FaultServer
    ) -> None:
        """The cache has it from pip without the plugin, or from a run that was killed after the hand-over."""
        link = link_with_hash(http_server)
        leave_partial_and_entry(machine, http_server, link, FILE)

        outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert http_server.requests(PATH) == []
        assert outcome.display.starts == [(True, 0, SIZE)]
        assert machine.files_in_store() == []

    def test_the_speed_of_the_disk_is_not_taken_for_that_of_a_connection(
        self, machine: Machine, http_server: FaultServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The body is read, as on pips whose cache has the body within its entry."""
        monkeypatch.setattr(PipTransport, "cached_file", lambda _transport, _response: None)
        link, speeds = link_with_hash(http_server), Speeds()
        http_server.plays(PATH, FILE)
        machine.download_with_plain_pip(link.url_without_fragment)

        assert machine.download(link, speeds=speeds).content == CONTENT
        assert speeds.fastest == 0.0

    def test_with_a_hash_a_stale_entry_is_used(self, machine: Machine, http_server: FaultServer) -> None:
        link = link_with_hash(http_server)
        leave_partial_and_entry(machine, http_server, link, STALE)

        outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert http_server.requests(PATH) == []

    @pytest.mark.parametrize("status", [429, 521])
    def test_without_a_hash_a_busy_server_is_asked_again_whether_the_entry_is_up_to_date(
        self, machine: Machine, https_server: FaultServer, status: int
    ) -> None:
        link = link_without_hash(https_server)
        https_server.plays(PATH, STALE)
        machine.download_with_plain_pip(link.url_without_fragment)
        https_server.forget()
        https_server.plays(PATH, Answer(status), Answer(status), STALE)

        outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert https_server.statuses(PATH) == [status, status, 304]
        assert https_server.sent(PATH) == 0

    def test_without_a_hash_a_stale_entry_is_not_used(self, machine: Machine, https_server: FaultServer) -> None:
        link = link_without_hash(https_server)
        leave_partial_and_entry(machine, https_server, link, STALE)

        outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert https_server.statuses(PATH) == [206]


@pytest.fixture
def plain_machine(tmp_path: Path, certificates: Certificates) -> Machine:
    """A second machine, on which pip runs without this package."""
    return Machine(tmp_path / "plain", certificates.ca_file)


CACHEABILITY = [
    pytest.param({"Cache-Control": IMMUTABLE}, '"v1"', None, id="immutable"),
    pytest.param({"Cache-Control": "max-age=3600"}, None, None, id="max-age without a validator"),
    pytest.param({"Cache-Control": "max-age=3600"}, 'W/"v1"', None, id="max-age and a weak ETag"),
    pytest.param({"Expires": "Fri, 01 Jan 2100 00:00:00 GMT"}, None, LONG_AGO, id="Expires"),
    pytest.param({}, '"v1"', None, id="only an ETag"),
    pytest.param({}, None, LONG_AGO, id="only a Last-Modified"),
    pytest.param({}, None, None, id="no field about caching"),
    pytest.param({"Cache-Control": "no-store"}, '"v1"', None, id="no-store"),
    pytest.param({"Cache-Control": "max-age=3600, No-Store"}, '"v1"', None, id="no-store in capitals"),
    pytest.param({"Cache-Control": "no-cache"}, '"v1"', None, id="no-cache"),
    pytest.param({"Cache-Control": "private, max-age=60"}, '"v1"', None, id="private"),
    pytest.param({"Vary": "Accept-Encoding", "Cache-Control": IMMUTABLE}, '"v1"', None, id="Vary: Accept-Encoding"),
    pytest.param({"Vary": "User-Agent, Range", "Cache-Control": IMMUTABLE}, '"v1"', None, id="Vary: Range"),
    pytest.param({"Vary": "*", "Cache-Control": IMMUTABLE}, '"v1"', None, id="Vary: *"),
    pytest.param({"Content-Encoding": "gzip", "Cache-Control": IMMUTABLE}, '"v1"', None, id="Content-Encoding"),
    pytest.param({"Date": None, "Cache-Control": IMMUTABLE}, '"v1"', None, id="no Date"),
]


@pytest.mark.parametrize("is_resumed", [False, True], ids=["in one response", "resumed"])
@pytest.mark.parametrize(("fields", "etag", "last_modified"), CACHEABILITY)
def test_a_file_has_the_entry_that_plain_pip_makes(
    fields: dict[str, str | None],
    etag: str | None,
    last_modified: str | None,
    machine: Machine,
    plain_machine: Machine,
    https_server: FaultServer,
    *,
    is_resumed: bool,
) -> None:
    response = replace(FILE, fields=fields, etag=etag, last_modified=last_modified)
    https_server.plays(PATH, response)
    plain_machine.download_with_plain_pip(https_server.url(PATH))
    https_server.plays(PATH, *[cut(response)] * is_resumed, response)

    machine.download(link_with_hash(https_server))

    theirs, ours = plain_machine.cache_entry(https_server.url(PATH)), machine.cache_entry(https_server.url(PATH))
    assert (ours is None) == (theirs is None)
    if ours is not None and theirs is not None:
        assert ours[0] == theirs[0] == CONTENT
        assert without(DIFFER_IN_EACH_RESPONSE, ours[1]) == without(DIFFER_IN_EACH_RESPONSE, theirs[1])
    https_server.plays(PATH, response)
    assert statuses_of_next_request(machine, https_server) == statuses_of_next_request(plain_machine, https_server)


def without(names: tuple[str, ...], fields: Mapping[str, str]) -> dict[str, str]:
    """Return the other fields."""
    return {name: value for name, value in fields.items() if name not in names}


def statuses_of_next_request(machine: Machine, server: FaultServer) -> list[int | None]:
    """Let plain pip request the file again; return the status of each response. Empty: pip's cache was enough."""
    server.forget()
    assert machine.download_with_plain_pip(server.url(PATH)) == CONTENT
    return server.statuses(PATH)


class TestEntryOfSeveralResponses:
    @pytest.mark.parametrize("place", ["first", "last"])
    def test_no_store_in_one_response_forbids_an_entry(
        self, place: str, machine: Machine, http_server: FaultServer
    ) -> None:
        forbidding = replace(FILE, fields={"Cache-Control": "no-store"})
        first, last = (forbidding, FILE) if place == "first" else (FILE, forbidding)
        http_server.plays(PATH, cut(first), last)
        link = link_with_hash(http_server)
        machine.download_partly(link)

        outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert http_server.sent(PATH) < 2 * SIZE
        assert machine.cache_entry(http_server.url(PATH)) is None

    def test_fields_missing_in_the_last_response_are_taken_from_the_first(
        self, machine: Machine, http_server: FaultServer
    ) -> None:
        last = replace(FILE, etag='"v2"', fields={"Cache-Control": None, "Content-Type": None})
        http_server.plays(PATH, CUT, last)

        machine.download(link_with_hash(http_server))

        entry = machine.cache_entry(http_server.url(PATH))
        assert entry is not None
        fields = entry[1]
        assert fields["etag"] == '"v2"'
        assert fields["cache-control"] == IMMUTABLE
        assert fields["content-type"] == "application/octet-stream"
        assert fields["content-length"] == str(SIZE)
        assert not {"content-range", "transfer-encoding"} & set(fields)

    def test_no_field_is_taken_from_a_page_that_was_cut(self, machine: Machine, http_server: FaultServer) -> None:
        """All bytes were stored, but the length was too large, so a request is sent. Its response ends the download."""
        link = link_with_hash(http_server)
        too_large = {"Content-Length": str(SIZE + 100), "Cache-Control": IMMUTABLE}
        page = Answer(200, {"Content-Type": "text/html", "ETag": '"page"'}, LOGIN_PAGE.body, 1000, Then.RESET)
        http_server.plays(PATH, replace(FILE, fields=too_large, then=Then.STALL, cut_after=SIZE - 1), FILE)
        machine.interrupt(link, after=SIZE - 1)
        with machine.part_path(link).open("ab") as part:
            part.write(CONTENT[-1:])
        http_server.plays(PATH, page)

        assert machine.download(link).content == CONTENT
        entry = machine.cache_entry(http_server.url(PATH))
        assert entry is not None
        assert entry[0] == CONTENT
        assert entry[1].get("etag") == '"v1"'

    def test_no_field_is_taken_from_a_response_for_a_different_url(
        self, machine: Machine, http_server: FaultServer
    ) -> None:
        http_server.plays(PATH, CUT)
        machine.download_partly(link_with_hash(http_server))
        http_server.plays(OTHER_PATH, replace(FILE, etag='"v2"', fields={"Content-Type": None}))

        machine.download(hashed_link(http_server.url(OTHER_PATH), CONTENT))

        entry = machine.cache_entry(http_server.url(OTHER_PATH))
        assert entry is not None
        assert entry[0] == CONTENT
        assert entry[1]["etag"] == '"v2"'
        assert not {"cache-control", "content-type"} & set(entry[1])
        assert machine.cache_entry(http_server.url(PATH)) is None

    @pytest.mark.parametrize(
        "rest",
        [Framing.LENGTH, Framing.CHUNKED, Framing.UNTIL_CLOSE],
        ids=["then with Content-Length", "then chunked", "then until close"],
    )
    @pytest.mark.parametrize("first", [Framing.CHUNKED, Framing.UNTIL_CLOSE], ids=["chunked", "until close"])
    def test_a_resumed_file_without_content_length_is_cached_as_plain_pip_caches_it(
        self, first: Framing, rest: Framing, machine: Machine, plain_machine: Machine, http_server: FaultServer
    ) -> None:
        """Only the fields about the framing differ: our entry has a Content-Length, because the length is known now."""
        response = replace(FILE, framing=first)
        http_server.plays(PATH, response)
        plain_machine.download_with_plain_pip(http_server.url(PATH))
        http_server.plays(PATH, cut(response, 4096 * 200), replace(FILE, framing=rest))
        http_server.forget()

        machine.download(link_with_hash(http_server))

        assert http_server.asked_ranges(PATH) == [None, f"bytes={4096 * 200}-"]
        theirs, ours = plain_machine.cache_entry(http_server.url(PATH)), machine.cache_entry(http_server.url(PATH))
        assert theirs is not None
        assert ours is not None
        assert ours[0] == theirs[0] == CONTENT
        differing = (*DIFFER_IN_EACH_RESPONSE, *ABOUT_THE_FRAMING)
        assert without(differing, ours[1]) == without(differing, theirs[1])
        assert statuses_of_next_request(machine, http_server) == []
        assert statuses_of_next_request(plain_machine, http_server) == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_cached_as_plain_pip_caches_them(
    status: int, machine: Machine, plain_machine: Machine, http_server: FaultServer
) -> None:
    start, target = http_server.url(PATH), http_server.url(OTHER_PATH)
    http_server.plays(PATH, Answer(status, {"Location": OTHER_PATH}))
    http_server.plays(OTHER_PATH, FILE)
    plain_machine.download_with_plain_pip(start)
    http_server.plays(OTHER_PATH, CUT, FILE)

    assert machine.download(hashed_link(start, CONTENT)).content == CONTENT

    assert plain_machine.cached_body(target) == CONTENT
    for url in (start, target):
        assert machine.cached_body(url) == plain_machine.cached_body(url)
    requested = []
    for each in (machine, plain_machine):
        http_server.forget()
        assert each.download_with_plain_pip(start) == CONTENT
        requested.append([exchange.path for exchange in http_server.requests()])
    assert requested[0] == requested[1]


@pytest.mark.parametrize(
    "content",
    [pytest.param(CONTENT[:-100], id="its end is missing"), pytest.param(CONTENT + b"more", id="something follows it")],
)
def test_pips_cache_does_not_get_a_wheel_without_a_hash_that_cannot_be_unpacked(
    content: bytes, machine: Machine, https_server: FaultServer
) -> None:
    """Plain pip caches it, and every later run fails until the user empties the cache."""
    link = link_without_hash(https_server)
    https_server.plays(PATH, replace(FILE, content=content))

    assert machine.download(link).content == content

    assert machine.cache_entry(https_server.url(PATH)) is None
    https_server.plays(PATH, FILE)
    assert machine.download(link).content == CONTENT
    assert machine.cached_body(https_server.url(PATH)) == CONTENT
