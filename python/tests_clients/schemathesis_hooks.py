"""What schemathesis does not know by itself."""

import schemathesis


@schemathesis.serializer("application/epub+zip")
def book(_ctx: object, value: object) -> bytes:
    """A book is bytes, and those that are none are refused as such."""
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")
