"""The engine of a call. Read its files in this order: client, base_client, prepare, views,
registry, connections, state, deadline, drive, send, source, live, stream. CONTRIBUTING.md says
which of them the others serve.

Only ``llmgate`` itself imports from here.
"""
