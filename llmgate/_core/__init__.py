"""One call, from top to bottom, in files that are read in this order: client, prepare, registry,
operations, drive, send, stream. Nothing outside imports from here but ``llmgate`` itself."""
