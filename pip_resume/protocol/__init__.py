"""Decisions as values and tables. Pure: no clock, file, socket, environment or chance.

`endings`      what it means that a body has ended: the table ENDINGS
`verdicts`     what to request, and what a response means: the table VERDICTS
`messages`     a request, the head of its response, and what is held, as values
`checkpoint`   the record beside a partial
`http_fields`  the HTTP fields that decide about a resume, parsed
`retry`        the retry budget and its waits
`trust`        what this run still believes of the server
"""

from __future__ import annotations
