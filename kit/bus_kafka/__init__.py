"""The bus on Apache Kafka: the adapter of the port. Only this package imports aiokafka.

bus = KafkaSettings().bus("matching-1", BUS_TOPICS)  # AYNI_KAFKA_SERVERS=kafka-1:9092,kafka-2:9092
await bus.start()  # comes back where no broker answers, too; raises TopicMismatchError and WrongClusterError
"""

from kit.bus_kafka.bus import KafkaBus
from kit.bus_kafka.connection import KafkaTimeouts, WrongClusterError
from kit.bus_kafka.settings import KafkaSettings
from kit.bus_kafka.topics import brokers_of, ensure_topics

__all__ = ["KafkaBus", "KafkaSettings", "KafkaTimeouts", "WrongClusterError", "brokers_of", "ensure_topics"]
