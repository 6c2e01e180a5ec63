"""Media types by file name extension: a table of our own, so that every machine answers alike."""

from __future__ import annotations

import re

UNKNOWN = "application/octet-stream"

_TYPES = """
text/html                         html htm
text/css                          css
text/javascript                   js mjs cjs
text/plain                        txt text log conf cfg ini diff patch sh bash py rb pl rs go c h cc cpp hpp
java kt text/plain                        ts tsx jsx sql lua swift cs php tex rst asc adoc org nfo lock
text/markdown                     md markdown
text/csv                          csv
text/tab-separated-values         tsv
text/calendar                     ics ifb
text/vcard                        vcf vcard
text/vtt                          vtt
text/n3                           n3
text/turtle                       ttl
text/troff                        man roff
application/json                  json map webapp
application/geo+json              geojson
application/ld+json               jsonld
application/manifest+json         webmanifest
application/schema+json           jsonschema
application/jsonl                 jsonl ndjson
application/yaml                  yaml yml
application/toml                  toml
application/xml                   xml xsd xsl dtd
application/xslt+xml              xslt
application/xhtml+xml             xhtml xht
application/rss+xml               rss
application/atom+xml              atom
application/opensearchdescription+xml  osdx
application/gpx+xml               gpx
application/vnd.google-earth.kml+xml   kml
application/vnd.google-earth.kmz  kmz
application/wasm                  wasm
application/pdf                   pdf
application/postscript            ps eps ai
application/rtf                   rtf
application/epub+zip              epub
application/x-mobipocket-ebook    mobi
image/svg+xml                     svg
image/png                         png
image/apng                        apng
image/jpeg                        jpg jpeg jpe jfif
image/gif                         gif
image/webp                        webp
image/avif                        avif
image/heic                        heic
image/heif                        heif
image/jxl                         jxl
image/bmp                         bmp dib
image/tiff                        tif tiff
image/vnd.microsoft.icon          ico cur
image/vnd.adobe.photoshop         psd
image/vnd.dxf                     dxf
image/x-portable-pixmap           ppm
font/woff                         woff
font/woff2                        woff2
font/ttf                          ttf
font/otf                          otf
font/collection                   ttc
application/vnd.ms-fontobject     eot
audio/mpeg                        mp3
audio/ogg                         ogg oga opus spx
audio/wav                         wav
audio/flac                        flac
audio/aac                         aac
audio/mp4                         m4a m4b
audio/midi                        mid midi
audio/aiff                        aif aiff
audio/webm                        weba
audio/mpegurl                     m3u
application/vnd.apple.mpegurl     m3u8
application/dash+xml              mpd
video/mp4                         mp4 m4v
video/webm                        webm
video/ogg                         ogv
video/quicktime                   mov qt
video/x-msvideo                   avi
video/matroska                    mkv
video/mpeg                        mpeg mpg
video/mp2t                        m2ts mts
video/3gpp                        3gp
application/zip                   zip
application/gzip                  gz tgz svgz
application/zstd                  zst tzst
application/x-bzip2               bz2 tbz2 tbz
application/x-xz                  xz txz
application/x-lzma                lzma
application/x-lz4                 lz4
application/x-brotli              br
application/x-7z-compressed       7z
application/x-tar                 tar
application/vnd.rar               rar
application/x-iso9660-image       iso
application/x-apple-diskimage     dmg
application/vnd.debian.binary-package  deb
application/x-rpm                 rpm
application/java-archive          jar war
application/vnd.android.package-archive  apk
application/x-msdownload          exe dll
application/x-msi                 msi
application/vnd.sqlite3           sqlite sqlite3 db
application/vnd.apache.parquet    parquet
application/msword                doc dot
application/vnd.ms-excel          xls xlt
application/vnd.ms-powerpoint     ppt pps
application/vnd.openxmlformats-officedocument.wordprocessingml.document    docx
application/vnd.openxmlformats-officedocument.spreadsheetml.sheet          xlsx
application/vnd.openxmlformats-officedocument.presentationml.presentation  pptx
application/vnd.oasis.opendocument.text          odt
application/vnd.oasis.opendocument.spreadsheet   ods
application/vnd.oasis.opendocument.presentation  odp
application/vnd.oasis.opendocument.graphics      odg
application/vnd.visio             vsd
message/rfc822                    eml
application/mbox                  mbox
application/pgp-signature         sig
application/pgp-keys              pgp
application/pem-certificate-chain pem
application/pkix-cert             cer crt
application/pkcs10                csr
application/x-x509-user-cert      p7c
application/x-bittorrent          torrent
application/x-shockwave-flash     swf
application/sparql-query          rq
model/gltf+json                   gltf
model/gltf-binary                 glb
model/stl                         stl
model/obj                         obj
model/mtl                         mtl
model/3mf                         3mf
model/vnd.usdz+zip                usdz
"""

_NAMES = {
    **dict.fromkeys(("readme", "license", "licence", "copying", "changelog", "makefile"), "text/plain"),
    "apple-app-site-association": "application/json",  # iOS reads it only with this type
}
"""Files that are known by a whole name without an extension, in lower case."""


def _with_charset(media_type: str) -> str:
    """Text is UTF-8 here. XML and JSON say or imply it themselves (RFC 7303, 3; RFC 8259, 8.1)."""
    return f"{media_type}; charset=utf-8" if media_type.startswith("text/") else media_type


_BY_EXTENSION = {
    extension: _with_charset(media_type)
    for media_type, *extensions in (line.split() for line in _TYPES.strip().splitlines())
    for extension in extensions
}
_BY_NAME = {name: _with_charset(media_type) for name, media_type in _NAMES.items()}


_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,100}/[A-Za-z0-9!#$&^_.+-]{1,100}(?:;[ -~]{0,100})?")
_SAYS_NOTHING = (
    "application/octet-stream",
    "application/x-www-form-urlencoded",
    "binary/octet-stream",
    "multipart/",
)
"""Types that programs send for want of a better one."""


def media_type(name: str) -> str:
    """The Content-Type for a file of that name; application/octet-stream when nothing is known of it.

    Only the last extension counts, without case: 'x.tar.gz' is gzip, since nobody is asked to decode it. A
    leading dot begins no extension.
    """
    stem, dot, extension = name.rpartition(".")
    if dot and stem:
        return _BY_EXTENSION.get(extension.lower(), UNKNOWN)
    return _BY_NAME.get(name.lower(), UNKNOWN)


def worth_keeping(header: str | None, name: str) -> str | None:
    """What is worth keeping of a Content-Type that came with a file: nothing that says no more than its name does."""
    if header is None or not _MEDIA_TYPE.fullmatch(header) or header.lower().startswith(_SAYS_NOTHING):
        return None
    same = _essence(header) == _essence(media_type(name))
    return None if same else header


def _essence(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()
