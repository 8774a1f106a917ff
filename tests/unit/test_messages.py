"""A request, the head of its response, and what is held, as values."""

from __future__ import annotations

import pytest
from unit.responses import COMPLETE, EMPTY, HASHED, LENGTH, UNSIZED, complete, part, without

from pip_resume.protocol.checkpoint import Checkpoint
from pip_resume.protocol.messages import Held, Request, ResponseHead


@pytest.mark.parametrize(
    ("request_", "fields"),
    [
        pytest.param(Request(), {}, id="plain"),
        pytest.param(Request(if_range='"v1"'), {}, id="If-Range is never sent without Range"),
        pytest.param(Request(5), {"Range": "bytes=5-"}, id="Range"),
        pytest.param(Request(5, '"v1"'), {"Range": "bytes=5-", "If-Range": '"v1"'}, id="Range and If-Range"),
    ],
)
def test_a_request_has_the_fields_of_its_range(request_: Request, fields: dict[str, str]) -> None:
    assert request_.fields == fields


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
        pytest.param(without(part(), "content-length"), True, id="part without a length"),
        pytest.param(complete(), False, id="with a length"),
        pytest.param(complete(None, transfer_encoding="Chunked"), False, id="chunked"),
        pytest.param(complete(None)._replace(from_cache=True), False, id="from pip's cache"),
        pytest.param(ResponseHead(416, {}), False, id="without a body of the file"),
    ],
)
def test_only_a_body_that_ends_with_the_connection_may_be_cut(head: ResponseHead, may_be_cut: bool) -> None:
    assert head.may_be_cut is may_be_cut
