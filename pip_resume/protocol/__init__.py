"""Decisions as values and tables. Pure: no clock, file, socket, environment or chance.

`endings`      what it means that a body has ended: the table ENDINGS
`verdicts`     what a response means: the table VERDICTS
`cases`        one response to one request, with what the rows of `verdicts` look at
`planning`     what to request next, and what is worth storing
`messages`     a request, the head of its response, and what is held, as values
`checkpoint`   the record beside a partial
`http_fields`  the HTTP fields that decide about a resume, parsed
`retry`        how long a download goes on without progress, and its waits
`last_request` whether a plain request follows although the limits are spent: the table LAST_REQUESTS
`statuses`     the statuses that decide about a retry, with the source of each
`trust`        what this run still believes of the server, and what the next request is
"""

from __future__ import annotations
