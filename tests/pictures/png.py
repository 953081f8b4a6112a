"""Screenshots as small PNG files: a page has few colours, and a palette of 256 shows them all."""

import struct
import zlib
from base64 import b64decode, b64encode

import numpy as np
from numpy.typing import NDArray

from tests.functional.chromium import Page

_MOST_COLOURS = 256
_ROUNDS = 4  # of k-means: from the most frequent colours on, more of them change nothing that is seen

# The browser has a decoder of PNG; what it gives is RGBA, row by row.
_PIXELS = """
async (png) => {
  const image = await createImageBitmap(await (await fetch('data:image/png;base64,' + png)).blob());
  const { width, height } = image, context = new OffscreenCanvas(width, height).getContext('2d');
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, width, height);
  const parts = [];
  for (let at = 0; at < data.length; at += 30000) parts.push(String.fromCharCode(...data.subarray(at, at + 30000)));
  return [width, height, btoa(parts.join(''))];
}
"""


def with_palette(png: bytes, blank: Page) -> bytes:
    """The same picture in at most 256 colours.

    Args:
        png: a screenshot.
        blank: a page to decode it in.
    """
    width, height, encoded = blank.evaluate(_PIXELS, b64encode(png).decode())
    pixels = np.frombuffer(b64decode(encoded), dtype=np.uint8).reshape(height, width, 4)[:, :, :3]
    palette, places = _quantised(pixels.reshape(-1, 3))
    rows = np.zeros((height, width + 1), dtype=np.uint8)  # each begins with its filter: none
    rows[:, 1:] = places.reshape(height, width)
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    chunks = (
        (b"IHDR", header), (b"PLTE", palette.tobytes()), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b"")
    )  # fmt: skip
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*each) for each in chunks)


def _quantised(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A palette, and the place in it of each pixel: k-means over the colours, each by its weight."""
    packed = pixels.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], dtype=np.uint32)
    known, place_of, counts = np.unique(packed, return_inverse=True, return_counts=True)
    colours = np.stack([known >> 16, known >> 8 & 255, known & 255], axis=1).astype(np.uint8)
    centres = colours[np.argsort(-counts, kind="stable")[:_MOST_COLOURS]].astype(np.float64)
    nearest = _nearest(colours, centres)
    for _ in range(_ROUNDS if len(colours) > _MOST_COLOURS else 0):
        weights = np.bincount(nearest, counts, minlength=len(centres))
        sums = np.stack([np.bincount(nearest, counts * each, minlength=len(centres)) for each in colours.T], axis=1)
        centres = np.where(weights[:, None] > 0, sums / np.maximum(weights, 1)[:, None], centres)
        nearest = _nearest(colours, centres)
    return np.rint(centres).astype(np.uint8), nearest[place_of.reshape(-1)].astype(np.uint8)


def _nearest(colours: NDArray[np.uint8], centres: NDArray[np.float64]) -> NDArray[np.intp]:
    # |a - b|^2 without |a|^2, which is the same for all b; so no table of colours x centres x channels is made.
    distances = np.sum(centres**2, axis=1)[None, :] - 2 * colours.astype(np.float64) @ centres.T
    places: NDArray[np.intp] = np.argmin(distances, axis=1)
    return places


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
