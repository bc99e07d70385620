"""A real one-node Apache Kafka (KRaft) on loopback, for the demo, the tests and a first try.

It ends with the process that started it, however that ends, and leaves nothing behind but a data
directory it was told to keep.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Self

from streams.kafka.admin_client import AdminClient, AdminError
from streams.kafka.cluster import unprotected
from streams.local_broker.ports import ADDRESS, free_ports, is_free
from streams.local_broker.properties import server_properties
from streams.local_broker.reaper import Reaper
from streams.local_broker.runtime import BrokerError, KafkaRuntime, fetch_runtime

START_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 10.0
# At its end the training run writes the archive, with a second Java of its own.
TRAINING_STOP_SECONDS_MAX = 120.0
POLL_SECONDS = 0.05


class LocalBroker:
    """One Kafka node as a context manager; `bootstrap` is its address.

    Without `data_dir` its data live in a temporary directory and go when it stops. A port that is
    None is chosen among free ones and kept over restarts. `properties` are lines for the node's
    configuration file, over ours; `{port}`, `{controller_port}` and `{data}` are put in. Nodes
    of one cluster share a `cluster_id`.
    """

    __slots__ = (
        "_cluster_id",
        "_controller_port",
        "_home",
        "_process",
        "_properties",
        "_reaper",
        "_runtime",
        "_temporary",
        "port",
    )

    def __init__(
        self,
        *,
        port: int | None = None,
        data_dir: Path | None = None,
        properties: str = "",
        cluster_id: str | None = None,
        runtime: KafkaRuntime | None = None,
    ) -> None:
        """Choose where to listen and to keep data; nothing is started yet."""
        free = free_ports(2)
        self.port = port or free[0]
        self._controller_port = free[1]
        self._properties = properties
        self._cluster_id = cluster_id or new_cluster_id()
        self._runtime = runtime
        self._temporary = data_dir is None
        self._home = data_dir
        self._process: subprocess.Popen[bytes] | None = None
        self._reaper: Reaper | None = None

    @property
    def bootstrap(self) -> str:
        """The address that clients connect to."""
        return f"{ADDRESS}:{self.port}"

    @property
    def pid(self) -> int | None:
        """The process id of the running broker."""
        return self._process.pid if self._process else None

    @property
    def log_path(self) -> Path | None:
        """Where the broker's own log goes."""
        return self._home / "broker.log" if self._home else None

    def __enter__(self) -> Self:
        """Start, and wait until it answers."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, whatever happened."""
        self.stop()

    def start(self, *, train: bool = False) -> None:
        """Format the storage if it is new, start, and return once the broker answers.

        Raises:
            BrokerError: the port is taken, or it does not come up in time.
        """
        if self._process is not None:
            return
        if not is_free(self.port):
            problem = f"port {self.port} on {ADDRESS} is taken; choose another, or 0 for a free one"
            raise BrokerError(problem)
        runtime = self._runtime = self._runtime or fetch_runtime()
        home = self._home = self._home or Path(tempfile.mkdtemp(prefix="headgate-kafka-"))
        try:
            home.mkdir(parents=True, exist_ok=True)
            self._write_properties(home)
            self._format(runtime, home)
            self._launch(runtime.command("kafka.Kafka", str(_properties(home)), train=train))
            self._wait_until_it_answers()
        except BaseException:
            self.stop()
            raise

    def stop(self, *, seconds_max: float = STOP_SECONDS_MAX) -> None:
        """End the broker: politely, then not; remove temporary data."""
        process = self._process
        if process is not None:
            process.send_signal(signal.SIGCONT)  # A paused process can't end politely.
            process.terminate()
            try:
                process.wait(seconds_max)
            except subprocess.TimeoutExpired:
                process.kill()
        self._reap()
        if self._temporary and self._home is not None:
            shutil.rmtree(self._home, ignore_errors=True)
            self._home = None

    def kill(self) -> None:
        """End the broker at once, as a crash would; its data stay for `restart`."""
        if self._process is not None:
            self._process.kill()
        self._reap()

    def restart(self) -> None:
        """Start again on the same ports and data; a running broker is killed first."""
        self.kill()
        self.start()

    def pause(self) -> None:
        """Freeze the broker and return once it is: connections stay open, nothing answers.

        Raises:
            BrokerError: it does not run.
        """
        process = self._running()
        process.send_signal(signal.SIGSTOP)
        os.waitpid(process.pid, os.WUNTRACED)

    def resume(self) -> None:
        """Go on after `pause`.

        Raises:
            BrokerError: it does not run.
        """
        self._running().send_signal(signal.SIGCONT)

    def poll(self) -> int | None:
        """Return the exit code if the broker has ended by itself, else None.

        Raises:
            BrokerError: it was not started.
        """
        return self._running().poll()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            problem = "the local broker isn't running"
            raise BrokerError(problem)
        return self._process

    def _write_properties(self, home: Path) -> None:
        _properties(home).write_text(
            server_properties(
                port=self.port,
                controller_port=self._controller_port,
                data=home / "data",
                more=self._properties,
            )
        )

    def _format(self, runtime: KafkaRuntime, home: Path) -> None:
        if (home / "data" / "meta.properties").exists():
            return
        # As one word: an id may begin with a dash, which would be read as an option.
        named = f"--cluster-id={self._cluster_id}"
        format_arguments = ("format", named, "-c", str(_properties(home)))
        command = runtime.command("kafka.tools.StorageTool", *format_arguments)
        done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - ours
        if done.returncode != 0:
            output = (done.stdout + done.stderr).decode(errors="replace").strip()
            problem = f"can't format {home} for Kafka: {output}"
            raise BrokerError(problem)

    def _launch(self, command: list[str]) -> None:
        """Start the broker and its reaper, each in a session of its own.

        Ctrl-C in a terminal must reach their owner alone: it needs the broker for its farewell.
        """
        assert self._home is not None  # noqa: S101 - set by start
        with (self._home / "broker.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - ours
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        directory = self._home if self._temporary else None
        self._reaper = Reaper(self._process.pid, directory=directory)

    def _reap(self) -> None:
        """Collect what has ended; the reaper first, before the process id can be reused."""
        if self._reaper is not None:
            self._reaper.dismiss()
            self._reaper = None
        if self._process is not None:
            self._process.wait()
            self._process = None

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_SECONDS_MAX
        while not self._answers():
            code = self._running().poll()
            if code is not None:
                problem = f"the local broker ended with code {code}: {self._last_log_lines()}"
                raise BrokerError(problem)
            if time.monotonic() > deadline:
                problem = f"no answer in {START_SECONDS_MAX:.0f} s: {self._last_log_lines()}"
                raise BrokerError(problem)
            time.sleep(POLL_SECONDS)

    def _answers(self) -> bool:
        """Whether the broker serves requests and groups: an open port alone is not enough."""
        try:
            socket.create_connection((ADDRESS, self.port), 1.0).close()
            with AdminClient(unprotected(self.bootstrap)) as admin:
                return admin.group("headgate-broker") is not None and admin.brokers_count() > 0
        except (OSError, AdminError):
            return False

    def _last_log_lines(self, *, count: int = 5) -> str:
        log_path = self.log_path
        if log_path is None or not log_path.exists():
            return "it wrote no log"
        lines = log_path.read_text(errors="replace").splitlines()[-count:]
        return "\n".join([f"its log {log_path} ends with", *lines])


def new_cluster_id() -> str:
    """Return an id for a new cluster, as Kafka writes them."""
    return urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


def train_archive(runtime: KafkaRuntime) -> None:
    """Record the start-up archive: a third of the start-up time from then on."""
    if runtime.archive.exists():
        return
    broker = LocalBroker(runtime=runtime)
    fresh = Path(f"{runtime.archive}.new")
    try:
        broker.start(train=True)
        broker.stop(seconds_max=TRAINING_STOP_SECONDS_MAX)
    finally:
        broker.stop()
    if fresh.exists():
        os.replace(fresh, runtime.archive)  # noqa: PTH105 - atomic, over an existing one too


def _properties(home: Path) -> Path:
    return home / "server.properties"
