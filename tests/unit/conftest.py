from __future__ import annotations

from hypothesis import settings

# A busy machine is no reason to fail: the laws speak of answers, not of how soon they come.
settings.register_profile("laws", deadline=None, max_examples=150)
settings.load_profile("laws")
