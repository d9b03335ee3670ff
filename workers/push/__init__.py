"""Web Push: what a person is told reaches their browser or phone while Flow is closed (RFC 8030, 8291, 8292).

The encryption and the signature are a few lines over `cryptography` and PyJWT, which Flow has anyway:
pywebpush would bring two more HTTP clients, and http-ece has not been released since 2024.
"""
