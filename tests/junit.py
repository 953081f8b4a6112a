"""JUnit files by their schema, which takes longer to read than most tests: it is read once, where it is needed."""

import functools
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xmlschema


def validate(source: Path | str) -> None:
    """Raise unless the file, or the text of one, is valid."""
    _schema().validate(source)


@functools.cache
def _schema() -> "xmlschema.XMLSchema":
    import xmlschema

    return xmlschema.XMLSchema(Path(__file__).parent / "data" / "junit.xsd")
