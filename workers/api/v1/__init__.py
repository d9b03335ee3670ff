"""`/api/v1`: what an organization's own programs may do, with an API key.

`routes` is the one list of what there is: from it come addresses, checks, the OpenAPI document and the page
for developers. Each call is one of `worker.call_api`, where the database knows key, scopes and pace.
"""

from workers.api.v1 import serving

__all__ = ["serving"]
