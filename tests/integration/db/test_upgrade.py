"""Migrations, up and down, on SQLite and PostgreSQL."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect, text

from db.session import make_engine
from db.tables.result_tables import Result
from db.upgrade import current_revision, downgrade, head_revision, migrate, require_current
from metseg.errors import ConfigurationError
from tests.helpers.servers.services import PostgresServer

METADATA = Result.metadata


def index(found: Any) -> str:
    """An index as text; its WHERE is an object."""
    options = {key: str(value) for key, value in found.get("dialect_options", {}).items()}
    return f"{found['name']} {found['column_names']} {found['unique']} {options}"


def described(engine: Engine) -> dict[str, Any]:
    """All tables with their columns, keys, indexes and checks, as the database reports them."""
    found = inspect(engine)
    return {
        table: {
            "columns": [
                (column["name"], str(column["type"]), column["nullable"])
                for column in found.get_columns(table)
            ],
            "primary": found.get_pk_constraint(table),
            "foreign": sorted(found.get_foreign_keys(table), key=str),
            "unique": sorted(found.get_unique_constraints(table), key=str),
            "indexes": sorted(map(index, found.get_indexes(table))),
            "checks": sorted(found.get_check_constraints(table), key=str),
        }
        for table in sorted(found.get_table_names())
        if table != "alembic_version"
    }


def test_the_migrated_schema_is_the_metadata(engine: Engine) -> None:
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


@pytest.mark.parametrize(
    "backend", ["sqlite", pytest.param("postgresql", marks=pytest.mark.services)]
)
def test_migrations_make_what_create_all_makes_including_names_and_checks(
    backend: str, request: pytest.FixtureRequest, tmp_path: Any
) -> None:
    if backend == "sqlite":
        urls = [f"sqlite:///{tmp_path / name}" for name in ("migrated", "made")]
    else:
        server: PostgresServer = request.getfixturevalue("postgres_server")
        urls = [server.new_database(), server.new_database()]
    migrate(urls[0])
    engines = [make_engine(url) for url in urls]
    METADATA.create_all(engines[1])
    migrated, made = (described(engine) for engine in engines)
    for engine in engines:
        engine.dispose()
    assert migrated == made
    assert sorted(made) == sorted(METADATA.tables)


def test_a_downgrade_leaves_nothing_and_an_upgrade_works_again(migrated_url: str) -> None:
    downgrade(migrated_url, "base")
    engine = make_engine(migrated_url)
    try:
        assert inspect(engine).get_table_names() == ["alembic_version"]
        assert inspect(engine).get_view_names() == []
        assert current_revision(engine) is None
        migrate(migrated_url)
        assert sorted(inspect(engine).get_view_names()) == ["current_lesion", "current_result"]
    finally:
        engine.dispose()


def test_migrating_twice_changes_nothing(migrated_url: str, engine: Engine) -> None:
    before = described(engine)
    migrate(migrated_url)
    assert described(engine) == before
    assert current_revision(engine) == head_revision()


def test_four_processes_that_migrate_at_once_all_succeed(database_url: str) -> None:
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        list(pool.map(migrate, [database_url] * 4))
    engine = make_engine(database_url)
    try:
        require_current(engine)
    finally:
        engine.dispose()


def test_an_empty_database_is_refused_with_what_to_do(database_url: str) -> None:
    engine = make_engine(database_url)
    try:
        with pytest.raises(ConfigurationError, match=r"at none: run `metseg migrate`"):
            require_current(engine)
    finally:
        engine.dispose()


def test_a_database_of_a_newer_metseg_is_refused(migrated_url: str, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigurationError, match="a newer metseg made it"):
        require_current(engine)
    with pytest.raises(ConfigurationError, match="a newer metseg made it"):
        migrate(migrated_url)


@pytest.mark.services
def test_a_percent_sign_in_the_database_url_survives(postgres_server: PostgresServer) -> None:
    first = postgres_server.password[0]
    password = f"%{ord(first):x}{postgres_server.password[1:]}"
    migrate(postgres_server.new_database().replace(postgres_server.password, password))
