"""The recorder: it forwards requests to the model server of its pod, and records a sample of the predictions.

`relay` moves bytes and nothing else. `observe` parses a copy and pairs requests with responses. What may be recorded
goes through a bounded pipe to a second process (`writer`), which decodes, masks, writes, and uploads. So nothing that
fails while recording can fail or delay a request: the worst that happens is a record that is dropped and counted.
"""
