"""Everything that knows pip. Only in here is pip imported, and only from within a running pip."""
