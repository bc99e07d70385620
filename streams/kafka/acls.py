"""Who may do what with which topic, as a script for Kafka's own tool.

One principal a role. What nobody is allowed, Kafka refuses once it has an authorizer and
`allow.everyone.if.no.acl.found=false`.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import Struct

from streams.kafka import topics

RAW: Final = "raw."
_PREFIXED: Final = " --resource-pattern-type prefixed"


class Role(Struct, frozen=True, kw_only=True):
    """One kind of client; topics by their short names, `raw.` stands for every foreign format."""

    name: str
    what: str
    writes: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    transactional_id: str | None = None


_ALL: Final = tuple(topic.name for topic in topics.TOPICS)

ROLES: Final = (
    Role(
        name="platform",
        what="sends what was taken, and can read nothing of what we think of it",
        writes=(topics.ACCESS_EVENTS.name, RAW),
    ),
    Role(
        name="worker",
        what="judges, and records what follows",
        writes=tuple(name for name in _ALL if name != topics.DECISIONS.name),
        reads=(*(name for name in _ALL if name != topics.DEAD_LETTERS.name), RAW),
        # It refuses topics that would lose what it relies on.
        checks=(*_ALL, RAW),
        groups=("worker",),
        transactional_id="recorder",
    ),
    Role(
        name="hook",
        what="tells the platform who is suspended",
        reads=(topics.SUSPENSIONS.name,),
        groups=("hook",),
    ),
    Role(
        name="committee",
        what="people: they decide, and what they decide the worker carries out",
        writes=(topics.DECISIONS.name,),
        reads=tuple(name for name in _ALL if name != topics.STATE.name),
    ),
    Role(
        name="siem",
        what="reads alerts and suspensions",
        reads=(topics.ALERTS.name, topics.SUSPENSIONS.name),
        groups=("siem",),
    ),
)

_HEAD: Final = """\
#!/bin/sh
# Who may do what with which topic. Generated from streams/kafka/acls.py by
# `python -m streams.settings.reference_pages`.
#
#   BOOTSTRAP=kafka:9093 ADMIN=admin.properties sh acls.sh
#
# Principals and the topics' prefix are variables; kafka-acls is Kafka's own tool. Run it again at
# will: what is there stays as it is.
set -eu
: "${BOOTSTRAP:?address of the cluster}" "${ADMIN:?client properties of an administrator}"
PREFIX="${PREFIX:-headgate}"
"""
_ALLOW: Final = """
allow() {
    kafka-acls --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN" --add --force "$@"
}
"""


def script() -> str:
    """Return the script."""
    principals = "".join(
        f'{_variable(role)}="${{{_variable(role)}:-User:headgate-{role.name}}}"\n' for role in ROLES
    )
    lines = "".join(
        f"\n# {role.name}: {role.what}.\n" + "".join(f"{line}\n" for line in _lines(role))
        for role in ROLES
    )
    return f"{_HEAD}{principals}{_ALLOW}{lines}"


def _lines(role: Role) -> Iterator[str]:
    begin = f'allow --allow-principal "${_variable(role)}"'
    for names, operations in (
        (role.writes, ("Write", "Describe")),
        (role.reads, ("Read", "Describe")),
        (role.checks, ("DescribeConfigs",)),
    ):
        doing = " ".join(f"--operation {operation}" for operation in operations)
        whole = [name for name in names if name != RAW]
        if whole:
            yield f"{begin} {doing}{_named('topic', whole)}"
        if RAW in names:
            yield f"{begin} {doing}{_named('topic', [RAW])}{_PREFIXED}"
    for group in role.groups:
        # The hook's group has its name in the configuration; more of them begin with it.
        doing = "--operation Read --operation Describe"
        yield f'{begin} {doing} --group "$PREFIX-{group}"{_PREFIXED}'
    if role.transactional_id:
        doing = "--operation Write --operation Describe"
        yield f'{begin} {doing} --transactional-id "$PREFIX-{role.transactional_id}"'


def _named(kind: str, names: Iterable[str]) -> str:
    return "".join(f' --{kind} "$PREFIX.{name}"' for name in names)


def _variable(role: Role) -> str:
    return role.name.upper()
