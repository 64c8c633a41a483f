"""The embedded pen plant: its exact numbers, its roles, and what it leaves alone."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from elconsole.core.errors import DemoUnavailable
from elconsole.demo.live import Pace, run_live
from elconsole.demo.plant import OWNER, SOURCES, Plant, open_plant
from elconsole.demo.supervisor import EmbeddedServer
from tests.conftest import REPOSITORY, MakeDatabase, MakeRole
from tests.postgres import SEED, PostgresServer, seed_source
from tests.waiting import until

pytestmark = pytest.mark.integration

RANGES = {
    "refills": {"ink_viscosity_pas": (1.10, 1.40), "write_distance_km": (3.2, 3.8)},
    "bodies": {"durability_score": (77, 93), "length_mm": (148.5, 151.5)},
    "springs": {"diameter_mm": (0.95, 1.10), "tensile_strength_mpa": (980, 1030)},
}


@pytest.fixture(scope="module")
def data_home(session_folder: Path) -> Path:
    folder = session_folder / "plants"
    # A worker that is handed tests of this module twice sets its fixtures up twice.
    folder.mkdir(mode=0o755, exist_ok=True)
    return folder


@pytest.fixture
def kept_data(data_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this module's tests keep their plants, so that each need not make its own."""
    monkeypatch.setenv("XDG_DATA_HOME", str(data_home))
    return data_home / "elconsole" / "demo"


@pytest.fixture
def plant(kept_data: Path) -> Iterator[Plant]:
    with open_plant() as opened:
        yield opened


def query(plant: Plant, source: str, text: str, user: str = OWNER) -> list[tuple[Any, ...]]:
    with plant.connect(source, user) as connection:
        return connection.execute(text).fetchall()


def counts(plant: Plant, source: str, dimension: str) -> dict[str, tuple[int, int]]:
    """By value of the dimension: units and passed units."""
    rows = query(
        plant,
        source,
        f"SELECT {dimension}, count(*), count(*) FILTER (WHERE quality_status = 'ok')"
        f" FROM {source}_production GROUP BY 1",
    )
    return {str(value): (units, passed) for value, units, passed in rows}


@pytest.mark.slow
def test_refills_have_the_documented_numbers(plant: Plant) -> None:
    assert counts(plant, "refills", "line_id") == {
        "LINE-REFILLS-001": (56, 53),
        "LINE-REFILLS-002": (44, 42),
    }


def test_bodies_have_the_documented_numbers(plant: Plant) -> None:
    assert counts(plant, "bodies", "material") == {
        "bamboo": (29, 29),
        "metal": (31, 27),
        "plastic": (40, 35),
    }
    assert set(counts(plant, "bodies", "line_id")) == {"LINE-BODIES-001", "LINE-BODIES-002"}


def test_springs_have_the_documented_numbers(plant: Plant) -> None:
    for dimension in ("line_id", "material"):
        by_value = counts(plant, "springs", dimension).values()
        assert len(by_value) == 3
        assert (sum(n for n, _ in by_value), sum(k for _, k in by_value)) == (150, 143)


@pytest.mark.parametrize("source", SOURCES)
def test_units_lie_in_the_last_seven_days_and_fit_their_status(plant: Plant, source: str) -> None:
    outside = " AND ".join(
        f"{column} NOT BETWEEN {low} AND {high}" for column, (low, high) in RANGES[source].items()
    )
    inside = " AND ".join(
        f"{column} BETWEEN {low} AND {high}" for column, (low, high) in RANGES[source].items()
    )
    rows = query(
        plant,
        source,
        f"""SELECT count(DISTINCT date_trunc('day', "timestamp", 'UTC')),
                   bool_and("timestamp" BETWEEN now() - interval '7 days' AND now()),
                   bool_and((quality_status = 'error') = (defect_type IS NOT NULL)),
                   bool_and(CASE quality_status WHEN 'ok' THEN {inside} ELSE {outside} END),
                   bool_and(first_pass_yield = (quality_status = 'ok'))
            FROM {source}_production""",
    )
    assert rows == [(7, True, True, True, True)]


