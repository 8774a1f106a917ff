"""A server behind a gateway that responds to requests with Range in its own way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Union

from servers.fault_server import Answer, FaultServer, FileAnswer, NoResponse

if TYPE_CHECKING:
    import ssl

    from servers.journal import Request

Scripted = Union[Answer, FileAnswer, NoResponse]


class Gateway(FaultServer):
    """A fault server whose script for a path is for requests without Range once `answers_ranges` was called."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._for_ranges: dict[str, Scripted] = {}
        super().__init__(tls)

    def answers_ranges(self, path: str, answer: Scripted | None) -> None:
        """Play this answer for each request of the path with Range; None for the script of the path again."""
        if answer is None:
            self._for_ranges.pop(path, None)
        else:
            self._for_ranges[path] = answer

    def _next_answer(self, request: Request) -> Scripted:
        answer = self._for_ranges.get(request.path) if "range" in request.fields else None
        return super()._next_answer(request) if answer is None else answer
