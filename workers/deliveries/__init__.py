"""Tells an organization's own programs what happened: events go, signed, to the addresses that it chose."""
