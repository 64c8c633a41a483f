"""psycopg's errors leave a session as ours: in its server's words, told apart by what to do."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from elconsole.core.errors import (
    AccessRefused,
    DiskFull,
    ElconsoleError,
    PermissionMissing,
    ServerError,
    SourceUnavailable,
    TransientFault,
    WarehouseUnavailable,
)
from elconsole.core.types import ErrorInfo, Role
from elconsole.engine.connect.pool import Pool
from elconsole.engine.connect.server import Server
from elconsole.engine.connect.session import Session, open_session
from elconsole.engine.connect.translate import connection_error
from tests.conftest import MakeRole
from tests.postgres import Database, PostgresServer, free_port

pytestmark = pytest.mark.integration


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    """A session with a source."""
    opened = _open(database.params)
    yield opened
    opened.abandon()


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("53100", DiskFull),
        ("53200", TransientFault),
        ("40001", TransientFault),
        ("40P01", TransientFault),
        ("25P03", TransientFault),
        ("57P01", TransientFault),
        ("08006", TransientFault),
        ("42501", PermissionMissing),
        ("22012", ServerError),
        ("57014", ServerError),
    ],
)
def test_an_sqlstate_says_what_kind_it_is(
    session: Session, state: str, kind: type[ElconsoleError]
) -> None:
    error = _failing(session, f"DO $$ BEGIN RAISE 'so sorry' USING ERRCODE = '{state}'; END $$")
    assert type(error) is kind
    assert str(error) == "plant: so sorry"
    assert error.sqlstate == state


def test_the_server_s_detail_and_hint_come_along(session: Session) -> None:
    error = _failing(
        session, "DO $$ BEGIN RAISE 'no' USING DETAIL = E'not\\nnow', HINT = 'wait'; END $$"
    )
    assert error.info() == ErrorInfo("server", "plant: no (not now)", "plant says: wait", "P0001")


@pytest.mark.parametrize(
    ("role", "raised", "hint"),
    [
        ("source", "ERRCODE = '40001'", "max_standby_streaming_delay"),
        ("warehouse", "ERRCODE = '40001'", "sync again later"),
        ("warehouse", "ERRCODE = '21000'", "primary_key in settings"),
        ("warehouse", "ERRCODE = '23505', TABLE = 'units'", "primary_key in settings"),
        ("warehouse", "ERRCODE = '23505', TABLE = 'pg_type'", None),
        ("warehouse", "ERRCODE = '25006'", "name its primary"),
        ("warehouse", "ERRCODE = '54011'", "exclude_columns"),
        ("warehouse", "ERRCODE = '54000'", None),
        ("source", "ERRCODE = '21000'", None),
        ("source", "ERRCODE = '0A000'", None),
    ],
)
def test_a_hint_says_what_to_do_and_never_guesses(
    database: Database, role: Role, raised: str, hint: str | None
) -> None:
    session = _open(database.params, role)
    error = _failing(session, f"DO $$ BEGIN RAISE 'so sorry' USING {raised}; END $$")
    assert hint in (error.hint or "") if hint else error.hint is None
    session.abandon()


def test_a_row_that_no_table_can_hold_names_the_way_out(database: Database) -> None:
    session = _open(database.params, "warehouse")
    columns = ", ".join(f"c{n} bigint DEFAULT 1" for n in range(1200))
    session.execute(f"CREATE TEMP TABLE wide ({columns})".encode())
    error = _failing(session, "INSERT INTO wide DEFAULT VALUES")
    assert error.sqlstate == "54000"
    assert "exclude_columns" in (error.hint or "")
    session.abandon()


def test_a_server_without_ssl_is_told(server: PostgresServer, database: Database) -> None:
    error = _refused({**server.tcp(database).params, "sslmode": "require"})
    assert isinstance(error, AccessRefused)
    assert "lower sslmode" in (error.hint or "")


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ('server certificate for "db" does not match host name "10.0.0.1"', "verify-ca"),
        ("SSL error: certificate verify failed", "must name the CA"),
        ('root certificate file "root.crt" does not exist', "sslrootcert=system"),
        ('could not read certificate file "client.crt": no start line', "sslcert"),
    ],
)
def test_what_libpq_says_of_certificates_has_a_next_step(words: str, hint: str) -> None:
    server = Server("plant", "source", {}, "db:5432/plant", 1.0)
    error = connection_error(psycopg.OperationalError(f"connection failed: {words}"), server)
    assert isinstance(error, AccessRefused)
    assert hint in (error.hint or "")


def test_a_name_with_certificate_in_it_is_no_certificate() -> None:
    server = Server("plant", "source", {}, "db:5432/plant", 1.0)
    told = psycopg.OperationalError('FATAL:  database "certificates" does not exist')
    assert "sslcert" not in (connection_error(told, server).hint or "")


def test_the_cause_is_kept(session: Session) -> None:
    assert isinstance(_failing(session, "SELECT 1/0").__cause__, psycopg.errors.DivisionByZero)


@pytest.mark.parametrize(
    ("role", "hint"), [("source", "ALTER TABLE"), ("warehouse", "sync again later")]
)
def test_a_locked_table_is_explained_where_only_readers_ask(
    database: Database, role: Role, hint: str
) -> None:
    database.sql("CREATE TABLE t (id int)")
    opened = _open(database.params, role)
    with database.connect() as other, other.transaction():
        other.execute("LOCK TABLE t")
        error = _failing(opened, "SET lock_timeout = '50ms'; TABLE public.t")
    opened.abandon()
    assert type(error) is TransientFault
    assert hint in str(error.hint)


def test_row_level_security_is_told_apart(database: Database, make_role: MakeRole) -> None:
    role = make_role("reader")
    database.sql(
        "CREATE TABLE t (id int); ALTER TABLE t ENABLE ROW LEVEL SECURITY;"
        f'GRANT SELECT ON t TO "{role}"; CREATE TABLE u (id int)'
    )
    opened = _open(database.as_role(role))
    hints = [str(_failing(opened, f"TABLE public.{name}").hint) for name in ("t", "u")]
    opened.abandon()
    assert "BYPASSRLS" in hints[0]
    assert "elconsole grants" in hints[1]


@pytest.mark.parametrize(
    ("statement", "hint"),
    [
        ("INSERT INTO pg_temp.t VALUES (1, 1), (1, 1)", "unique"),
        ("INSERT INTO pg_temp.t VALUES (1, NULL)", "give column v of the raw table a default"),
    ],
)
def test_a_raw_table_s_constraint_says_what_to_do(
    database: Database, statement: str, hint: str
) -> None:
    opened = _open(database.params, "warehouse")
    opened.execute("CREATE TEMP TABLE t (id int PRIMARY KEY, v int NOT NULL)")
    error = _failing(opened, statement)
    opened.abandon()
    assert hint in str(error.hint)


@pytest.mark.parametrize(
    ("role", "kind"), [("source", SourceUnavailable), ("warehouse", WarehouseUnavailable)]
)
def test_a_connection_that_broke_makes_its_server_unavailable(
    database: Database, role: Role, kind: type[ElconsoleError]
) -> None:
    opened = _open(database.params, role)
    opened.close()
    error = _failing(opened, "SELECT 1")
    assert type(error) is kind
    assert error.retryable


def test_a_pool_s_session_translates_by_itself(pool: Pool) -> None:
    with pytest.raises(ServerError, match="plant: division by zero"), pool.session() as session:
        session.execute("SELECT 1/0")


def test_each_of_two_servers_speaks_for_itself(pool: Pool, database: Database) -> None:
    other = _open(database.params, "warehouse", name="warehouse")
    with (
        pytest.raises(ServerError, match="warehouse: division by zero"),
        pool.session(),
        other.translated(),
    ):
        other.execute("SELECT 1/0")
    other.abandon()


def test_what_is_ours_already_passes(session: Session) -> None:
    ours = DiskFull("full")
    with pytest.raises(DiskFull) as raised, session.translated():
        raise ours
    assert raised.value is ours


def test_who_may_not_log_in_is_refused(database: Database, make_role: MakeRole) -> None:
    error = _refused(database.as_role(make_role("silent", "NOLOGIN")))
    assert type(error) is AccessRefused
    assert "is not permitted to log in" in str(error)
    assert "pg_hba.conf" in str(error.hint)


def test_a_wrong_password_is_refused(server: PostgresServer, database: Database) -> None:
    over_tcp = server.tcp(database).params
    error = _refused({**over_tcp, "password": "wrong"})
    assert type(error) is AccessRefused
    assert "password authentication failed" in str(error)
    assert "wrong" not in str(error)


@pytest.mark.parametrize(
    ("role", "kind"), [("source", SourceUnavailable), ("warehouse", WarehouseUnavailable)]
)
def test_a_server_that_is_not_there_is_unavailable(role: Role, kind: type[ElconsoleError]) -> None:
    error = _refused({"host": "127.0.0.1", "port": str(free_port())}, role)
    assert type(error) is kind
    assert "plant: cannot connect to here: " in str(error)


def test_a_server_that_is_full_says_what_to_lower(database: Database, make_role: MakeRole) -> None:
    role = make_role("limited", "LOGIN CONNECTION LIMIT 0")
    error = _refused(database.as_role(role))
    assert type(error) is SourceUnavailable
    assert error.sqlstate == "53300"
    assert "lower workers" in str(error.hint)


def _open(parameters: dict[str, str], role: Role = "source", name: str = "plant") -> Session:
    return open_session(Server(name, role, parameters, "here", 10.0))


def _refused(parameters: dict[str, str], role: Role = "source") -> ElconsoleError:
    with pytest.raises(ElconsoleError) as refused:
        _open(parameters, role)
    return refused.value


def _failing(session: Session, statement: str) -> ElconsoleError:
    with pytest.raises(ElconsoleError) as failed, session.translated():
        session.execute(statement.encode())
    return failed.value
