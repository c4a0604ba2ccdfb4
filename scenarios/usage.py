"""Turns what the option parser refuses into one sentence, as everything else that goes wrong."""

from __future__ import annotations

import re
from typing import Any

from scenarios.messages import one_line, sentence
from simulator.errors import AlloclabError, unknown

_COMMAND = re.compile(r"No such command '(.*?)'\.", re.DOTALL)


def is_usage(error: BaseException) -> bool:
    """Whether an exception is the parser's own: typer brings its copy of click or imports it."""
    return callable(getattr(error, "format_message", None))


def asks_for_help(error: BaseException) -> bool:
    """Whether the command was called without anything; its message is then the help text."""
    return type(error).__name__ == "NoArgsIsHelpError"


def refusal(error: Any) -> AlloclabError:
    """The parser's error in our words: the command, the option, what was allowed, the nearest name.

    Parameters
    ----------
    error : a usage error of typer or click

    Returns
    -------
    AlloclabError
    """
    command = getattr(error, "cmd", None)
    name = getattr(command, "name", None) or ""
    where = "" if getattr(command, "commands", None) else name
    option = str(getattr(error, "option_name", None))
    if type(error).__name__ == "NoSuchOption" and command is not None:
        options = [o for p in command.params for o in p.opts if o.startswith("--")]
        return unknown("option", option, [*options, "--help"], where)
    missed = _COMMAND.match(error.message)
    if missed and command is not None:
        return unknown("command", missed[1], command.commands)
    return AlloclabError(one_line(f"{where}: {_what(error)}" if where else _what(error)))


def _what(error: Any) -> str:
    kind, param = type(error).__name__, getattr(error, "param", None)
    if kind == "MissingParameter" and param is not None:
        return f"{_shown(param)} is missing"
    if kind == "BadOptionUsage":
        return f"{error.option_name}: a value must follow"
    if kind == "BadParameter" and param is not None:
        return f"{_shown(param)}: {_reason(error)}"
    text = error.format_message().strip()
    return f"{text[:1].lower()}{text[1:]}".rstrip(".")


def _shown(param: Any) -> str:
    """An option as it is written, an argument as the help shows it."""
    if param.param_type_name == "option":
        return str(max(param.opts, key=len))
    return str(param.metavar or param.name).upper()


def _reason(error: Any) -> str:
    if type(error.__cause__).__name__ == "ValidationError":
        return sentence(error.__cause__)
    return str(error.message).rstrip(".")
