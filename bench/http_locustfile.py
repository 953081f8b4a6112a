"""Locust's fast user, doing nothing but asking: for ``.venv-locust``, where alone Locust is installed."""

from locust import FastHttpUser, task  # type: ignore[import-not-found,unused-ignore]


class Asking(FastHttpUser):  # type: ignore[misc,unused-ignore]
    """Asks again as soon as it was answered."""

    @task  # type: ignore[untyped-decorator,unused-ignore]
    def ask(self) -> None:
        """One GET."""
        self.client.get("/")
