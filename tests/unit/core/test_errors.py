import pytest

from paceline.core import errors


@pytest.mark.parametrize(
    ("error", "parents"),
    [
        (errors.ConfigurationError, (errors.PacelineError, ValueError)),
        (errors.MeasurementError, (errors.PacelineError, RuntimeError)),
        (errors.FileFormatError, (errors.PacelineError, ValueError)),
        (errors.BaselineError, (errors.FileFormatError,)),
        (errors.OutputError, (errors.PacelineError, OSError)),
    ],
)
def test_each_error_is_caught_by_its_own_name_and_by_the_builtin_it_is_like(
    error: type[Exception], parents: tuple[type[Exception], ...]
) -> None:
    for parent in parents:
        with pytest.raises(parent, match="what to do"):
            raise error("what to do")


def test_a_warning_is_no_error() -> None:
    assert issubclass(errors.PacelineWarning, UserWarning)
    assert not issubclass(errors.PacelineWarning, errors.PacelineError)
