"""Files of messages: fetched from Meta into Storage when customers send them, handed to it when members do.

`kinds` says what bytes are, `download` fetches from hosts that may be hostile, `bucket` is the bucket in
Storage, `job` does what the database hands out. Bytes pass through a temporary file, a piece at a time.
"""
