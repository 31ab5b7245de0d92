"""The `imagejobs` command.

Reads the environment, and imports a command only when it is asked for: `--version` answers within 100 ms.
"""

import os
from importlib import import_module

import click

COMMANDS = {
    "local": "Run everything on this machine.",
    "resize": "Resize pictures at a server, and save the results.",
}


class LazyGroup(click.Group):
    """A group of commands: the command `name` is `imagejobs.commands.<name>.<name>`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"imagejobs.commands.{cmd_name}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="imagejobs", message="%(package)s %(version)s")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Send images, get durable jobs."""
    ctx.obj = dict(os.environ)


def main() -> None:
    """Run the command line."""
    cli(prog_name="imagejobs")


if __name__ == "__main__":
    main()
