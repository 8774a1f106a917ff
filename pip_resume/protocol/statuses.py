"""The statuses that decide about a retry, with the source of each. No I/O."""

from __future__ import annotations

WAIT_STATUSES = {
    408: "RFC 9110 section 15.5.9: the client may repeat the request",
    421: "RFC 9110 section 15.5.20: may be repeated over a different connection",
    425: "RFC 8470 section 5.2: too early; may be repeated after the handshake",
    429: "RFC 6585 section 4: too many requests",
    500: "pip retries it (pip._internal.network.session, status_forcelist)",
    502: "RFC 9110 section 15.6.3: the gateway got an invalid response; pip up to 24.0 retries it",
    503: "RFC 9110 section 15.6.4: temporarily overloaded; pip retries it",
    504: "RFC 9110 section 15.6.5: the gateway got no response in time",
    506: "RFC 2295 section 8.1: a mistake in the server's configuration",
    507: "RFC 4918 section 11.5: the server has no space at the moment",
    508: "RFC 5842 section 7.2: a loop in the server's configuration",
    509: "cPanel: the bandwidth limit is exceeded for a time",
    510: "RFC 2774 section 7: a policy of the server",
    511: "RFC 6585 section 6: a captive portal wants a login",
    520: "Cloudflare: the origin sent an unknown error; pip retries it",
    521: "Cloudflare: the origin refuses connections",
    522: "Cloudflare: connecting to the origin timed out",
    523: "Cloudflare: the origin cannot be reached",
    524: "Cloudflare: the origin sent no response in time",
    525: "Cloudflare: the TLS handshake with the origin failed",
    526: "Cloudflare: the origin's certificate is not valid",
    527: "Cloudflare: the connection to the origin failed (Railgun); pip retries it",
    530: "Cloudflare: the origin's name cannot be resolved",
    598: "proxies: reading from the origin timed out",
    599: "proxies: connecting to the origin timed out",
}
"""The statuses that ask us to try again later, with the source of each. Other 5xx count as 500: see says_later."""
NOT_IMPLEMENTED = (501, 505)
"""The server does not support the request (RFC 9110 sections 15.6.2 and 15.6.6): waiting does not help."""


def says_later(status: int) -> bool:
    """Whether a status asks us to try again later.

    RFC 9110 section 15: an unknown status means the same as the x00 status of its class, here 500.
    """
    return status in WAIT_STATUSES or (500 <= status < 600 and status not in NOT_IMPLEMENTED)
