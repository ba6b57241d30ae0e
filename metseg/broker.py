"""The Celery application that watcher and worker share; docs/reliability.md has its settings."""

from celery import Celery

from metseg.errors import ConfigurationError
from metseg.settings import Settings

SEGMENT_TASK = "metseg.segment"
"""Name of the only task. Its whole message is one integer: the job's id."""
QUEUE = "metseg"
"""Name of the queue, and prefix of all keys in Redis. Installations that share a server are kept
apart by the URL: the number of the database (Redis) or the virtual host (RabbitMQ).
"""


def make_celery(settings: Settings) -> Celery:
    """A Celery application for the broker of the settings. Connects to nothing.

    Raises
    ------
    ConfigurationError
        No broker is set: metseg then runs embedded.
    """
    if settings.broker is None:
        raise ConfigurationError("METSEG_BROKER_URL must be set in server mode, got nothing")
    app = Celery("metseg", broker=settings.broker, backend=None, set_as_current=False)
    app.conf.update(_configuration(settings))
    return app


def _configuration(settings: Settings) -> dict[str, object]:
    """Each value has its reason in docs/reliability.md."""
    transport: dict[str, object] = {}
    if str(settings.broker).startswith("redis"):
        transport = {
            "visibility_timeout": 3600,
            "unacked_restore_interval": 10,
            "unacked_restore_throttle": 1,
            "socket_keepalive": True,
            "health_check_interval": 25,
            "global_keyprefix": f"{QUEUE}:",
        }
    return {
        "task_default_queue": QUEUE,
        "task_acks_late": True,
        "worker_prefetch_multiplier": 1,
        "task_reject_on_worker_lost": False,
        "task_retry_on_worker_lost": False,
        "task_acks_on_failure": True,
        "task_acks_on_timeout": True,
        "task_ignore_result": True,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_soft_time_limit": settings.time_limit_s,
        "task_time_limit": settings.hard_time_limit_s,
        "broker_transport_options": transport,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_soft_shutdown_timeout": 30,
        "worker_pool": "prefork",
        "worker_concurrency": 1,
        "worker_pool_start_method": "spawn",
        "worker_hijack_root_logger": False,
        "worker_enable_remote_control": False,
        "worker_send_task_events": False,
    }
