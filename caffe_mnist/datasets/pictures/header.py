"""What a picture file's first bytes say, read before any memory is taken for its pixels.

The kind is told by the content, never by the name. Known are the kinds that both Caffe's own
tools and today's OpenCV read, so that the same files become records.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import NamedTuple

# No camera makes more pixels; their bytes, three for each, are held in memory at once.
MOST_PIXELS = 2**28
# A small file of many pixels is no photograph: a flat JPEG has 57 pixels a byte, a flat PNG 1,000.
MANY_PIXELS, PIXELS_A_BYTE = 50_000_000, 100
# What a header that is cut off, or names places beyond any file, ends in.
UNREADABLE = (struct.error, IndexError, ValueError, OverflowError)
# Progressive JPEGs have about ten scans; every further one costs the time of a whole picture.
MOST_SCANS = 100


class BrokenPictureError(Exception):
    """Why a file becomes no record, in one short line."""


class TooLargeError(BrokenPictureError):
    """A size that only a hostile file has."""


class Header(NamedTuple):
    """The kind of a picture and its sides in pixels, before any turn."""

    kind: str
    width: int
    height: int


def read_header(content: bytes) -> Header:
    """The header of a picture file's bytes.

    Raises BrokenPictureError for what is no picture, a kind that Caffe does not read, a header that
    is cut off, animations, truncated JPEGs, and sizes that only a hostile file has.
    """
    if not content:
        raise BrokenPictureError("an empty file")
    kind = _kind(content)
    try:
        width, height = KINDS[kind][1](content)
    except UNREADABLE:
        raise BrokenPictureError(f"a broken {kind}: its header cannot be read") from None
    if width < 1 or height < 1:
        raise BrokenPictureError(f"a broken {kind}: {width} x {height} pixels")
    _check_pixels(kind, width * height, width, height, len(content))
    return Header(kind, width, height)


def check_size(content: bytes) -> None:
    """Raise TooLargeError for sizes that only a hostile file has; other faults are well."""
    for kind, (pattern, sides) in KINDS.items():
        if pattern.match(content):
            try:
                width, height = sides(content)
            except TooLargeError:
                raise
            except (*UNREADABLE, BrokenPictureError):
                return
            _check_pixels(kind, width * height, width, height, len(content))


def _check_pixels(kind: str, pixels: int, width: int, height: int, size: int) -> None:
    many = pixels > MANY_PIXELS and pixels > PIXELS_A_BYTE * size
    if many or pixels > MOST_PIXELS:
        raise TooLargeError(
            f"too large: a {kind} of {width} x {height} pixels in a file of {size} bytes"
        )


def _kind(content: bytes) -> str:
    """The kind of picture; raises BrokenPictureError for none, and for kinds that are not read."""
    for kind, (pattern, _) in KINDS.items():
        if pattern.match(content):
            return kind
    for kind, pattern in UNREAD.items():
        if pattern.match(content):
            raise BrokenPictureError(
                f"{kind}, which Caffe does not read (JPEG, PNG, BMP, WebP, TIFF)"
            )
    raise BrokenPictureError("no picture")


def _jpeg(content: bytes) -> tuple[int, int]:
    """From the frame header; the scans and the end of the picture are looked for, too."""
    at, size, components, progressive = 2, (0, 0), 0, False
    while True:
        while content[at] == 0xFF and content[at + 1] == 0xFF:
            at += 1  # fill bytes
        if content[at] != 0xFF:
            at = content.index(b"\xff", at)  # libjpeg skips garbage, too
            continue
        marker = content[at + 1]
        if marker == 0xD9:
            raise BrokenPictureError("a broken JPEG: no pixels")
        if marker in (0x00, 0x01) or 0xD0 <= marker <= 0xD8:
            at += 2
            continue
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width, components = struct.unpack_from(">HHB", content, at + 5)
            size, progressive = (width, height), marker in (0xC2, 0xCA)
        if marker == 0xDA:
            break
        at += 2 + int(struct.unpack_from(">H", content, at + 2)[0])
    if content.rfind(b"\xff\xd9", at) < 0:
        raise BrokenPictureError("a truncated JPEG: its end is missing")
    several = progressive or content[at + 4] < components
    if several and content.count(b"\xff\xda", at) > MOST_SCANS:
        raise BrokenPictureError("a JPEG of too many scans")
    return size


def _png(content: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from(">II", content, 16)
    at = 8
    while at + 8 <= len(content):  # OpenCV takes the memory of a chunk before it reads it
        length = int(struct.unpack_from(">I", content, at)[0])
        if length > len(content):
            what = f"a chunk of {length} bytes in a file of {len(content)}"
            raise TooLargeError(f"a broken PNG: {what}")
        at += 12 + length
    return width, height


def _bmp(content: bytes) -> tuple[int, int]:
    if struct.unpack_from("<I", content, 14)[0] == 12:
        width, height = struct.unpack_from("<HH", content, 18)
    else:
        width, height = struct.unpack_from("<ii", content, 18)
    return width, abs(height)


def _webp(content: bytes) -> tuple[int, int]:
    chunk = content[12:16]
    if chunk == b"VP8X":
        if content[20] & 2:
            raise BrokenPictureError("an animated WebP, which Caffe does not read")
        return (
            1 + int.from_bytes(content[24:27], "little"),
            1 + int.from_bytes(content[27:30], "little"),
        )
    if chunk == b"VP8L":
        bits = struct.unpack_from("<I", content, 21)[0]
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack_from("<HH", content, 26)
    return width & 0x3FFF, height & 0x3FFF


def _tiff(content: bytes) -> tuple[int, int]:
    """From the first directory, of classic TIFF or of BigTIFF."""
    order = "<" if content[:1] == b"I" else ">"
    big = struct.unpack_from(order + "H", content, 2)[0] == 43
    start, count, entry = (order + "Q", order + "Q", 20) if big else (order + "I", order + "H", 12)
    at = struct.unpack_from(start, content, 8 if big else 4)[0]
    entries = struct.unpack_from(count, content, at)[0]
    at += struct.calcsize(count)
    found = {}
    for here in range(at, at + entry * min(entries, 4096), entry):
        tag, kind = struct.unpack_from(order + "HH", content, here)
        if tag in (256, 257):
            form = {3: "H", 4: "I", 16: "Q"}[kind] if kind in (3, 4, 16) else "H"
            found[tag] = struct.unpack_from(order + form, content, here + (12 if big else 8))[0]
    return found.get(256, 0), found.get(257, 0)


def _netpbm(content: bytes) -> tuple[int, int]:
    words = re.sub(rb"#[^\n]*\n", b" ", content[2:4096]).split(None, 2)
    return int(words[0]), int(words[1])


def _pam(content: bytes) -> tuple[int, int]:
    head = content[:4096]
    width, height = (re.search(rb"\n\s*" + name + rb"\s+(\d+)", head) for name in SIDES)
    if width is None or height is None:
        raise ValueError("no size")
    return int(width[1]), int(height[1])


def _pfm(content: bytes) -> tuple[int, int]:
    words = content[2:256].split(None, 2)
    return int(words[0]), int(words[1])


def _sun(content: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from(">II", content, 4)
    return width, height


def _hdr(content: bytes) -> tuple[int, int]:
    found = re.search(rb"\n[-+]Y (\d+) [-+]X (\d+)\n", content[:65536])
    if found is None:
        raise ValueError("no size")
    return int(found[2]), int(found[1])


def _jpeg_2000(content: bytes) -> tuple[int, int]:
    at = content.index(b"\xff\x4f\xff\x51") + 8
    right, bottom, left, top = struct.unpack_from(">IIII", content, at)
    return right - left, bottom - top


SIDES = (b"WIDTH", b"HEIGHT")

KINDS: dict[str, tuple[re.Pattern[bytes], Callable[[bytes], tuple[int, int]]]] = {
    "JPEG": (re.compile(rb"\xff\xd8\xff"), _jpeg),
    "PNG": (re.compile(rb"\x89PNG\r\n\x1a\n"), _png),
    "WebP": (re.compile(rb"RIFF....WEBP", re.DOTALL), _webp),
    "TIFF": (re.compile(rb"II[\x2a\x2b]\0|MM\0[\x2a\x2b]"), _tiff),
    "BMP": (re.compile(rb"BM.{12}[\x0c-\x7c]\0\0\0", re.DOTALL), _bmp),
    "PNM": (re.compile(rb"P[1-6]\s"), _netpbm),
    "PAM": (re.compile(rb"P7\s"), _pam),
    "PFM": (re.compile(rb"P[Ff]\s"), _pfm),
    "JPEG 2000": (re.compile(rb"\0\0\0\x0cjP  \r\n|\xff\x4f\xff\x51"), _jpeg_2000),
    "Sun raster": (re.compile(rb"\x59\xa6\x6a\x95"), _sun),
    "HDR": (re.compile(rb"#\?(RADIANCE|RGBE)"), _hdr),
}

UNREAD = {
    "a GIF": re.compile(rb"GIF8[79]a"),
    "an AVIF or HEIC": re.compile(rb"....ftyp(avi|hei|mif|msf|hev)", re.DOTALL),
    "a JPEG XL": re.compile(rb"\xff\x0a|\0\0\0\x0cJXL "),
    "an icon": re.compile(rb"\0\0\x01\0"),
    "an SVG": re.compile(rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)?<svg", re.DOTALL),
    "a PSD": re.compile(rb"8BPS"),
    "a PDF": re.compile(rb"%PDF"),
}