@pytest.mark.parametrize("source", SOURCES)
def test_no_day_of_the_small_plant_is_out_of_control(plant: Plant, source: str) -> None:
    dimension = "line_id" if source != "bodies" else "material"
    rows = query(
        plant,
        source,
        f"""WITH daily AS (
                SELECT {dimension} AS value, date_trunc('day', "timestamp", 'UTC') AS day,
                       count(*)::float8 AS n,
                       avg((quality_status = 'ok')::int)::float8 AS p
                FROM {source}_production GROUP BY 1, 2
            ), centred AS (
                SELECT *, sum(n * p) OVER (PARTITION BY value)
                          / sum(n) OVER (PARTITION BY value) AS mean FROM daily
            )
            SELECT value, day FROM centred
            WHERE abs(p - mean) > 3 * sqrt(mean * (1 - mean) / n)""",
    )
    assert rows == []


@pytest.mark.parametrize("source", SOURCES)
def test_units_are_numbered_in_the_order_they_were_made(plant: Plant, source: str) -> None:
    rows = query(
        plant,
        source,
        f"""SELECT count(*) FROM (
                SELECT "timestamp" >= lag("timestamp", 1, '-infinity') OVER (ORDER BY id) AS later
                FROM {source}_production) AS unit WHERE NOT later""",
    )
    assert rows == [(0,)]


@pytest.mark.slow
def test_a_seed_makes_the_same_rows_every_time(make_database: MakeDatabase) -> None:
    for source in SOURCES:
        sums = []
        for _ in range(2):
            database = make_database(source)
            seed_source(database, source)
            sums.append(
                database.scalar(
                    "SELECT md5(string_agg((to_jsonb(t) - 'timestamp' - 'created_at')::text,"
                    f" '' ORDER BY id)) FROM {source}_production t"
                )
            )
        assert sums[0] == sums[1]


def test_more_rows_keep_the_proportions_and_show_one_bad_day(kept_data: Path) -> None:
    with open_plant(10_000) as plant:
        assert counts(plant, "refills", "line_id") == {
            "LINE-REFILLS-001": (5600, 5300),
            "LINE-REFILLS-002": (4400, 4200),
        }
        by_material = counts(plant, "bodies", "material")
        assert by_material["bamboo"] == (2900, 2900)
        assert by_material["plastic"] == (4000, 3500)
        assert sum(n for n, _ in counts(plant, "springs", "line_id").values()) == 10_000
        days = query(
            plant,
            "bodies",
            """WITH daily AS (
                   SELECT date_trunc('day', "timestamp", 'UTC') AS day, count(*)::float8 AS n,
                          avg((quality_status = 'ok')::int)::float8 AS p
                   FROM bodies_production WHERE line_id = 'LINE-BODIES-002' GROUP BY 1
               )
               SELECT day FROM daily, (SELECT sum(n * p) / sum(n) AS mean FROM daily) AS line
               WHERE abs(p - mean) > 3 * sqrt(mean * (1 - mean) / n)""",
        )
        assert len(days) == 1


