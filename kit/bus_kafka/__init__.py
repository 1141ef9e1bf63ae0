"""The bus on Apache Kafka: the adapter of the port. Only this package imports aiokafka.

bus = KafkaBus("kafka-1:9092,kafka-2:9092", name="matching", topics=[Topic(...), ...])
await bus.start()  # also where no broker answers; raises TopicMismatchError and WrongClusterError
"""

from kit.bus_kafka.bus import KafkaBus
from kit.bus_kafka.connection import KafkaTimeouts, WrongClusterError
from kit.bus_kafka.topics import brokers_of, ensure_topics

__all__ = ["KafkaBus", "KafkaTimeouts", "WrongClusterError", "brokers_of", "ensure_topics"]
