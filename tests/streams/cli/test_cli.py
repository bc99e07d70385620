"""The command line as a whole: every command is listed, explained, and ends with the right code."""

import socket
import subprocess
import sys
import threading
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from streams.cli import COMMANDS, headgate, main
from streams.settings.variables import BOOTSTRAP_VARIABLE

MODULES = Path(__file__).parents[3] / "streams" / "cli"


def exit_code(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> object:
    """Run the program with `arguments` and return what it leaves with."""
    monkeypatch.setattr(sys, "argv", ["headgate", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


def leaves(command: click.Command, path: str) -> list[tuple[str, click.Command]]:
    """Return the commands that do something, each with its full name."""
    if not isinstance(command, click.Group):
        return [(path, command)]
    context = click.Context(command)
    subcommands = [
        (name, command.get_command(context, name)) for name in command.list_commands(context)
    ]
    return [leaf for name, sub in subcommands if sub for leaf in leaves(sub, f"{path} {name}")]


def test_every_command_module_is_in_the_table() -> None:
    """A module that was forgotten in the table would be a command that nobody can call."""
    modules = {path.stem for path in MODULES.glob("*.py")} - {"__init__", "options"}
    assert modules == set(COMMANDS)


def test_the_table_says_of_each_command_what_it_says_of_itself() -> None:
    """The help of all is printed without importing any."""
    context = click.Context(headgate)
    commands = {name: headgate.get_command(context, name) for name in COMMANDS}
    own = {name: command.get_short_help_str(300) for name, command in commands.items() if command}
    assert own == COMMANDS


@pytest.mark.parametrize("name", ["audit", "config", "register", "suspensions"])
def test_no_sentence_of_a_list_of_commands_is_cut(name: str) -> None:
    """At the width of any terminal: what is cut off is the code or the condition."""
    listed = CliRunner().invoke(headgate, [name, "--help"]).output.partition("Commands:")[2]
    assert listed
    assert "..." not in listed


def test_what_is_not_asked_for_is_not_imported() -> None:
    """Help comes at once: Kafka's clients, Faust and River take longer than all it has to say."""
    program = (
        "import sys; from click.testing import CliRunner; from streams.cli import headgate; "
        "print(CliRunner().invoke(headgate, ['--help']).output); "
        "print(sorted({'aiokafka', 'faust', 'kafka', 'numpy', 'river'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "Judge recorded events and print the alerts." in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def test_every_command_explains_itself_by_an_example() -> None:
    """Help without an example is a list of options."""
    lacking = [
        name
        for name, command in leaves(headgate, "headgate")
        if "Example" not in CliRunner().invoke(command, ["--help"]).output
    ]
    assert lacking == []


def test_wrong_usage_ends_with_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the shell's own commands do."""
    assert exit_code(monkeypatch, "broker", "--port", "many") == 2


def test_a_wrong_configuration_ends_with_two_and_names_the_key(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A script can tell a mistake in the file from a failure."""
    path = tmp_path / "headgate.toml"
    path.write_text("[kafka]\npartitons = 4\n")
    events = tmp_path / "events.jsonl"
    events.touch()
    assert exit_code(monkeypatch, "replay", str(events), "--config", str(path)) == 2
    assert "kafka.partitons" in capsys.readouterr().err


def test_a_failure_ends_with_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The sentence says what happened, without a trace of the program."""
    # Else the command's own handlers of signals would stay with the process that runs the tests.
    monkeypatch.setattr("streams.cli.broker._end_on_signals", threading.Event)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        assert exit_code(monkeypatch, "broker", "--port", port) == 1
    sentence = f"headgate: port {port} on 127.0.0.1 is taken; choose another, or 0 for a free one\n"
    assert capsys.readouterr().err == sentence


@pytest.mark.parametrize(
    "command",
    [
        "audit export",
        "audit verify",
        "config pushed",
        "feedback a-17 confirmed",
        "register show north",
        "suspensions list",
    ],
)
def test_where_kafka_is_away_it_is_said_in_one_sentence(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not as a trace of the program."""
    monkeypatch.setenv(BOOTSTRAP_VARIABLE, "127.0.0.1:1")
    assert exit_code(monkeypatch, *command.split()) == 1
    err = capsys.readouterr().err
    assert err.startswith("headgate: no Kafka at 127.0.0.1:1: ")
    assert err.count("\n") == 1


def test_the_version_is_the_distributions() -> None:
    """`headgate --version` says which distribution this is."""
    result = CliRunner().invoke(headgate, ["--version"])
    assert result.output.startswith("headgate, version 0.1.0")
