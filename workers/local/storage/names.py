"""Which names of objects hosted Storage accepts: some ASCII characters, no dot segments."""

import re

_PATH = re.compile(r"(?!.*/\.\.?(/|$))/storage/v1/[A-Za-z0-9_/!.*'() &$=@;:+,?-]{1,1200}")


def is_acceptable(path: str) -> bool:
    """Tell whether a request's path holds an acceptable name."""
    return bool(_PATH.fullmatch(path))
