"""Faust's assignor, except that it never divides what it does not know.

A broker that comes back takes a moment to know its topics again. Whoever leads the group in that
moment would leave the topics out: the group is stable, each worker content, and the partitions
are nobody's until the leader looks at the topics again, minutes later.
"""

from aiokafka.cluster import ClusterMetadata
from faust.assignor import PartitionAssignor
from faust.assignor.partition_assignor import MemberAssignmentMapping, MemberMetadataMapping

from streams.exits import ExitCode, fail_stop


class WholeAssignor(PartitionAssignor):
    """Divides all topics that somebody follows, or ends the process."""

    def assign(
        self, cluster: ClusterMetadata, member_metadata: MemberMetadataMapping
    ) -> MemberAssignmentMapping:
        """Divide the topics among the members of the group."""
        followed = {topic for member in member_metadata.values() for topic in member.subscription}
        unknown = sorted(topic for topic in followed if not cluster.partitions_for_topic(topic))
        if unknown:
            sentence = f"Kafka does not tell how {', '.join(unknown)} is divided."
            fail_stop(ExitCode.CONNECTION_LOST, sentence)
        return super().assign(cluster, member_metadata)
