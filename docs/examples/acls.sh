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
PLATFORM="${PLATFORM:-User:headgate-platform}"
WORKER="${WORKER:-User:headgate-worker}"
HOOK="${HOOK:-User:headgate-hook}"
COMMITTEE="${COMMITTEE:-User:headgate-committee}"
SIEM="${SIEM:-User:headgate-siem}"

allow() {
    kafka-acls --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN" --add --force "$@"
}

# platform: sends what was taken, and can read nothing of what we think of it.
allow --allow-principal "$PLATFORM" --operation Write --operation Describe --topic "$PREFIX.access-events"
allow --allow-principal "$PLATFORM" --operation Write --operation Describe --topic "$PREFIX.raw." --resource-pattern-type prefixed

# worker: judges, and records what follows.
allow --allow-principal "$WORKER" --operation Write --operation Describe --topic "$PREFIX.access-events" --topic "$PREFIX.alerts" --topic "$PREFIX.suspensions" --topic "$PREFIX.register" --topic "$PREFIX.holdings" --topic "$PREFIX.summaries" --topic "$PREFIX.reference" --topic "$PREFIX.audit" --topic "$PREFIX.audit-people" --topic "$PREFIX.dead-letters" --topic "$PREFIX.state"
allow --allow-principal "$WORKER" --operation Read --operation Describe --topic "$PREFIX.access-events" --topic "$PREFIX.alerts" --topic "$PREFIX.suspensions" --topic "$PREFIX.decisions" --topic "$PREFIX.register" --topic "$PREFIX.holdings" --topic "$PREFIX.summaries" --topic "$PREFIX.reference" --topic "$PREFIX.audit" --topic "$PREFIX.audit-people" --topic "$PREFIX.state"
allow --allow-principal "$WORKER" --operation Read --operation Describe --topic "$PREFIX.raw." --resource-pattern-type prefixed
allow --allow-principal "$WORKER" --operation DescribeConfigs --topic "$PREFIX.access-events" --topic "$PREFIX.alerts" --topic "$PREFIX.suspensions" --topic "$PREFIX.decisions" --topic "$PREFIX.register" --topic "$PREFIX.holdings" --topic "$PREFIX.summaries" --topic "$PREFIX.reference" --topic "$PREFIX.audit" --topic "$PREFIX.audit-people" --topic "$PREFIX.dead-letters" --topic "$PREFIX.state"
allow --allow-principal "$WORKER" --operation DescribeConfigs --topic "$PREFIX.raw." --resource-pattern-type prefixed
allow --allow-principal "$WORKER" --operation Read --operation Describe --group "$PREFIX-worker" --resource-pattern-type prefixed
allow --allow-principal "$WORKER" --operation Write --operation Describe --transactional-id "$PREFIX-recorder"

# hook: tells the platform who is suspended.
allow --allow-principal "$HOOK" --operation Read --operation Describe --topic "$PREFIX.suspensions"
allow --allow-principal "$HOOK" --operation Read --operation Describe --group "$PREFIX-hook" --resource-pattern-type prefixed

# committee: people: they decide, and what they decide the worker carries out.
allow --allow-principal "$COMMITTEE" --operation Write --operation Describe --topic "$PREFIX.decisions"
allow --allow-principal "$COMMITTEE" --operation Read --operation Describe --topic "$PREFIX.access-events" --topic "$PREFIX.alerts" --topic "$PREFIX.suspensions" --topic "$PREFIX.decisions" --topic "$PREFIX.register" --topic "$PREFIX.holdings" --topic "$PREFIX.summaries" --topic "$PREFIX.reference" --topic "$PREFIX.audit" --topic "$PREFIX.audit-people" --topic "$PREFIX.dead-letters"

# siem: reads alerts and suspensions.
allow --allow-principal "$SIEM" --operation Read --operation Describe --topic "$PREFIX.alerts" --topic "$PREFIX.suspensions"
allow --allow-principal "$SIEM" --operation Read --operation Describe --group "$PREFIX-siem" --resource-pattern-type prefixed
