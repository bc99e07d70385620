"""A recorder as a process of its own, that kills itself at a chosen moment.

`record.py BOOTSTRAP PREFIX PARTITIONS MOMENT`, where the moment is `send:3` (after the third lot
of records was given to an open transaction), `tell:2` (when the second lot is due for the judges,
the journal being committed) or `never`.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from detectors.response.config import Modes, ResponseConfig
from detectors.response.entries import Configured
from streams.control.keys import public_text
from streams.kafka.cluster import unprotected
from streams.kafka.records import OutgoingRecord
from streams.response.recorder import Recorder, RecorderDependencies
from streams.state.envelope import keys_from_text

RESPONSE = ResponseConfig(
    modes=Modes(throttle="automatic", suspend="automatic"),
    blast_radius_institutions=1_000,
    keys={"ann": public_text(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))},
)


class NullProgress:
    """Counts nothing."""

    def responded(self, *_: object, **__: object) -> None:
        """Note nothing."""

    def ended(self) -> None:
        """Note nothing."""


class Doomed(Recorder):
    """Dies at its moment, as by kill -9."""

    __slots__ = ("_left", "_where")

    def __init__(self, dependencies: RecorderDependencies, *, moment: str) -> None:
        """Take the moment."""
        super().__init__(dependencies)
        self._where, _, left = moment.partition(":")
        self._left = int(left or 0)

    async def _send(self, records: Sequence[OutgoingRecord]) -> None:
        await super()._send(records)
        if records:
            self._pass("send")

    async def _tell(self, records: Sequence[OutgoingRecord]) -> None:
        if records:
            self._pass("tell")
        await super()._tell(records)

    def _pass(self, where: str) -> None:
        if where == self._where:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


def main(bootstrap: str, prefix: str, partitions: str, moment: str) -> None:
    """Record until the moment comes, or until killed."""
    configured = Configured(response=RESPONSE, cohort_size=1_000, config_hash="c", version="1")
    dependencies = RecorderDependencies(
        cluster=unprotected(bootstrap),
        prefix=prefix,
        partitions=int(partitions),
        configured=configured,
        keys=keys_from_text(None),
        watcher=NullProgress(),
    )
    asyncio.run(Doomed(dependencies, moment=moment).run())


if __name__ == "__main__":
    main(*sys.argv[1:])
