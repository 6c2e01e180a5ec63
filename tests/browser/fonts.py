"""A font made for the tests: its A is three em wide and nearly one em high, and it has no other letter."""

from __future__ import annotations

import zlib
from base64 import b64decode

WIDE_TTF = zlib.decompress(
    b64decode(
        "eNpjYGRgYOBiaGBgZlDwD9Y3crRwi2ZgYNQAiiYk5yYWMPAwTAHyJwD5Juk5lWka0q5AJuMZICGRkZqYYinTfQPIXgPEZhlA"
        "AX477nAg+wkQq2TkllTwgmQYGDuABEdOfnIi0DwQ/wiQYMtNrChgYGFgA/I5gHyFvMTcVHfbgjwgH6Q/vCC/uAToLiBgsgHJ"
        "M4DcCsQztEuvxPPbfGVgZn4Bkn2urrwLmebewdwCpJgZmBggAKiHueX/HJAMRB5sEjJgAoswAV3DCOWjA2a2a8BQYAWqIAxQ"
        "TLcHAiDlCIS4gAJQyxeY68B2g3wtAiQZwTQLSAWQhLjO8f9/CPn/AJJNPDB7wb4H6jcUVBQEsf/UgPWaQdUygn0A8yU7kAe0"
        "hYUTKMLBwA1lMzHwMQiHZ6akBqWml+YkFjGEM2QypDCkMgQBcTpDKUMOQyJDEcSVeAAAdU1FlQ=="
    )
)
