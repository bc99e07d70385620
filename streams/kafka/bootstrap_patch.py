"""A client that learns of no broker at first contact fails, instead of looking for one for ever.

A broker that is being stopped may answer once more, and name no broker, itself included. aiokafka
keeps that connection to ask again; once it is closed there is nobody left whom it could ask.
"""

from typing import Final

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError

_bootstrap: Final = AIOKafkaClient.bootstrap


async def bootstrap_or_fail(client: AIOKafkaClient) -> None:
    """Meet the cluster as `AIOKafkaClient.bootstrap` does.

    Raises:
        KafkaConnectionError: nobody answers, or who does names no broker.
    """
    await _bootstrap(client)
    if not client.cluster.brokers():
        await client.close()
        message = f"{client.hosts} names no broker; is it being stopped?"
        raise KafkaConnectionError(message)


def install() -> None:
    """Let every client of this process, Faust's own included, begin like that."""
    AIOKafkaClient.bootstrap = bootstrap_or_fail
