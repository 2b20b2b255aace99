"""What a log says about the death of its process."""

from runtime.last_words import last_words

TRACEBACK = """2026-01-02 10:00:00,000 arm ERROR died
Traceback (most recent call last):
  File "main.py", line 1, in main
    raise MismatchError("x")
    ^^^^^^^^^
"""


def test_an_empty_log_says_nothing() -> None:
    assert last_words("") == ""


def test_without_an_exception_the_last_line_counts() -> None:
    assert last_words("one\nout of film\n") == "out of film"


def test_the_exception_is_named_without_its_module() -> None:
    assert last_words(TRACEBACK + "package.module.MismatchError: no such arm\n") == (
        "MismatchError: no such arm"
    )


def test_an_exception_without_a_message_is_its_name() -> None:
    assert last_words(TRACEBACK + "KeyboardInterrupt\n") == "KeyboardInterrupt"


def test_a_message_of_many_lines_becomes_one_without_the_advertisement() -> None:
    text = (
        "pydantic_core.ValidationError: 1 validation error for Config\nrate_hz\n"
        "  Input should be less than 200\n    For further information visit https://x\n"
    )
    assert last_words(TRACEBACK + text) == (
        "ValidationError: 1 validation error for Config rate_hz Input should be less than 200"
    )


def test_the_last_of_a_chain_of_exceptions_counts() -> None:
    chain = (
        "OSError: old\n\nThe above exception was the direct cause of the following exception:\n\n"
    )
    assert last_words(TRACEBACK + chain + TRACEBACK + "RuntimeError: new\n") == "RuntimeError: new"


def test_what_goes_wrong_while_tidying_up_is_not_the_cause() -> None:
    text = (
        TRACEBACK
        + "RuntimeError: no OpenGL\nException ignored in: <function Renderer.__del__>\n"
        + 'Traceback (most recent call last):\n  File "r.py"\nAttributeError: no context\n'
    )
    assert last_words(text) == "RuntimeError: no OpenGL"


def test_later_log_lines_are_no_part_of_it() -> None:
    text = TRACEBACK + "RuntimeError: new\n2026-01-02 10:00:01,000 arm INFO bye\n"
    assert last_words(text) == "RuntimeError: new"
