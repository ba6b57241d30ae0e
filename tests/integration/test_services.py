"""The private servers of the tests themselves."""

import psycopg
import pytest
import redis

from tests.helpers.servers.services import PostgresServer, RedisServer

pytestmark = pytest.mark.services


def test_redis_of_the_tests_comes_back_on_its_port_and_forgets_when_flushed(
    redis_server: RedisServer,
) -> None:
    redis_server.restart()
    with redis_server.client() as client:
        client.set("a", "1")
        redis_server.flush()
        assert client.get("a") is None


def test_redis_of_the_tests_refuses_a_wrong_password(redis_server: RedisServer) -> None:
    wrong = redis.Redis.from_url(redis_server.url.replace(redis_server.password, "wrong"))
    with wrong, pytest.raises(redis.AuthenticationError):
        wrong.ping()


def test_postgres_of_the_tests_comes_back_with_its_data(postgres_server: PostgresServer) -> None:
    url = postgres_server.new_database().replace("+psycopg", "")
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    postgres_server.restart()
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (7,)


def test_postgres_of_the_tests_drops_connections(postgres_server: PostgresServer) -> None:
    url = postgres_server.new_database().replace("+psycopg", "")
    with psycopg.connect(url) as connection:
        postgres_server.drop_connections()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
