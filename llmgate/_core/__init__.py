"""One call, from top to bottom, in files that are read in this order: client, prepare, registry,
operations, connections, drive, send, live, stream; and, for clients that have middleware, layers.
Nothing outside imports from here but ``llmgate`` itself."""
