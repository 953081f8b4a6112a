"""The counters of a cache's server at one moment, and what became of them until another."""

from dataclasses import dataclass

from paceline.records.cache import CacheServer


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The server's counters at one moment, by the names of INFO."""

    information: dict[str, str]
    database: int

    def number(self, name: str) -> int:
        """A counter; 0 where the server does not tell."""
        text = self.information.get(name, "")
        return int(text) if text.isdecimal() else 0

    @property
    def keys(self) -> int:
        """In the database."""
        fields = self.information.get(f"db{self.database}", "")
        found = [text.removeprefix("keys=") for text in fields.split(",") if text.startswith("keys=")]
        return int(found[0]) if found and found[0].isdecimal() else 0

    @property
    def keys_everywhere(self) -> int:
        """In all databases."""
        named = (name for name in self.information if name.startswith("db") and name[2:].isdecimal())
        return sum(Snapshot(self.information, int(name[2:])).keys for name in named)

    @property
    def name(self) -> str:
        """Product and version."""
        information = self.information
        product = information.get("server_name", "redis")
        version = information.get(f"{product}_version") or information.get("redis_version", "")
        return f"{product} {version}".strip()

    @property
    def is_cluster(self) -> bool:
        """Whether it is part of one."""
        return self.information.get("cluster_enabled") == "1"

    @property
    def is_read_only(self) -> bool:
        """Whether it is a replica that takes no writes."""
        return self.information.get("role") == "slave" and self.information.get("slave_read_only") == "1"


def between(before: Snapshot, after: Snapshot) -> CacheServer:
    """What happened from one to the other."""
    restarted = before.information.get("run_id") != after.information.get("run_id")

    def rise(name: str) -> int:
        # A counter that began anew, by a restart or CONFIG RESETSTAT, has risen by what it shows.
        began, ended = before.number(name), after.number(name)
        return ended if restarted or ended < began else ended - began

    return CacheServer(
        name=after.name,
        policy=after.information.get("maxmemory_policy", ""),
        evicted=rise("evicted_keys"),
        expired=rise("expired_keys"),
        commands=rise("total_commands_processed"),
        memory_before_bytes=before.number("used_memory"),
        memory_after_bytes=after.number("used_memory"),
        most_memory_bytes=after.number("maxmemory"),
        keys_before=before.keys,
        keys_after=after.keys,
        restarted=restarted,
    )
