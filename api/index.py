"""The entry for Vercel, which looks for it here: the same application as everywhere."""

from workers.wsgi import app

__all__ = ["app"]
