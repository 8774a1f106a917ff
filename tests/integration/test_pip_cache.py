"""pip's own HTTP cache: asked first, and afterwards as if the file had come in one go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from integration.machine import Machine, hashed
from integration.samples import CONTENT, CUT, FILE, HELD, PATH, SIZE
from pip._internal.models.link import Link
from servers.certificates import Certificates
from servers.fault_server import Answer, FaultServer, FileAnswer, Then
from servers.index_pages import IMMUTABLE, LONG_AGO

OTHER_PATH = "/mirror/sample-1.0-py3-none-any.whl"
OF_THE_MOMENT = ("date",)


def cut(answer: FileAnswer) -> FileAnswer:
    return replace(answer, cut_after=HELD, then=Then.CLOSE)


class TestAskedFirst:
    def test_a_right_entry_wins_over_a_partial(self, machine: Machine, http_server: FaultServer) -> None:
        http_server.plays(PATH, CUT, FILE)
        link = hashed(http_server.url(PATH), CONTENT)
        machine.interrupted(link)
        machine.fetch_with_plain_pip(http_server.url(PATH))
        http_server.forget()

        outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert http_server.requests(PATH) == []
        assert outcome.told.started == [(True, 0, SIZE)]

    def test_with_a_hash_an_entry_serves_whatever_its_age(self, machine: Machine, http_server: FaultServer) -> None:
        stale = replace(FILE, fields={"Cache-Control": "max-age=0"})
        http_server.plays(PATH, cut(stale), stale)
        link = hashed(http_server.url(PATH), CONTENT)
        machine.interrupted(link)
        machine.fetch_with_plain_pip(http_server.url(PATH))
        http_server.forget()

        outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert http_server.requests(PATH) == []

    def test_without_a_hash_an_old_entry_does_not(self, machine: Machine, https_server: FaultServer) -> None:
        stale = replace(FILE, fields={"Cache-Control": "max-age=0"})
        https_server.plays(PATH, cut(stale), stale)
        machine.interrupted(Link(https_server.url(PATH)))
        machine.fetch_with_plain_pip(https_server.url(PATH))
        https_server.forget()

        outcome = machine.download(Link(https_server.url(PATH)))

        assert outcome.content == CONTENT
        assert https_server.statuses(PATH) == [206]

    def test_nothing_is_kept_beside_an_entry(self, machine: Machine, http_server: FaultServer) -> None:
        http_server.plays(PATH, CUT, FILE)
        link = hashed(http_server.url(PATH), CONTENT)
        machine.interrupted(link)
        machine.fetch_with_plain_pip(http_server.url(PATH))

        machine.download(link)

        assert machine.left_in_store() == []


CACHEABILITY = [
    pytest.param({"Cache-Control": IMMUTABLE}, '"v1"', None, id="immutable"),
    pytest.param({"Cache-Control": "max-age=3600"}, None, None, id="max-age without a validator"),
    pytest.param({"Cache-Control": "max-age=3600"}, 'W/"v1"', None, id="max-age and a weak ETag"),
    pytest.param({"Expires": "Fri, 01 Jan 2100 00:00:00 GMT"}, None, LONG_AGO, id="Expires"),
    pytest.param({}, '"v1"', None, id="an ETag alone"),
    pytest.param({}, None, LONG_AGO, id="a Last-Modified alone"),
    pytest.param({}, None, None, id="nothing"),
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


@pytest.mark.parametrize(("fields", "etag", "last_modified"), CACHEABILITY)
def test_the_entry_of_a_resumed_file_is_that_of_plain_pip(
    fields: dict[str, str | None],
    etag: str | None,
    last_modified: str | None,
    machine: Machine,
    https_server: FaultServer,
    tmp_path: Path,
    certificates: Certificates,
) -> None:
    stock = Machine(tmp_path / "stock", certificates.ca_file)
    answer = replace(FILE, fields=fields, etag=etag, last_modified=last_modified)
    https_server.plays(PATH, answer)
    stock.fetch_with_plain_pip(https_server.url(PATH))
    https_server.plays(PATH, cut(answer), answer)

    machine.download(hashed(https_server.url(PATH), CONTENT))

    theirs, ours = stock.entry(https_server.url(PATH)), machine.entry(https_server.url(PATH))
    assert (ours is None) == (theirs is None)
    if ours is not None and theirs is not None:
        assert ours[0] == theirs[0] == CONTENT
        assert without_moment(ours[1]) == without_moment(theirs[1])
    https_server.plays(PATH, answer)
    assert asks_again(machine, https_server) == asks_again(stock, https_server)


def without_moment(fields: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in fields.items() if name not in OF_THE_MOMENT}


def asks_again(machine: Machine, server: FaultServer) -> list[int | None]:
    """What plain pip is answered when it wants the file once more."""
    server.forget()
    assert machine.fetch_with_plain_pip(server.url(PATH)) == CONTENT
    return server.statuses(PATH)


class TestOfTwoAnswers:
    @pytest.mark.parametrize("place", ["first", "last"])
    def test_no_store_in_either_forbids_an_entry(self, place: str, machine: Machine, http_server: FaultServer) -> None:
        forbidding = replace(FILE, fields={"Cache-Control": "no-store"})
        first, last = (forbidding, FILE) if place == "first" else (FILE, forbidding)
        http_server.plays(PATH, cut(first), last)
        link = hashed(http_server.url(PATH), CONTENT)
        machine.interrupted(link)

        outcome = machine.download(link)

        assert outcome.content == CONTENT
        assert http_server.sent(PATH) < 2 * SIZE
        assert machine.entry(http_server.url(PATH)) is None

    def test_the_fields_are_those_of_the_last_completed_from_the_first(
        self, machine: Machine, http_server: FaultServer
    ) -> None:
        last = replace(FILE, etag='"v2"', fields={"Cache-Control": None, "Content-Type": None})
        http_server.plays(PATH, CUT, last)

        machine.download(hashed(http_server.url(PATH), CONTENT))

        entry = machine.entry(http_server.url(PATH))
        assert entry is not None
        fields = entry[1]
        assert fields["etag"] == '"v2"'
        assert fields["cache-control"] == IMMUTABLE
        assert fields["content-type"] == "application/octet-stream"
        assert fields["content-length"] == str(SIZE)
        assert not {"content-range", "transfer-encoding"} & set(fields)

    def test_the_fields_of_another_url_do_not_complete_an_entry(
        self, machine: Machine, http_server: FaultServer
    ) -> None:
        http_server.plays(PATH, CUT)
        machine.interrupted(hashed(http_server.url(PATH), CONTENT))
        http_server.plays(OTHER_PATH, replace(FILE, etag='"v2"', fields={"Content-Type": None}))

        machine.download(hashed(http_server.url(OTHER_PATH), CONTENT))

        entry = machine.entry(http_server.url(OTHER_PATH))
        assert entry is not None
        assert entry[0] == CONTENT
        assert entry[1]["etag"] == '"v2"'
        assert not {"cache-control", "content-type"} & set(entry[1])
        assert machine.entry(http_server.url(PATH)) is None

    def test_a_download_until_close_has_an_entry_like_any_other(
        self, machine: Machine, http_server: FaultServer
    ) -> None:
        http_server.plays(PATH, CUT, FILE)

        machine.download(hashed(http_server.url(PATH), CONTENT))
        http_server.forget()

        assert machine.fetch_with_plain_pip(http_server.url(PATH)) == CONTENT
        assert http_server.requests(PATH) == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_kept_as_plain_pip_keeps_them(
    status: int, machine: Machine, http_server: FaultServer, tmp_path: Path
) -> None:
    stock = Machine(tmp_path / "stock")
    start, target = http_server.url(PATH), http_server.url(OTHER_PATH)
    http_server.plays(PATH, Answer(status, {"Location": OTHER_PATH}))
    http_server.plays(OTHER_PATH, FILE)
    stock.fetch_with_plain_pip(start)
    http_server.plays(OTHER_PATH, CUT, FILE)

    assert machine.download(hashed(start, CONTENT)).content == CONTENT

    assert [entry and entry[0] for entry in map(machine.entry, (start, target))] == [
        entry and entry[0] for entry in map(stock.entry, (start, target))
    ]
    asked = []
    for each in (machine, stock):
        http_server.forget()
        assert each.fetch_with_plain_pip(start) == CONTENT
        asked.append([exchange.path for exchange in http_server.requests()])
    assert asked[0] == asked[1]
