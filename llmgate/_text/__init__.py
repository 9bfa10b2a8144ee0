"""The ground floor: JSON, shapes, and what hides secrets; it imports nothing from above."""
