"""What every request or sample goes through, as functions for duets of Paceline's own revisions:

paceline duet main --call bench/hot_paths.py:form_request --call bench/hot_paths.py:histogram_of_samples
"""

import random

import numpy as np

from paceline.records.histogram import Histogram
from paceline.store.codec import decode, encode
from paceline.targets.http import HttpTarget

_SAMPLES = np.array([int(random.Random(1).lognormvariate(12, 1)) for _ in range(20_000)], dtype=np.int64)
_FIELDS = {"name": "Ann Example", "street": "1 High Street", "city": "Springfield", "note": "ring twice"}
_HEADERS = {"Accept": "application/json", "X-Request-Id": "0123456789abcdef", "Accept-Language": "en"}
_HISTOGRAM = encode(Histogram.of(_SAMPLES))
_URL = "http://127.0.0.1:8000/orders"


def plain_request() -> object:
    """A GET as users write it."""
    return HttpTarget(_URL)


def form_request() -> object:
    """A form as users write it."""
    return HttpTarget(_URL, "POST", form=_FIELDS)


def request_with_headers() -> object:
    """Three headers as users write them."""
    return HttpTarget(_URL, headers=_HEADERS)


def histogram_of_samples() -> object:
    """Twenty thousand samples folded."""
    return Histogram.of(_SAMPLES)


def histogram_read() -> object:
    """A histogram from its JSON."""
    return decode(_HISTOGRAM, Histogram, "bench")
