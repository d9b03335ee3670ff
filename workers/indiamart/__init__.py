"""IndiaMART: fetching leads by its Pull API v2, and taking what it pushes.

Both ways end in one SQL function.
"""