def test_a_source_role_reads_its_source_and_nothing_else(plant: Plant) -> None:
    role = "refills_user"
    assert query(plant, "refills", "SELECT count(*) FROM refills_production", role) == [(100,)]
    for statement in (
        "UPDATE refills_production SET line_id = ''",
        "CREATE TABLE mine ()",
        "CREATE SCHEMA mine",
        "CREATE TEMPORARY TABLE mine ()",
    ):
        with (
            plant.connect("refills", role) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute(statement)
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        plant.connect("bodies", role)


def test_the_warehouse_role_makes_schemas_and_temporary_tables(plant: Plant) -> None:
    with plant.connect("warehouse", "warehouse_user") as connection:
        connection.execute("CREATE TEMPORARY TABLE mine ()")
        connection.execute("CREATE SCHEMA mine")
        connection.execute("DROP SCHEMA mine")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE TABLE public.mine ()")


def test_overrides_connect_without_a_password(plant: Plant) -> None:
    overrides = plant.overrides()
    for name, block in {**overrides["sources"], "warehouse": overrides["warehouse"]}.items():
        assert "password" not in block
        parameters = {key: value for key, value in block.items() if key != "tables"}
        with psycopg.connect(**parameters) as connection:
            assert connection.info.user == f"{name}_user"


def test_the_warehouse_keeps_its_content_between_runs(kept_data: Path) -> None:
    with open_plant() as plant, plant.connect("warehouse", "warehouse_user") as connection:
        connection.execute("CREATE SCHEMA kept; CREATE TABLE kept.answer AS SELECT 42 AS value")
        pid = plant.server.pid
    assert plant.server.pid == 0
    with open_plant() as again:
        assert again.server.pid not in (0, pid)
        assert query(again, "warehouse", "SELECT value FROM kept.answer", "warehouse_user") == [
            (42,)
        ]
        with again.connect("warehouse", "warehouse_user") as connection:
            connection.execute("DROP SCHEMA kept CASCADE")


@pytest.mark.slow
def test_a_seeding_that_was_killed_is_redone(kept_data: Path) -> None:
    code = "from elconsole.demo.plant import open_plant\nwith open_plant(300_000): pass"
    folder = kept_data / "plant-300000"
    with subprocess.Popen([sys.executable, "-c", code], cwd=REPOSITORY) as process:
        data = folder / "data"

        def seeding() -> bool:
            assert process.poll() is None, "the seeding ended before it could be killed"
            started = (data / "postmaster.pid").exists()
            return started and len(list((data / "base").iterdir())) >= 6

        until(seeding, "the databases are made", timeout_s=30)
        process.send_signal(signal.SIGKILL)
    with open_plant(300_000) as plant:
        for source in SOURCES:
            assert query(plant, source, f"SELECT count(*) FROM {source}_production") == [(300_000,)]
    shutil.rmtree(folder)


@pytest.mark.usefixtures("kept_data")
def test_a_seeding_that_fails_names_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> bytes:
        return b"SELECT no_such_column"

    monkeypatch.setattr("elconsole.demo.plant._statements", broken)
    with pytest.raises(DemoUnavailable, match="no_such_column") as caught, open_plant(123):
        pass
    assert "server.log" in str(caught.value.hint)
    assert caught.value.sqlstate == "42703"


@pytest.mark.slow
def test_nothing_outside_its_folder_changes(home: Path) -> None:
    watched = [Path("/etc/passwd"), Path("/etc/group"), home.parent, home / "work"]
    home.chmod(0o711)
    before = [(path.stat().st_mode, path.stat().st_mtime_ns) for path in watched[:2]]
    modes = [path.stat().st_mode for path in watched]
    with open_plant() as plant:
        assert plant.home == home / ".local" / "share" / "elconsole" / "demo"
    assert [(path.stat().st_mode, path.stat().st_mtime_ns) for path in watched[:2]] == before
    assert [path.stat().st_mode for path in watched] == modes
    assert home.stat().st_mode & 0o777 == 0o711
    assert {entry.name for entry in home.iterdir()} == {".local", "work"}


@pytest.mark.skipif(os.geteuid() != 0, reason="every other test runs as a normal user here")
@pytest.mark.slow
def test_root_with_a_private_home_keeps_it_private(
    home: Path, session_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = session_folder / "shared"
    monkeypatch.setattr("elconsole.demo.plant._SHARED_FOLDER", shared)
    home.chmod(0o700)
    with open_plant() as plant:
        assert plant.home.parent == shared
        assert counts(plant, "bodies", "material")["metal"] == (31, 27)
    assert home.stat().st_mode & 0o777 == 0o700
    assert {entry.name for entry in home.iterdir()} == {"work"}


@pytest.mark.skipif(os.geteuid() != 0, reason="every other test runs as a normal user here")
@pytest.mark.slow
def test_root_can_give_the_plant_to_a_normal_user(session_folder: Path) -> None:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    python = shutil.which(version, path="/usr/bin:/usr/local/bin")
    if python is None:
        pytest.skip(f"no {version} that a normal user can run")
    folder = session_folder / "normal-user"
    folder.mkdir(mode=0o700)
    os.chown(folder, 65534, 65534)
    libraries = Path(psycopg.__file__).parent.parent
    code = (
        "from elconsole.demo.plant import open_plant\n"
        "with open_plant() as plant, plant.connect('springs', 'springs_user') as connection:\n"
        "    print(connection.execute('SELECT count(*) FROM springs_production').fetchone()[0])"
    )
    result = subprocess.run(
        [python, "-c", code],
        user=65534,
        group=65534,
        extra_groups=[],
        cwd="/",
        env={"HOME": str(folder), "PYTHONPATH": f"{REPOSITORY}:{libraries}", "PATH": os.defpath},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.stdout, result.returncode) == ("150\n", 0), result.stderr
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_live_plant_produces_until_it_is_stopped(plant: Plant) -> None:
    stop = threading.Event()
    made: list[int] = []
    thread = threading.Thread(
        target=lambda: made.append(run_live(plant, stop, Pace(units_per_second=500), seed=1))
    )
    thread.start()
    try:
        live = "SELECT count(*) FROM refills_production WHERE batch_id LIKE 'BATCH-LIVE-%'"
        until(lambda: query(plant, "refills", live)[0][0] >= 30, "30 units are made")
    finally:
        stop.set()
        thread.join(5)
    assert not thread.is_alive()
    assert made[0] >= 30
    for source in SOURCES:
        with plant.connect(source) as connection:
            connection.execute(f"DELETE FROM {source}_production WHERE batch_id ~ '^BATCH-LIVE'")


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.slow
def test_the_compose_scripts_make_a_source_as_the_default_settings_expect(
    server: PostgresServer, make_database: MakeDatabase, make_role: MakeRole, source: str
) -> None:
    database = make_database(source)
    psql = server.installation.program("psql")
    scripts = [
        f"{source}.sql" if name == "units" else name
        for name in ("compose_role.sql", "units", "source_rights.sql")
    ]
    try:
        for script in scripts:
            subprocess.run(
                [
                    psql,
                    "-X",
                    "-q",
                    "-v",
                    "ON_ERROR_STOP=1",
                    "-f",
                    str(SEED / script),
                    database.conninfo,
                ],
                check=True,
                capture_output=True,
            )
        reader = server.tcp(database).as_role(f"{database.name}_user", f"{database.name}_password")
        with psycopg.connect("", **reader) as connection:  # type: ignore[arg-type]
            row = connection.execute(f"SELECT count(*) FROM {source}_production").fetchone()
        assert row == (150 if source == "springs" else 100,)
    finally:
        server.drop_database(database)
        server.drop_role(f"{database.name}_user")


def test_the_compose_file_mounts_files_that_exist() -> None:
    text = (REPOSITORY / "docker-compose.yml").read_text()
    mounts = [line.split(":")[0].strip("- ") for line in text.splitlines() if "/seed/" in line]
    assert len(mounts) == 11
    assert all((REPOSITORY / mount).is_file() for mount in mounts)


@pytest.mark.slow
def test_a_plant_of_another_edition_is_made_anew(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_plant() as plant, plant.connect("warehouse", "warehouse_user") as connection:
        connection.execute("CREATE SCHEMA old")
    monkeypatch.setattr("elconsole.demo.plant._EDITION", "next")
    said: list[str] = []
    with open_plant(narrate=said.append) as plant:
        assert query(plant, "warehouse", "SELECT FROM pg_namespace WHERE nspname = 'old'") == []
    assert any("anew" in text for text in said)
    assert sum("lives in" in text and str(plant.home) in text for text in said) == 1
    with open_plant(narrate=said.append):
        assert sum("lives in" in text for text in said) == 1


def test_leaving_the_plant_by_an_exception_stops_it(kept_data: Path) -> None:
    servers: list[EmbeddedServer] = []

    def interrupted() -> None:
        with open_plant() as plant:
            servers.append(plant.server)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert servers[0].pid == 0
