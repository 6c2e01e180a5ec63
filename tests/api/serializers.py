"""For schemathesis: bodies that are no JSON are sent as the bytes it makes up."""

from __future__ import annotations

import schemathesis

schemathesis.serializer.alias("application/x-tar", "application/octet-stream")
schemathesis.serializer.alias("application/x-ndjson", "application/octet-stream")
