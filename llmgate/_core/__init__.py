"""The engine of a call. Its files are read in this order: client, base_client, prepare, registry,
connections, drive, send, live, stream; CONTRIBUTING.md says which of them the others serve.

Only ``llmgate`` itself imports from here.
"""
