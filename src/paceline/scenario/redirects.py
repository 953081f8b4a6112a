"""Where an answer leads that names another place."""

from paceline.core.errors import ConfigurationError
from paceline.scenario.answer import Answer
from paceline.scenario.encoding import Requests
from paceline.scenario.exchange import Route
from paceline.scenario.failure import RequestFailed

REDIRECT = "redirect"
_MOST_HOPS = 10
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SEE_OTHER = 303
_BECOMES_GET = frozenset({301, 302})
_MOST_SHOWN = 200


def next_route(route: Route, answer: Answer, requests: Requests) -> Route | None:
    """The request that follows ``answer`` to the one of ``route``; None if there is none.

    Raises:
        RequestFailed: it leads to another server, or too far.
    """
    location = answer.headers.get("location") if answer.status in _REDIRECTS else None
    if location is None:
        return None
    if route.hops >= _MOST_HOPS:
        shown = location.partition("?")[0][:_MOST_SHOWN]
        raise RequestFailed(REDIRECT, f"more than {_MOST_HOPS} redirects, the last to {shown}")
    try:
        target = requests.redirected(location, route.target)
    except (ConfigurationError, ValueError) as error:
        raise RequestFailed(REDIRECT, f"a redirect that is not followed: {error}") from error
    method, options = route.method, route.options
    if (answer.status == _SEE_OTHER and method != "HEAD") or (answer.status in _BECOMES_GET and method == "POST"):
        method = "GET"
        options = options.copy()
        options.pop("body", None)
        options.pop("json", None)
        options.pop("form", None)
    return Route(method, target, options, route.hops + 1)
