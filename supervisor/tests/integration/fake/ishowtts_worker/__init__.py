"""Stands in the place of the real package: a worker that misbehaves on purpose."""
