"""The room `tasks`."""
