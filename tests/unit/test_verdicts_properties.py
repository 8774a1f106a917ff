"""What holds for every response to every request."""

from __future__ import annotations

from hypothesis import given, settings
from unit.exchanges import CONTINUED, FIELDS, LENGTH_FIELDS, UNHASHED, exchanges, helds
from unit.texts import Understood

from pip_resume.protocol.cases import Case
from pip_resume.protocol.http_fields import parse_entity_tag, strong_date
from pip_resume.protocol.messages import Held, Request, ResponseHead
from pip_resume.protocol.planning import plan_request
from pip_resume.protocol.verdicts import Action, judge

# A dangerous response needs several values that fit.
many = settings(max_examples=3 * settings().max_examples)
bodies_used = Understood(times=3)


@bodies_used
@given(exchanges())
def test_a_body_is_appended_only_if_it_starts_within_the_bytes_held(case: Case) -> None:
    verdict = judge(*case)

    if bodies_used.count(verdict if verdict.action is Action.APPEND else None):
        assert 0 <= verdict.first_pos <= case.held.offset
        assert verdict.first_pos <= (case.request.first_pos or 0)
        assert verdict.end is None or verdict.end >= verdict.first_pos


parts_used = Understood(times=3)


@parts_used
@given(exchanges("part"))
def test_a_part_is_appended_only_if_it_ends_within_the_complete_length(case: Case) -> None:
    verdict = judge(*case)

    if parts_used.count(verdict if verdict.action is Action.APPEND else None) and verdict.end is not None:
        for length in (verdict.complete_length, case.held.checkpoint.complete_length):
            assert length is None or verdict.end <= length


parts_joined = Understood(times=3)


@parts_joined
@given(exchanges("part", held_before=UNHASHED.filter(lambda held: held.offset > 0)))
def test_without_a_hash_a_part_is_appended_only_if_it_has_the_same_strong_validator(case: Case) -> None:
    verdict = judge(*case)

    if not parts_joined.count(verdict if verdict.action is Action.APPEND else None):
        return
    ours, theirs = case.held.checkpoint.fields or {}, case.head.fields
    assert theirs.get("etag") == ours.get("etag")
    is_same_date = theirs.get("last-modified") == ours.get("last-modified")
    tag = parse_entity_tag(ours.get("etag"))
    if tag is not None and not tag.weak:
        assert is_same_date or case.trust.forgave_date or not {"last-modified"} <= set(ours) & set(theirs)
    elif case.request.if_range is None and case.request.is_ranged:
        # A date is not sent beside a weak ETag, so it has to be in the response.
        assert is_same_date
        assert strong_date(ours.get("last-modified"), ours.get("date")) is not None
    elif "last-modified" in ours and "last-modified" in theirs:
        assert is_same_date


@many
@given(exchanges("part", held_before=UNHASHED))
def test_without_a_hash_no_part_over_http_is_joined_with_bytes_that_came_over_https(case: Case) -> None:
    head = case.head._replace(is_https=False)

    verdict = judge(*case._replace(head=head))

    assert verdict.action is not Action.APPEND or not case.held.checkpoint.is_https


files_complete = Understood(times=3)


@files_complete
@given(exchanges("unsatisfied", held_before=CONTINUED))
def test_without_a_hash_a_file_is_complete_only_if_no_length_contradicts_it(case: Case) -> None:
    held, request, verdict = case.held, case.request, judge(*case)

    if files_complete.count(verdict if verdict.action is Action.VERIFY else None):
        assert request.first_pos == held.offset > 0
        content_range = case.head.fields["content-range"]
        assert f"/{held.offset}" in content_range or (not content_range and held.is_complete)
        # A digest would notice a cut file. Without one this is the last check.
        assert held.checkpoint.complete_length in (None, held.offset)


@many
@given(exchanges())
def test_only_the_body_of_a_200_a_203_or_a_206_is_used_as_a_response_to_a_range(case: Case) -> None:
    verdict = judge(*case)

    assert verdict.action is not Action.APPEND or case.head.status < 400
    assert verdict.action is not Action.APPEND or not case.request.is_ranged or case.head.status in (200, 203, 206)


@many
@given(exchanges())
def test_a_plain_response_is_never_taken_for_the_end_of_the_file(case: Case) -> None:
    assert judge(*case).action is not Action.VERIFY or case.request.is_ranged


@given(helds(), FIELDS, LENGTH_FIELDS)
def test_with_no_bytes_held_every_complete_file_is_used(
    held: Held, fields: dict[str, str], length_fields: dict[str, str]
) -> None:
    empty = held._replace(offset=0)
    head = ResponseHead(200, {**fields, **length_fields})

    verdict = judge(plan_request(empty), head, empty)

    assert plan_request(empty) == Request()
    assert (verdict.action, verdict.first_pos, verdict.end) == (Action.APPEND, 0, head.content_length)
