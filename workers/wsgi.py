"""The WSGI entry: `gunicorn workers.wsgi:app`, or `app` of a Python function on Vercel."""

import sys

from workers import create_app
from workers.errors import SettingsError

try:
    app = create_app()
except SettingsError as error:
    sys.exit("Flow cannot start:\n" + "\n".join(f"  {problem}" for problem in error.problems))
