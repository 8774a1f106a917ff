"""What a download does, from the first request to the file that pip gets. It does not know pip.

`transfer`      the one loop: request, judge, write down, judge the end, wait, until the file is complete and verified
`stored_bytes`  what the user is told about stored bytes, and about a server that ignores Range
`verification`  what follows when a body has ended
`learning`      what failed attempts say about the server
`proof`         what the bytes held prove by themselves
`receiving`     the body of one response is written down
`cursor`        where the next block of one body goes: compared or appended
`state`         what one download works with, and what it has learned
`handover`      the complete file goes to pip, and into its cache or the store
`local_copy`    the partials of one download
`attempts`      what is left of the limits, the waits, and the history for the final message
`overlap`       how much is requested again, without a hash
`sync_schedule` when bytes are synced while more of them arrive
`store_access`  the store for one download, as long as it can be used
`waiting`       waits while another pip downloads the same artifact
`reading`       the body of one response in blocks, and its speed
`interfaces`    what the engine needs from pip: Transport and Display
`origin`        where the bytes of one download came from
`clock`         time and chance, as one argument
"""

from __future__ import annotations
