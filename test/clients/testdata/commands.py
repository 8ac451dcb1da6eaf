"""Prints the commands of the installed clients with the options of each."""
import argparse
import importlib.metadata
import json

from magnumclient import shell

commands = {}


def note(name, actions):
    commands[name] = [a.option_strings[-1] for a in actions
                      if a.option_strings and a.help != argparse.SUPPRESS and a.dest != "help"]


for entry in importlib.metadata.entry_points(group="openstack.container_infra.v1"):
    parser = entry.load()(None, None).get_parser("")
    shown = {a for g in parser._action_groups if "formatter" in (g.title or "").lower() for a in g._group_actions}
    note("openstack " + entry.name.replace("_", " "), [a for a in parser._actions if a not in shown])

magnum = shell.OpenStackMagnumShell()
magnum.get_subcommand_parser("1")
for name, parser in magnum.subcommands.items():
    if name != "bash_completion":  # the same as bash-completion
        note("magnum " + name, parser._actions)

print(json.dumps(commands))
