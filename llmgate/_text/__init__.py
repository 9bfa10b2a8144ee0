"""The ground floor: JSON and its schemas, shapes, and what hides secrets; it raises ``errors``."""
