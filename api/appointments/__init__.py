"""The appointments resource: one module a route, and how an appointment is shown."""
