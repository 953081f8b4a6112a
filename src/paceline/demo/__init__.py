"""A real service, database and cache to try the framework on, and a tour of measurements over them.

Needs the extra ``paceline[demo]``; nothing outside this package does.
"""
