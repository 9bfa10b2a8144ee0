"""What carries requests: each transport is a module, imported when it is first needed."""
