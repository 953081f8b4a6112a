"""Drop-in for pytest-benchmark: the fixture ``benchmark``, its marker, ``--benchmark-*`` and ``.benchmarks/``.

Where pytest-benchmark is installed all of it steps aside.
"""
