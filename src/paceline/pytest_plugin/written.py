"""``perf(total([1, 2]))`` measures nothing: what was written, and what was meant."""

import ast
import linecache
from types import FrameType

_IN_GENERAL = "perf(function, argument)"


def meant_by(frame: FrameType) -> str:
    """The call that ``frame`` is in, with the function it was to measure in place of what that returned.

    ``perf(sum, [1, 2])`` for ``perf(sum([1, 2]))``; in general terms where the source does not say, or says otherwise.
    """
    try:
        call = ast.parse(_source(frame), mode="eval").body
    except (SyntaxError, ValueError):
        return _IN_GENERAL
    if not isinstance(call, ast.Call) or len(call.args) != 1 or not isinstance(call.args[0], ast.Call):
        return _IN_GENERAL
    inner = call.args[0]
    if inner.keywords or any(isinstance(each, ast.Starred) for each in inner.args):
        call.args = [ast.Lambda(ast.arguments([], [], None, [], [], None, []), inner)]
    else:
        call.args = [inner.func, *inner.args]
    return ast.unparse(call)


def _source(frame: FrameType) -> str:
    """What stands where ``frame`` is; empty where its code or file does not tell."""
    places = list(frame.f_code.co_positions())
    first, last, start, end = places[frame.f_lasti // 2]
    if first is None or last is None or start is None or end is None:
        return ""
    lines = linecache.getlines(frame.f_code.co_filename, frame.f_globals)[first - 1 : last]
    if not lines:
        return ""
    # Columns are bytes of UTF-8. The end first: it may be in the line that the start is cut from.
    lines[-1] = lines[-1].encode()[:end].decode(errors="replace")
    lines[0] = lines[0].encode()[start:].decode(errors="replace")
    return "".join(lines)
