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
    Slow,
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
    "ranges are refused for 5 s, and every connection ends after 900 kB": Situation(
        cuts=(Cut(every=900_000),),
        refusals=(Refusal(lasts_s=5.0),),
    ),
    "ranges get 502 for 5 s": Situation(cuts=(Cut(at=0.75),), refusals=(Refusal(status=502, lasts_s=5.0),)),
    "no response to ranges for 30 s": Situation(cuts=(Cut(at=0.5),), refusals=(Refusal("silence", lasts_s=30.0),)),
    "ranges are refused, and the connection is slow": Situation(refusals=(Refusal(),), slow=(Slow(100.0),)),
    "ranges start too late, and the connection is slow": Situation(ranges=Ranges("starts late"), slow=(Slow(900.0),)),
    "a slow connection, and no retries": Situation(slow=(Slow(100.0),), user=User(resume_retries=0)),
    "ranges get 503, after a kill and with no retries": Situation(
        refusals=(Refusal(status=503),),
        user=User(stops=(Stop(),), resume_retries=0),
    ),
    "a 206 without Content-Range": Situation(cuts=(Cut(at=0.75),), ranges=Ranges(content_range="missing")),
    "each body ends with a page at one place, --retries 20 --resume-retries 1": Situation(
        cuts=(Cut("error page", every=200_000),),
        refusals=(Refusal(status=202),),
        user=User(retries=20, resume_retries=1),
    ),
    "silence for 20 s, then ranges get 530, --resume-retries 1": Situation(
        outages=(Outage(how="silence"),),
        refusals=(Refusal(status=530),),
        user=User(resume_retries=1, timeout_s=3),
    ),
    "Range is given up after a silence of 16 s, --resume-retries 1": Situation(
        outages=(Outage(how="silence", begins=Moment(share=0.75), lasts_s=16.3),),
        refusals=(Refusal(status=530),),
        user=User(resume_retries=1, timeout_s=3),
    ),
    "parts of 2 kB and of unknown length, --resume-retries 1": Situation(
        file=File(size=300_000, caching="no-store", framing="chunked"),
        ranges=Ranges(content_range="no length", most_bytes=2_000),
        cuts=(Cut(at=0.25),),
        user=User(gap_s=60.0, retries=0, resume_retries=1),
    ),
    "parts of 40 kB and of unknown length, without a hash": Situation(
        file=File(size=300_000, link_hash="none", framing="chunked"),
        ranges=Ranges(content_range="no length", most_bytes=40_000),
        cuts=(Cut(at=0.25),),
        user=User(gap_s=60.0, retries=0, resume_retries=1),
    ),
    "parts whose last-pos is the length, and --resume-retries 0": Situation(
        file=File(link_hash="md5", etag="weak", caching="not said"),
        ranges=Ranges(content_range="last-pos is the length", most_bytes=300_000),
        user=User(stops=(Stop(share=0.75),), gap_s=2.0, retries=10, resume_retries=0),
    ),
    "an outage at a byte that only pip-resume requests, and pip's cache lacks the end": Situation(
        file=File(size=5_000),
        outages=(Outage(how="certificate", begins=Moment(share=0.1), lasts_s=169.9),),
        user=User(resume_retries=1, timeout_s=60, cached="cut"),
    ),
    "busy with Retry-After, and --retries 0": Situation(
        cuts=(Cut(at=0.125),),
        refusals=(Refusal(status=503, lasts_s=1.0, retry_after="date"),),
        user=User(retries=0, resume_retries=30),
    ),
    "a 206 whose last-pos is the complete-length": Situation(
        cuts=(Cut(at=0.75),), ranges=Ranges(content_range="last-pos is the length")
    ),
    "a 206 whose complete-length is too large by one": Situation(
        cuts=(Cut(at=0.75),), ranges=Ranges(content_range="length plus 1")
    ),
    "a 206 that says gzip": Situation(cuts=(Cut(at=0.9),), ranges=Ranges(is_labelled_gzip=True)),
    "a 200 with the rest, after a kill": Situation(
        ranges=Ranges("200 with Content-Range", content_range="missing"),
        user=User(stops=(Stop(share=0.75),)),
    ),
    "a 200 with the rest, without a hash or a length, after a kill": Situation(
        file=File(link_hash="none", framing="chunked"),
        ranges=Ranges("200 with Content-Range", content_range="equals sign"),
        user=KILLED,
    ),
    "a 200 with a long rest, without a hash or a length, after a kill": Situation(
        file=File(size=8_000_000, link_hash="none", framing="chunked"),
        ranges=Ranges("200 with Content-Range", content_range="missing"),
        user=User(stops=(Stop(share=0.25),)),
    ),
    "ranges are closed for 5 s, connections end after 900 kB, and one byte is replaced": Situation(
        file=File(size=3_000_000, link_hash="md5", caching="not said"),
        cuts=(Cut("close", every=900_000),),
        refusals=(Refusal("close", lasts_s=4.7),),
        replacement=Replacement(Moment(plus_s=0.5), "one byte", "same"),
        user=User(gap_s=2.0, retries=0),
    ),
    "ranges get 502 for 27 s, connections end after 200 kB, and pip's cache lacks the end": Situation(
        file=File(size=3_000_000, link_hash="none", has_date=False),
        hops=(Hop(status=301, to="same host"),),
        cuts=(Cut(every=200_000),),
        refusals=(Refusal(status=502, lasts_s=26.8),),
        user=User(gap_s=2.0, retries=20, resume_retries=30, timeout_s=3, cached="cut", before="index page"),
    ),
    "ranges get 502 for 27 s, connections end after 200 kB, and one range fails just before they work": Situation(
        file=File(size=3_000_000, link_hash="none", has_date=False),
        cuts=(Cut(every=200_000),),
        refusals=(Refusal(status=502, lasts_s=26.8),),
        user=User(gap_s=2.0, retries=20, resume_retries=30, timeout_s=3, cached="cut", before="index page"),
    ),
    "no response to ranges for 28 s, and the complete file is cut within that time": Situation(
        file=File(link_hash="none", caching="not said"),
        cuts=(Cut("reset", at=0.25), Cut("reset", at=0.5)),
        refusals=(Refusal("silence", lasts_s=28.2), Refusal(of="any", status=502, lasts_s=3.6, retry_after_s=120)),
    ),
    "wrong bytes cost a second download, and so an outage begins before the next run": Situation(
        file=File(caching="no-store"),
        cuts=(Cut(at=0.5),),
        outages=(Outage("dns", begins=Moment(0.9), lasts_s=33.8),),
        refusals=(Refusal(status=305, lasts_s=2.4), Refusal("close", of="any", lasts_s=1.9)),
        replacement=Replacement(begins=Moment(0.25), validators="new date only"),
        user=User(gap_s=2.0, retries=2),
    ),
    "pip's cache has an empty body, and the certificate is wrong for 8 s": Situation(
        file=File(size=300_000, link_hash="md5", etag="none"),
        outages=(Outage("certificate", begins=Moment(), lasts_s=8.1),),
        user=User(gap_s=60.0, cached="empty"),
    ),
    "Content-Length is too long, connections end after 900 kB, and parts have a different length": Situation(
        file=File(link_hash="none", framing="length too long"),
        scheme="http",
        cuts=(Cut(every=900_000, until_s=166.6),),
        refusals=(Refusal(status=416, lasts_s=1.9, retry_after_s=30),),
        user=User(gap_s=60.0, retries=0),
    ),
    "busy for 10 s, and pip's cache has the file": Situation(
        file=File(caching="not said"),
        refusals=(Refusal(of="any", status=425, lasts_s=10.0),),
        user=User(stops=(Stop(),), cached="right"),
    ),
    "the body in pip's cache lacks its end, and Content-Length is too short": Situation(
        file=File(link_hash="none", framing="length too short"),
        user=User(cached="cut"),
    ),
    "resumed after an outage and a signed redirect, next run": Situation(hops=(Hop(to="signed"),), outages=(Outage(),)),
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
    "an error page at the end of a body without a length": Situation(
        file=File(etag="none", framing="close"),
        ranges=Ranges(at_end="416 without length"),
        cuts=(Cut("error page", at=1.0),),
    ),
    "a different build while the connection is slow": Situation(
        file=File(size=3_000_000),
        bytes_per_s=300_000.0,
        slow=(Slow(900.0, begins=Moment(0.9), lasts_s=66.5),),
        replacement=Replacement(Moment(plus_s=5.9), build="one byte"),
    ),
    "gone for 2 s, then ranges are told to come back later": Situation(
        outages=(Outage(begins=Moment(0.25), lasts_s=2.0),),
        refusals=(Refusal(status=503, lasts_s=10.0, retry_after="seconds", retry_after_s=30),),
        user=User(resume_retries=1),
    ),
    "busy for 1 s, and pip's cache has the file without a hash": Situation(
        file=File(link_hash="none", last_modified="none", caching="not said"),
        refusals=(Refusal(of="plain", status=521, lasts_s=0.7),),
        user=User(cached="right"),
    ),
    "a 206 that says gzip, after a cut near the start": Situation(
        file=File(size=300_000),
        ranges=Ranges(is_labelled_gzip=True),
        cuts=(Cut("tls record", at=0.02),),
    ),
    "parts that are smaller than the overlap, without a hash": Situation(
        file=NO_HASH,
        ranges=Ranges(most_bytes=40_000),
        cuts=(Cut(at=0.9),),
    ),
    "an error page, and every connection ends after 200 kB, without a hash": Situation(
        file=NO_HASH,
        cuts=(Cut("error page", at=0.75), Cut(every=200_000, until_s=234.9)),
    ),
    "a wrong certificate for 20 s, after a kill": Situation(
        outages=(Outage("certificate", begins=Moment(plus_s=10.0)),),
        user=KILLED,
    ),
    "ranges are refused, then 520 for 10 s, and no retries": Situation(
        cuts=(Cut(at=0.99),),
        refusals=(Refusal(), Refusal(of="any", status=520, begins=Moment(0.854), lasts_s=10.0)),
        user=User(gap_s=2.0, resume_retries=0),
    ),
    "small parts without a length": Situation(
        file=File(framing="chunked"),
        ranges=Ranges(content_range="no length", most_bytes=2000),
        user=KILLED,
    ),
    "Content-Length is too long, and no part has a length": Situation(
        file=File(link_hash="none", framing="length too long"),
        ranges=Ranges(content_range="no length"),
        user=KILLED,
    ),
    "small parts, and connections that end early": Situation(
        file=File(size=300_000),
        ranges=Ranges(most_bytes=2000),
        cuts=(Cut("reset", every=8000),),
    ),
    "a login page for ranges, then 429 for 24 s, and no retries": Situation(
        cuts=(Cut(at=0.5),),
        refusals=(
            Refusal("login page"),
            Refusal(of="plain", status=429, begins=Moment(0.5), lasts_s=23.7, retry_after="date", retry_after_s=1),
        ),
        user=User(resume_retries=0),
    ),
    "the length is always too long, Range is refused, and the file is replaced": Situation(
        file=File(size=300_000, framing="length too long"),
        cuts=(Cut("error page", at=0.9),),
        refusals=(Refusal("reset"),),
        replacement=Replacement(Moment(0.02), build="one byte"),
        user=User(gap_s=2.0, timeout_s=60),
    ),
    "no hash, no length, and the connections for the last tenth are slow": Situation(
        file=File(size=1_200_000, link_hash="none"),
        ranges=Ranges(content_range="no length", most_bytes=300_000),
        slow=(Slow(900.0, begins=Moment(0.9), lasts_s=203.0),),
        user=KILLED,
    ),
    "a part with status 200, no length and no Content-Range, and no hash": Situation(
        file=File(size=1_200_000, link_hash="none", etag="unquoted", framing="close", caching="not said"),
        ranges=Ranges("200 with Content-Range", content_range="missing"),
        user=User(stops=(Stop("kill", share=0.1),)),
    ),
    "an outage that ends between two long waits of --retries 20": Situation(
        file=File(size=1_200_000, link_hash="none", etag="unquoted", last_modified="none"),
        outages=(Outage("refused", Moment(0.795), lasts_s=128.1),),
        refusals=(Refusal(status=102),),
        user=User(gap_s=2.0, retries=20, resume_retries=1),
    ),
    "small parts without a length, and no retries": Situation(
        file=File(framing="chunked"),
        ranges=Ranges(content_range="no length", most_bytes=9_000),
        cuts=(Cut(at=0.75),),
        user=User(resume_retries=0),
    ),
    "ranges are refused, and each body ends after 8 kB": Situation(
        file=File(size=300_000, link_hash="md5"),
        cuts=(Cut(every=8_000, until_s=48.8),),
        refusals=(Refusal(),),
        user=User(stops=(Stop(share=0.02), Stop("ctrl-c", share=0.02)), gap_s=2.0),
    ),
    "connections end after 200 kB for half a minute, and ranges are refused": Situation(
        cuts=(Cut(every=200_000, until_s=30.0),), refusals=(Refusal(),), user=User(gap_s=60.0)
    ),
    "a fast start, small parts, and a connection that becomes slow": Situation(
        file=File(size=300_000),
        ranges=Ranges(most_bytes=40_000),
        cuts=(Cut("reset", at=0.25),),
        slow=(Slow(900.0, Moment(0.383), only_open=True),),
    ),
    "resumed after a signed redirect, next run": Situation(
        hops=(Hop(to="signed"),),
        sleeps=(Sleep(lasts_s=60.0),),
    ),
    "Range is ignored, and two bodies end at the same place": Situation(
        file=File(size=300_000),
        ranges=Ranges("ignored"),
        cuts=(Cut(at=0.75), Cut("reset", at=0.75)),
    ),
    "ranges get 502, other requests 429 for a while, and there is one resume retry": Situation(
        file=File(size=3_000_000, caching="no-store"),
        cuts=(Cut("tls record", at=0.1),),
        refusals=(
            Refusal(status=502),
            Refusal(of="any", status=429, begins=Moment(0.9), lasts_s=188.7, retry_after="date", retry_after_s=120),
        ),
        user=User(stops=(Stop(share=0.507), Stop(share=0.99)), retries=2, resume_retries=1),
    ),
    "a login page for ranges, silence for other requests, and no resume retries": Situation(
        file=File(size=1_200_000, caching="no-store"),
        outages=(Outage("refused", Moment(0.9), lasts_s=19.8),),
        refusals=(
            Refusal("login redirect", lasts_s=126.8),
            Refusal("silence", of="any", begins=Moment(0.865), lasts_s=213.9),
        ),
        user=User(resume_retries=0, cached="truncated", before="index page"),
    ),
    "silence for ranges for 30 s, and --retries 10": Situation(
        cuts=(Cut(at=0.748),), refusals=(Refusal("silence", lasts_s=30.0),), user=User(retries=10)
    ),
    "a page at the end of a body without a length, and no retries": Situation(
        file=File(caching="no-store", framing="close"),
        cuts=(Cut("error page", at=1.0),),
        user=User(resume_retries=0),
    ),
    "a login page for ranges, 503 with Retry-After for other requests, and no resume retries": Situation(
        file=File(size=1_200_000, link_hash="none"),
        cuts=(Cut(at=0.75),),
        refusals=(
            Refusal("login page"),
            Refusal(
                of="plain", status=503, begins=Moment(0.02), lasts_s=219.1, retry_after="seconds", retry_after_s=70
            ),
        ),
        user=User(gap_s=2.0, retries=2, resume_retries=0),
    ),
    "a laptop that sleeps, a 200 with a part of the body, and one resume retry": Situation(
        file=File(size=3_000_000, link_hash="md5"),
        ranges=Ranges("200 with Content-Range", content_range="no unit"),
        cuts=(Cut("tls eof", at=0.9),),
        sleeps=(Sleep(Moment(0.1, 1.0), lasts_s=60.0),),
        user=User(gap_s=60.0, resume_retries=1),
    ),
    "a redirect, and silence at the end of a body without a length and without a hash": Situation(
        file=File(link_hash="none", framing="close"),
        hops=(Hop(301, "same host"),),
        cuts=(Cut("silence", at=1.0),),
        user=User(resume_retries=1),
    ),
    "small parts for pip-resume, all for plain pip, then every request gets 204": Situation(
        file=File(size=300_000, link_hash="none", etag="weak", caching="not said"),
        scheme="http",
        ranges=Ranges(content_range="no length", at_end="416 without length", most_bytes=40_000),
        cuts=(Cut(at=0.75),),
        refusals=(Refusal(of="any", status=204, begins=Moment(0.928), lasts_s=32.5),),
        user=User(gap_s=60.0, cached="wrong bytes"),
    ),
    "a small file, the start of it in pip's cache, and then only ranges are answered": Situation(
        file=File(size=5_000, last_modified="none"),
        refusals=(Refusal("silence", lasts_s=1.3), Refusal(of="plain", begins=Moment(0.25), lasts_s=214.9)),
        user=User(stops=(Stop(share=0.75),), gap_s=60.0, cached="cut"),
    ),
    "a download that takes longer than its max-age": Situation(
        file=File(link_hash="md5", etag="none"),
        ranges=Ranges("200 with Content-Range", content_range="missing"),
        outages=(Outage("silence", Moment(0.1, 0.05), lasts_s=1.0),),
        slow=(Slow(100.0, Moment(0.02), only_open=True),),
        user=User(cached="cut"),
    ),
    "an error page, ranges are refused, and each connection ends after 900 kB for 10 s": Situation(
        cuts=(Cut("error page", at=0.02), Cut(every=900_000, until_s=10.0)),
        refusals=(Refusal(),),
    ),
}
