"""From a worker of pytest-xdist to the controller: results travel with the report of their test."""

from paceline.core.errors import ConfigurationError
from paceline.pytest_plugin.session import PerfSession
from paceline.store.codec import StoredResult, convert, decode, encode, result_of, result_to_plain
from paceline.store.duets import StoredDuets, duets_to_plain


def encoded(session: PerfSession, nodeid: str) -> str:
    """What the test ``nodeid`` measured, as a text that can travel with its report."""
    results = [result_to_plain(each) for each in session.results.get(nodeid, ())]
    names = session.duets.get(nodeid, ())
    duets = StoredDuets(tuple(each for each in session.framework.duets if each.name in names))
    return encode({"results": results, "duets": duets_to_plain(duets)}).decode()


def take_in(session: PerfSession, nodeid: str, travelled: str) -> None:
    """Keep what a worker measured in the test ``nodeid``."""
    source = f"the report of {nodeid}"
    plain = decode(travelled.encode(), dict[str, object], source)
    for stored in convert(plain["results"], tuple[StoredResult, ...], source):
        result = result_of(stored, source)
        try:
            session.claim(result.metrics.test_name, nodeid)
        except ConfigurationError as error:  # measured already: it is kept, and said
            session.notices.append(str(error))
        session.record(nodeid, session.framework.adopt(result))
    for record in convert(plain["duets"], StoredDuets, source).records:
        session.framework.duets.append(record)
        session.record_duet(nodeid, record.name)
