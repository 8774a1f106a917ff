"""Partial downloads on disk. Everything that opens, writes or removes a file of the store is here.

`housekeeping`    what lies in the store, and what of it can be removed
`store`           find a partial, lock it, make one
`found`           a file that may be the partial of an artifact: its names, and who holds its lock
`adoption`        how much of an earlier run's file can be used
`stored_partial`  a partial that the next run finds, with its record and its lock
`record`          the record beside a part file: read, written, removed with it
`partial`         the bytes of an artifact, for this run, with what is known of them
`part_file`       one open file; its size is the offset
`container`       whether an archive is undamaged, by its own checksums
`digest`          the digest, computed while a file is written
`directory`       an open directory, whose names are used by its descriptor
`file_lock`       a lock that ends with its process
`ownership`       who may use a file or a directory, by owner, mode and path
`sharing`         files that other processes have open, too (Windows)
"""

from __future__ import annotations
