"""Scenarios: virtual users as coroutine functions, and the client they send requests with."""
