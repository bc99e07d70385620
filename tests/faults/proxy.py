"""A proxy between workers and the broker that does to their connections what networks do."""

import asyncio
import contextlib
import socket
import threading
from enum import StrEnum
from typing import Self

CHUNK_BYTES = 65_536
DELAY_SECONDS = 0.4


class Weather(StrEnum):
    """What happens to bytes on their way."""

    FAIR = "fair"
    # Every piece comes late.
    SLOW = "slow"
    # Pieces vanish, in both directions and without a word; what lost some is cut in the end.
    LOSSY = "lossy"
    # Half of a piece arrives, and then the connection is gone.
    CUTTING = "cutting"


class Proxy:
    """Forwards connections to one port, in the weather that is set, until it is closed."""

    def __init__(self) -> None:
        """Listen on a free port, so that a broker can be told to advertise it."""
        self.weather = Weather.FAIR
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._lost: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()

    def start(self, target_port: int) -> Self:
        """Begin to forward."""
        self._target_port = target_port
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._serve(), self._loop).result(10)
        return self

    def set(self, weather: Weather) -> None:
        """Change the weather; connections that lost something do not outlive its end."""
        self.weather = weather
        self._loop.call_soon_threadsafe(self._cut_lost)

    def close(self) -> None:
        """End every connection, and the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        for task in self._serving:
            task.cancel()
        if self._serving:
            self._loop.run_until_complete(asyncio.wait(self._serving))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()
        self._socket.close()

    async def _serve(self) -> None:
        self._server = await asyncio.start_server(self._connect, sock=self._socket)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await self._forward(reader, writer)
        writer.transport.abort()
        self._serving.discard(task)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._target_port)
        pumps = {
            asyncio.create_task(self._pump(reader, back)),
            asyncio.create_task(self._pump(there, writer)),
        }
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            back.transport.abort()
            self._lost -= {back, writer}

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(CHUNK_BYTES):
            weather = self.weather
            if weather is Weather.LOSSY or writer in self._lost:
                self._lost.add(writer)
                continue
            if weather is Weather.SLOW:
                await asyncio.sleep(DELAY_SECONDS)
            elif weather is Weather.CUTTING:
                writer.write(piece[: len(piece) // 2])
                await writer.drain()
                return
            writer.write(piece)
            await writer.drain()

    def _cut_lost(self) -> None:
        if self.weather is not Weather.LOSSY:
            for writer in self._lost:
                writer.transport.abort()
