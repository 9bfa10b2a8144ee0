"""The engine of a call. Its files are read in this order: client, prepare, registry, connections,
drive, send, live, stream; then operations (calls beside chat) and layers (middleware).

Only ``llmgate`` itself imports from here.
"""
