"""The base class of a command: words in, and an error that helps."""

import inspect

import gdb


class Command(gdb.Command):
    """One command. `help` prints the docstring, `help baton` its first line.
    `run` gets the words that were typed after the name."""

    name = ""

    def __init__(self):
        super().__init__(self.name, gdb.COMMAND_USER, gdb.COMPLETE_EXPRESSION)

    def invoke(self, argument: str, from_tty: bool) -> None:
        words = gdb.string_to_argv(argument)
        try:
            inspect.signature(self.run).bind(*words)
        except TypeError:
            raise gdb.GdbError(f"usage: {self._usage()}")
        try:
            self.run(*words)
        except gdb.MemoryError as error:
            raise gdb.GdbError(f"{self.name}: {error} (is the kernel mapped "
                               "at this moment?)")
        except gdb.error as error:
            raise gdb.GdbError(f"{self.name}: {error}")

    def _usage(self) -> str:
        """The third line of the docstring, by convention."""
        return self.__doc__.splitlines()[2]


class Overview(Command):
    """Made by install().

    baton"""

    name = "baton"

    def run(self) -> None:
        print(self.__doc__)


def install(commands: list[type[Command]]) -> None:
    """Register them with GDB and with `help baton`."""
    lines = []
    for command in commands:
        command.__doc__ = _clean(command.__doc__)
        lines.append(f"  {command.name:17}{command.__doc__.splitlines()[0]}")
        command()
    Overview.__doc__ = "\n".join([
        "Baton's commands; `help COMMAND` explains each.", "", *lines])
    Overview()


def _clean(text: str) -> str:
    """A docstring without its indentation."""
    first, *rest = text.strip().splitlines()
    return "\n".join([first, *(line.removeprefix("    ") for line in rest)])
