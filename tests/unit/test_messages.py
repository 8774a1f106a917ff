"""A request, the head of its response, and what is held, as values."""

from __future__ import annotations

import pytest
from unit.responses import (
    COMPLETE,
    EMPTY,
    EMPTY_UNHASHED,
    HASHED,
    LENGTH,
    LONG_AGO,
    STRONG_DATE,
    UNHASHED,
    UNSIZED,
    WEAK_ETAG,
    complete,
    part,
    unhashed_with,
    without,
)

from pip_resume.protocol.checkpoint import Checkpoint
from pip_resume.protocol.messages import Held, Request, ResponseHead


@pytest.mark.parametrize(
    ("request_", "fields", "is_ranged"),
    [
        pytest.param(Request(), {}, False, id="plain"),
        pytest.param(Request(if_range='"v1"'), {}, False, id="If-Range is never sent without Range"),
        pytest.param(Request(0), {"Range": "bytes=0-"}, True, id="Range from the start"),
        pytest.param(Request(5), {"Range": "bytes=5-"}, True, id="Range"),
        pytest.param(Request(5, '"v1"'), {"Range": "bytes=5-", "If-Range": '"v1"'}, True, id="Range and If-Range"),
        pytest.param(Request(no_cache=True), {"Cache-Control": "no-cache"}, False, id="plain, past caches"),
        pytest.param(
            Request(5, '"v1"', no_cache=True),
            {"Cache-Control": "no-cache", "Range": "bytes=5-", "If-Range": '"v1"'},
            True,
            id="Range and If-Range, past caches",
        ),
    ],
)
def test_a_request_has_the_fields_of_its_range_and_of_its_caches(
    request_: Request, fields: dict[str, str], is_ranged: bool
) -> None:
    assert request_.fields == fields
    assert request_.is_ranged is is_ranged


@pytest.mark.parametrize(
    ("held", "is_complete"),
    [
        pytest.param(COMPLETE, True, id="all bytes held"),
        pytest.param(Held(1, Checkpoint(complete_length=1)), True, id="a file of one byte"),
        pytest.param(HASHED, False, id="some bytes missing"),
        pytest.param(COMPLETE._replace(offset=LENGTH + 1), False, id="too many bytes held"),
        pytest.param(UNSIZED, False, id="complete-length unknown"),
        pytest.param(EMPTY, False, id="nothing held"),
        pytest.param(Held(0, Checkpoint(complete_length=0)), False, id="an empty file is requested"),
    ],
)
def test_held_bytes_are_complete_if_the_complete_length_is_reached(held: Held, is_complete: bool) -> None:
    assert held.is_complete is is_complete


@pytest.mark.parametrize(
    ("held", "validator", "date", "can_continue"),
    [
        pytest.param(HASHED, '"v1"', None, True, id="a hash"),
        pytest.param(HASHED._replace(checkpoint=Checkpoint()), None, None, True, id="a hash, no fields"),
        pytest.param(UNHASHED, '"v1"', None, True, id="a strong ETag"),
        pytest.param(
            unhashed_with({"etag": '"v1"', **STRONG_DATE}), '"v1"', LONG_AGO, True, id="a strong ETag and a strong date"
        ),
        pytest.param(unhashed_with(STRONG_DATE), LONG_AGO, None, True, id="a strong date"),
        pytest.param(unhashed_with({**WEAK_ETAG, **STRONG_DATE}), None, LONG_AGO, True, id="weak ETag, strong date"),
        pytest.param(unhashed_with(WEAK_ETAG), None, None, False, id="a weak ETag"),
        pytest.param(
            unhashed_with({**WEAK_ETAG, "last-modified": LONG_AGO, "date": LONG_AGO}),
            None,
            None,
            False,
            id="weak ETag, weak date",
        ),
        pytest.param(EMPTY_UNHASHED, None, None, False, id="no response yet"),
    ],
)
def test_without_a_hash_only_a_strong_validator_lets_a_range_continue(
    held: Held, validator: str | None, date: str | None, can_continue: bool
) -> None:
    assert (held.validator, held.date, held.can_continue) == (validator, date, can_continue)


@pytest.mark.parametrize(
    ("head", "length"),
    [
        pytest.param(complete(5), 5, id="Content-Length"),
        pytest.param(complete(None), None, id="none"),
        pytest.param(complete(5, transfer_encoding="chunked"), None, id="Transfer-Encoding overrides Content-Length"),
        pytest.param(complete(5, transfer_encoding="gzip, Chunked"), None, id="chunked as the last of two codings"),
        pytest.param(complete(5, content_length="5, 6"), None, id="two different lengths"),
    ],
)
def test_the_length_of_a_body_is_its_content_length_unless_it_is_chunked(
    head: ResponseHead, length: int | None
) -> None:
    assert head.content_length == length


@pytest.mark.parametrize(
    ("head", "may_be_cut"),
    [
        pytest.param(complete(None), True, id="complete file without a length"),
        pytest.param(complete(None)._replace(status=203), True, id="203 without a length"),
        pytest.param(complete(None)._replace(status=399), True, id="any status below 400 without a length"),
        pytest.param(without(part(), "content-length"), True, id="part without a length"),
        pytest.param(complete(), False, id="with a length"),
        pytest.param(complete(None, transfer_encoding="Chunked"), False, id="chunked"),
        pytest.param(complete(None)._replace(from_cache=True), False, id="from pip's cache"),
        pytest.param(ResponseHead(416, {}), False, id="without a body of the file"),
        pytest.param(ResponseHead(400, {}), False, id="an error page"),
    ],
)
def test_only_a_body_that_ends_with_the_connection_may_be_cut(head: ResponseHead, may_be_cut: bool) -> None:
    assert head.may_be_cut is may_be_cut


def test_a_head_says_nothing_of_caches_and_is_secure_unless_it_says_otherwise() -> None:
    head = ResponseHead(200, {})

    assert (head.from_cache, head.url_key, head.is_https) == (False, "", True)


def test_nothing_is_held_at_first() -> None:
    assert Held() == Held(offset=0, checkpoint=Checkpoint(), digest_known=False, overlap=0)
