"""The file of these tests, larger than what is not worth keeping, and the ways in which a server hands it out."""

from __future__ import annotations

from dataclasses import replace

from servers.fault_server import FileAnswer, Then
from servers.index_pages import IMMUTABLE, noise

PATH = "/files/sample-1.0-py3-none-any.whl"
SIZE = 1_500_000
HELD = 1_200_000
CONTENT = noise(SIZE, seed=1)
OTHER = noise(SIZE, seed=2)
FILE = FileAnswer(CONTENT, etag='"v1"', fields={"Cache-Control": IMMUTABLE})
CUT = replace(FILE, cut_after=HELD, then=Then.CLOSE)
