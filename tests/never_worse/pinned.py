"""Situations in which pip-resume was once worse than plain pip: what a random search found, made simple."""

from __future__ import annotations

from never_worse.situation import (
    Cut,
    File,
    Hop,
    Moment,
    Outage,
    Ranges,
    Refusal,
    Replacement,
    Situation,
    Sleep,
    Stop,
    User,
)

KILLED = User(stops=(Stop(),))
NO_HASH = File(link_hash="none")

PINNED: dict[str, Situation] = {
    "parts that are smaller than the overlap, after a kill": Situation(
        ranges=Ranges(most_bytes=40_000),
        user=KILLED,
    ),
    "the body in pip's cache lacks its end": Situation(user=User(cached="cut")),
    "the body in pip's cache lacks its end, and the server is gone for a while": Situation(
        outages=(Outage(begins=Moment(), lasts_s=30.0),),
        user=User(gap_s=2.0, retries=0, cached="cut"),
    ),
    "gone for 20 s, then no response to ranges for a while": Situation(
        outages=(Outage(),),
        refusals=(Refusal("silence", lasts_s=30.0),),
    ),
    "ranges are refused for 5 s": Situation(
        cuts=(Cut(at=0.99),),
        refusals=(Refusal(lasts_s=5.0),),
        user=User(gap_s=2.0),
    ),
    "ranges are refused for 30 s, after a kill": Situation(refusals=(Refusal(lasts_s=30.0),), user=KILLED),
    "ranges get 300, after a kill": Situation(refusals=(Refusal(status=300),), user=KILLED),
    "plain requests get 103 first": Situation(refusals=(Refusal(of="plain", status=103),)),
    "an error page, then 403 for two minutes": Situation(
        cuts=(Cut("error page", at=0.25),),
        refusals=(Refusal(of="any", begins=Moment(0.75), lasts_s=120.0),),
        user=User(gap_s=60.0),
    ),
    "an error page in a chunked body without a hash": Situation(
        file=File(link_hash="none", framing="chunked"),
        cuts=(Cut("error page", at=0.02),),
    ),
    "Content-Length is too long, and ranges get 204": Situation(
        file=File(framing="length too long"),
        refusals=(Refusal(status=204),),
    ),
    "a different build with the same validators": Situation(
        file=NO_HASH,
        cuts=(Cut("reset", at=0.1),),
        replacement=Replacement(Moment(0.1), validators="same"),
    ),
    "other bytes than requested over http": Situation(
        file=NO_HASH,
        scheme="http",
        ranges=Ranges("other bytes"),
        outages=(Outage(lasts_s=5.0),),
    ),
    "a wrong certificate for one second": Situation(outages=(Outage("certificate", lasts_s=1.0),)),
    "resumed after a signed redirect, next run": Situation(
        hops=(Hop(to="signed"),),
        sleeps=(Sleep(lasts_s=60.0),),
    ),
}
