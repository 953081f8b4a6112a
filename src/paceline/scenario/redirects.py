"""Where an answer leads that names another place."""

from paceline.scenario.answer import Answer
from paceline.scenario.encoding import Requests
from paceline.scenario.exchange import Route
from paceline.scenario.failure import RequestFailed
from paceline.targets.redirects import MOST_HOPS, REDIRECTS, onward
from paceline.wire.failure import REDIRECT, WireError

_MOST_SHOWN = 200


def next_route(route: Route, answer: Answer, requests: Requests) -> Route | None:
    """The request that follows ``answer`` to the one of ``route``; None if there is none.

    Raises:
        RequestFailed: it leads to another server, or too far.
    """
    location = answer.headers.get("location") if answer.status in REDIRECTS else None
    if location is None:
        return None
    if route.hops >= MOST_HOPS:
        shown = location.partition("?")[0][:_MOST_SHOWN]
        raise RequestFailed(REDIRECT, f"more than {MOST_HOPS} redirects, the last to {shown}")
    try:
        method, target, keeps_body = onward(route.method, route.target, answer.status, location, requests.endpoint)
    except WireError as failure:
        raise RequestFailed(failure.kind, failure.message) from failure
    options = route.options
    if not keeps_body:
        options = options.copy()
        options.pop("body", None)
        options.pop("json", None)
        options.pop("form", None)
    return Route(method, target, options, route.hops + 1)
