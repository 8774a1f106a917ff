"""What a download does, from the first request to the file that pip gets. It knows neither pip nor paths on disk.

`transfer`    the one verb: request, judge, write down, wait, until the file is complete and verified
`handover`    the complete file goes to pip, and into its cache
`local_copy`  the bytes that this run has: where each block goes
`attempts`    the retry budget, the waits, and the history for the final message
`reading`     the body of one response, block by block
`interfaces`  what the engine needs from pip: Transport and Display
`clock`       time and chance, as one argument
"""

from __future__ import annotations
