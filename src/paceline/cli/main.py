"""The command ``paceline``: its commands, each loaded when it is used, and what every way out looks like."""

import signal
import sys
from importlib import import_module
from types import FrameType

import click

import paceline
from paceline.core.errors import ConfigurationError, FileFormatError, OutputError, PacelineError
from paceline.core.redaction import redact

# By name, for two reasons: a command is imported when it is used, and the demo lives above this layer.
_COMMANDS = {
    "demo": ("paceline.demo.command", "Measure a real API, database and cache; write a report."),
    "call": ("paceline.cli.call", "Benchmark a Python callable."),
    "http": ("paceline.cli.http", "Load an HTTP endpoint."),
    "sql": ("paceline.cli.sql", "Measure statements on a database."),
    "cache": ("paceline.cli.cache", "Load a Redis or Valkey server."),
    "run": ("paceline.cli.run", "Let virtual users go through the scenarios of a Python file."),
    "capacity": ("paceline.cli.capacity", "How much load keeps the SLA? The highest rate, with its interval."),
    "history": ("paceline.cli.history", "Keep sessions over months, find where a test became slower."),
    "duet": ("paceline.cli.duet", "Did it get slower? Base and candidate side by side, on this machine."),
    "doctor": ("paceline.cli.doctor", "Is this machine fit to measure on?"),
    "compare": ("paceline.cli.compare", "Did it get slower? Two files of results, test by test."),
    "baseline": ("paceline.cli.baseline", "Look into a baseline, or move its reference."),
    "report": ("paceline.cli.report", "Show a results file, or the journal of a run that was cut off."),
}


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is used: ``--help`` must not wait for all of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands, in the order of a first acquaintance."""
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, for use; None if there is none of that name."""
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        command = import_module(_COMMANDS[cmd_name][0]).command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list for ``--help``, without importing the commands."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(paceline.__version__, prog_name="paceline")
def cli() -> None:
    """Performance tests you can trust, from one function call to a fleet.

    \b
    paceline demo                               see it work
    paceline call mypackage.queries:get_record  measure a function of yours
    paceline http http://localhost:8000/        load a service of yours
    """  # noqa: D301  # \b is the character that keeps click from joining the lines


def main() -> None:
    """Run the command line and end the process with its exit code."""
    from paceline.cli.exit_codes import ExitCode

    signal.signal(signal.SIGTERM, _as_interrupt)
    debug = "--debug" in sys.argv
    try:
        code = cli.main(standalone_mode=False)
    except click.exceptions.Exit as stop:
        code = stop.exit_code
    except click.ClickException as error:
        error.show()
        code = ExitCode.USAGE
    except (KeyboardInterrupt, click.Abort):
        code = _complain("interrupted", ExitCode.INTERRUPTED, debug=debug)
    except (ConfigurationError, FileFormatError, OutputError) as error:
        code = _complain(str(error), ExitCode.USAGE, debug=debug)
    except PacelineError as error:
        code = _complain(str(error), ExitCode.COULD_NOT_RUN, debug=debug)
    except Exception as error:  # noqa: BLE001  # a terminal sees a sentence, also of what we did not think of
        text = f"unexpected {type(error).__name__}: {error}; this is a defect, --debug shows where"
        code = _complain(text, ExitCode.COULD_NOT_RUN, debug=debug)
    sys.exit(code)


def _complain(text: str, code: int, *, debug: bool) -> int:
    if debug:
        import traceback

        click.echo(redact(traceback.format_exc()), err=True)
    try:
        from paceline.report.layout import printable
    except Exception:  # noqa: BLE001  # it may be what is broken, and the complaint is not to be lost in another
        shown = ascii(redact(text))[1:-1]
    else:
        shown = printable(redact(text))
    click.echo(f"paceline: {shown}", err=True)
    return code


def _as_interrupt(signum: int, frame: FrameType | None) -> None:
    """SIGTERM takes the way of Ctrl-C: what was measured is saved and shown."""
    del signum, frame
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as the shell sets it for a job in the background
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.raise_signal(signal.SIGINT)


if __name__ == "__main__":
    main()
