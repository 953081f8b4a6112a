"""The command ``paceline``, in a process of its own to be killed, and with less patience for what falls silent."""

from paceline.cli.main import main
from paceline.engine import legs

SILENT_S = 5.0

if __name__ == "__main__":
    legs._SILENT_S = SILENT_S
    legs._LOOK_S = 0.2
    main()
