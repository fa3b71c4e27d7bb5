"""Whether the tests would notice a change: `make mutation`."""
