"""What is wrong with a setting is said with its key, its place and the next step; a secret
is never said at all."""

from __future__ import annotations

import copy
import pickle
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from elconsole.config.load import LoadedSettings, Settings, SourceSettings, load_settings
from elconsole.core.errors import ConfigurationError

pytestmark = pytest.mark.unit

Load = Callable[..., LoadedSettings]
SECRET = "hunter2-öß%'\"x"


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))

    def load_from(
        toml: str | bytes | None = None,
        dotenv: str | None = None,
        overrides: dict[str, Any] | None = None,
        mode: int = 0o600,
        **environ: str,
    ) -> LoadedSettings:
        for name, text in (("elconsole.toml", toml), (".env", dotenv)):
            if text is not None:
                content = text if isinstance(text, bytes) else text.encode()
                (tmp_path / name).write_bytes(content)
                (tmp_path / name).chmod(mode)
        return load_settings(None, overrides, environ=environ, cwd=tmp_path)

    return load_from


def failure(load: Load, *args: Any, **kwargs: Any) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        load(*args, **kwargs)
    assert caught.value.exit_code == 2
    assert caught.value.hint
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    return caught.value


@pytest.mark.parametrize(
    ("toml", "key", "near"),
    [
        ("workrs = 1", "workrs", "workers"),
        ("color = 'red'", "color", "colour"),
        ("[warehous]\nport=1", "warehous", "warehouse"),
        ("[warehouse]\nprot=1", "warehouse.prot", "warehouse.port"),
        ("[warehouse]\nPort=1", "warehouse.Port", "warehouse.port"),
        ("[warehouse]\ntarget_schema='x'", "warehouse.target_schema", "schema"),
        ("[sources.a]\ndatabase='x'", "sources.a.database", "dbname"),
        ("[sources.a]\ntabels=['x']", "sources.a.tabels", "sources.a.tables"),
        ("[sources.a.tables]\nx=1", "sources.a.tables", "list"),
        ("[sources.a.table.t]\nmod='full'", "sources.a.table.t.mod", "sources.a.table.t.mode"),
        ("[sources.a.table.t.qualty]\nby=[]", "sources.a.table.t.qualty", "t.quality"),
        (
            '[sources.a.table."x.*".quality]\nstate="q"',
            'sources.a.table."x.*".quality.state',
            'sources.a.table."x.*".quality.status',
        ),
        ("[notify]\non_fail=['x']", "notify.on_fail", "notify.on_failure"),
        ("[checks]\nrow_jmp=1", "checks.row_jmp", "checks.row_jump"),
        ("[sources.a.table.t.checks]\nuniq_key=true", "table.t.checks.uniq_key", "unique_key"),
    ],
)
def test_an_unknown_key_is_named_with_its_file_and_the_nearest_key(
    load: Load, tmp_path: Path, toml: str, key: str, near: str
) -> None:
    error = failure(load, toml)
    assert key in error.message
    assert str(tmp_path / "elconsole.toml") in error.message
    assert near in f"{error.message} {error.hint}"


def test_a_key_in_the_wrong_block_is_told_where_it_belongs(load: Load) -> None:
    assert "[sources.NAME.table.TABLE.quality]" in str(failure(load, "passed=['ok']").hint)
    assert "the top of the file" in str(failure(load, "[sources.a]\nstall_timeout=3").hint)


def test_an_unquoted_name_with_a_dot_is_told_to_use_quotes(load: Load) -> None:
    error = failure(load, "[sources.a.table.public.orders]\nmode='full'")
    assert 'sources.a.table."public.orders"' in str(error.hint)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("ELCONSOLE_WAREHOUSE_PORT", "ELCONSOLE_WAREHOUSE__PORT"),
        ("ELCONSOLE_WORKER", "ELCONSOLE_WORKERS"),
        ("ELCONSOLE_SOURCES__REFILLS__PASWORD", "ELCONSOLE_SOURCES__REFILLS__PASSWORD"),
        ("ELCONSOLE_SOURCES__NEW__PASWORD", "ELCONSOLE_SOURCES__NEW__PASSWORD"),
        ("ELCONSOLE_SOURCES__A__TABLE__T__MOD", "ELCONSOLE_SOURCES__A__TABLE__T__MODE"),
        ("ELCONSOLE_WAREHOUSE__PORT__X", "ELCONSOLE_WAREHOUSE__PORT"),
        ("ELCONSOLE_SOURCES__", ""),
        ("ELCONSOLE_", ""),
        ("ELCONSOLE_SOURCES____PORT", ""),
    ],
)
def test_an_unknown_variable_is_named_with_the_nearest_one(
    load: Load, name: str, near: str
) -> None:
    error = failure(load, **{name: "1"})
    assert error.message == f"environment: unknown variable {name}"
    assert near in str(error.hint)


def test_an_unknown_variable_in_dotenv_names_that_file(load: Load) -> None:
    error = failure(load, dotenv="OTHER=1\nELCONSOLE_WORKRES=1\n")
    assert error.message == ".env: unknown variable ELCONSOLE_WORKRES"
    assert "ELCONSOLE_WORKERS" in str(error.hint)


def test_an_unknown_override_names_the_command_line(load: Load) -> None:
    assert failure(load, overrides={"worker": 3}).message == "command line: worker: unknown key"


def test_a_mistyped_source_in_a_variable_does_not_make_a_new_source(load: Load) -> None:
    error = failure(load, ELCONSOLE_SOURCES__REFILS__PASSWORD="p")
    assert "environment ELCONSOLE_SOURCES__REFILS__PASSWORD" in error.message
    assert "sources.refills.password" in str(error.hint)


@pytest.mark.parametrize(
    ("toml", "line"),
    [("workers = \n", "line 1"), ("a=1\n[x\n", "line 2"), ("a=1\nb=2\na=3\n", "line 3")],
)
def test_broken_toml_names_the_file_and_the_line(load: Load, toml: str, line: str) -> None:
    error = failure(load, toml)
    assert "elconsole.toml" in error.message
    assert line in error.message


def test_a_file_that_is_no_text_names_the_line(load: Load) -> None:
    assert "UTF-8 text (line 2)" in failure(load, b"workers = 1\nname = '\xff'\n").message


def test_a_byte_order_mark_does_no_harm(load: Load) -> None:
    assert load(b"\xef\xbb\xbfworkers = 3\r\n").settings.workers == 3


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no such file"):
        load_settings(tmp_path / "none.toml", environ={}, cwd=tmp_path)
    with pytest.raises(ConfigurationError, match="can't be read"):
        load_settings(tmp_path, environ={}, cwd=tmp_path)


@pytest.mark.parametrize(
    ("toml", "expected"),
    [
        ("workers = 0", "workers: must be greater than or equal to 1 (it is 0)"),
        ("workers = 'many'", "workers: must be a whole number (it is 'many')"),
        ("workers = 1.5", "workers: must be a whole number"),
        ("workers = true", "workers: must be a number, not true or false"),
        ("connect_timeout = 0", "connect_timeout: must be greater than 0"),
        ("connect_timeout = -1", "connect_timeout: must be greater than 0"),
        ("stall_timeout = nan", "stall_timeout: must be a finite number"),
        ("stall_timeout = inf", "stall_timeout: must be"),
        ("retries = -1", "retries: must be greater than or equal to 0"),
        ("colour = 'gren'", "colour: must be 'blue', 'green', 'amber' or 'red' (it is 'gren')"),
        ("warehouse = 3", "warehouse: must be a table of settings"),
        ("sources = []", "sources: must be a table of settings"),
        ("[warehouse]\nport = 0", "warehouse.port: must be greater than or equal to 1"),
        ("[warehouse]\nport = 65536", "warehouse.port: must be less than or equal to 65535"),
        ("[warehouse]\nhost = ''", "warehouse.host: must not be empty"),
        ('[warehouse]\nhost = "a\\u0000b"', "warehouse.host: must not contain a NUL"),
        ("[warehouse]\nschema = ''", "warehouse.schema: must not be empty"),
        ("[warehouse]\ndsn = ''", "warehouse.dsn: must not be empty"),
        ("[sources.a]\ntables = [3]", "sources.a.tables: must be text, in quotes"),
        ("[sources.a]\nmode = 'ful'", "sources.a.mode: must be 'full' or 'incremental'"),
        ("[sources.a]\nstrategy = 'full'", "sources.a.strategy: must be 'xmin' or 'cursor'"),
        ("[sources.a]\ndeletes = 'yes'", "sources.a.deletes: must be 'ignore', 'sweep' or"),
        ("[sources.'a.b']\nport=1", 'sources."a.b": not a source\'s name'),
        ("[sources.1a]\nport=1", "sources.1a: not a source's name"),
        ("[sources.warehouse]\nport=1", "is the warehouse's own name"),
        ("[sources.a]\nstrategy='cursor'", "sources.a.strategy: needs a table with a cursor"),
        (
            "[sources.a.table.t]\nstrategy='cursor'",
            "sources.a.table.t.strategy: needs a cursor column",
        ),
        (
            "[sources.a.table.t]\ncolumns=['a']\nexclude_columns=['b']",
            "columns and exclude_columns exclude each other",
        ),
        ("[sources.a]\ndsn='host=a,b,c port=1,2'", "sources.a.port: there are 2 ports for 3 hosts"),
        ("[sources.a]\ntarget='{tabel}'", "sources.a.target: has an unknown field: its fields"),
        ("[sources.a]\ntarget='{table!r}'", "sources.a.target: has an unknown field"),
        ("[sources.a]\ntarget='{table'", "sources.a.target: has a brace that stands alone"),
        ("[sources.a]\ntarget=''", "sources.a.target: must not be empty"),
        ("[sources.a.table.t]\ntarget=''", "sources.a.table.t.target: must not be empty"),
        (
            "[sources.a.table.t]\ntarget='" + "é" * 32 + "'",
            "sources.a.table.t.target: is 64 bytes long: a name in PostgreSQL has at most 63",
        ),
        ("[sources.a]\ntarget_schema='" + "x" * 64 + "'", "target_schema: is 64 bytes long"),
        ("[sources.a]\ntarget_schema='elconsole'", "target_schema: is a schema for other things"),
        ("[sources.a]\ntarget_schema='pg_x'", "target_schema: is a schema for other things"),
        (
            "[sources.a.table.t]\ntarget='x'\n[sources.a.table.u]\ntarget='x'",
            "sources.a.table.u.target: is the target of sources.a.table.t, too",
        ),
        ("[checks]\nfreshness='soon'", "checks.freshness: must be a duration"),
    ],
)
def test_a_wrong_value_names_its_key_and_the_rule(load: Load, toml: str, expected: str) -> None:
    assert expected in failure(load, toml).message


def test_two_keys_of_one_table_may_give_it_the_same_target(load: Load) -> None:
    lines = "[sources.a.table.t]\ntarget='x'\n[sources.a.table.'public.t']\ntarget='x'"
    assert load(lines).settings.sources["a"].table_settings("public", "t").target == "x"


def test_the_warehouse_calls_its_schema_so(load: Load) -> None:
    error = failure(load, "[warehouse]\ntarget_schema='x'")
    assert error.hint == "Did you mean warehouse.schema?"


def test_a_wrong_value_names_where_it_came_from(load: Load) -> None:
    error = failure(load, "workers = 2", ELCONSOLE_WORKERS="x")
    assert error.message.startswith("environment ELCONSOLE_WORKERS: workers: ")
    assert error.hint == "Correct or unset ELCONSOLE_WORKERS."
    error = failure(load, overrides={"warehouse.port": 0})
    assert error.message.startswith("command line: warehouse.port: ")
    assert failure(load, dotenv="ELCONSOLE_WORKERS=y").message.startswith(".env: workers: ")


def test_every_wrong_setting_is_named_at_once(load: Load) -> None:
    lines = failure(load, "workers='x'\nretries='y'\n").message.splitlines()
    assert len(lines) == 2


def test_a_cursor_may_come_from_a_more_general_block(load: Load) -> None:
    loaded = load(
        "[sources.a]\nstrategy='cursor'\n[sources.a.table.'*']\ncursor='at'\n"
        "[sources.a.table.t]\nstrategy='cursor'\n"
    )
    assert loaded.settings.sources["a"].table_settings("public", "t").cursor == "at"
    assert loaded.warnings == ()


def test_settings_without_effect_are_told_as_warnings(load: Load) -> None:
    warnings = load("[sources.a.table.t]\ncursor='at'\nhash_columns=['c']\n").warnings
    assert [w.split(" ")[0] for w in warnings] == [
        "sources.a.table.t.cursor",
        "sources.a.table.t.hash_columns",
    ]


# --- secrets -------------------------------------------------------------------------------


def toml_text(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@pytest.mark.parametrize(
    "toml",
    [
        f"[warehouse]\npassword = [{toml_text(SECRET)}]",
        f"[warehouse.password]\nx = {toml_text(SECRET)}",
        f"[warehouse]\ndsn = {toml_text('postgresql://u:' + SECRET + '@h:x/d')}",
        f"[warehouse]\ndsn = {toml_text('host=h password ' + SECRET)}",
        f"[warehouse]\ndsn = {toml_text(SECRET)}",
        f"[warehouse]\nhost = {toml_text('postgresql://u:' + SECRET + '@h/d')}",
        f"hash_salt = [{toml_text(SECRET)}]",
        f"hash_salt = {toml_text(SECRET)}\nworkers = 0",
        f"[warehouse]\npassword = {toml_text(SECRET)}\nprot = 1",
        f"[sources.a]\npassword = {toml_text(SECRET)}\nport = 0",
    ],
)
def test_no_error_repeats_a_secret(load: Load, toml: str) -> None:
    error = failure(load, toml)
    told = "".join(traceback.format_exception(error)) + repr(error) + str(error.hint)
    assert "hunter2" not in told
    assert b"hunter2" not in pickle.dumps(error)


def test_no_error_repeats_a_secret_that_is_a_number(load: Load) -> None:
    assert "271828" not in str(failure(load, "hash_salt = 271828\n[warehouse]\npassword = 271828"))


def test_models_made_by_hand_hide_what_they_refuse() -> None:
    with pytest.raises(ValidationError) as caught:
        SourceSettings.model_validate({"password": ["hunter2"], "pasword": "hunter2"})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "name",
    ["ELCONSOLE_WAREHOUSE", "ELCONSOLE_WAREHOUSE__DSN", "ELCONSOLE_SOURCES", "ELCONSOLE_PASSWORD"],
)
def test_no_error_repeats_a_variables_secret(load: Load, name: str) -> None:
    assert "hunter2" not in str(failure(load, **{name: "{'password': 'hunter2'}"}))


def test_settings_never_show_a_secret(load: Load) -> None:
    loaded = load(
        f"hash_salt={toml_text(SECRET)}\n[warehouse]\npassword={toml_text(SECRET)}\n"
        "[sources.a]\ndsn='postgresql://u:hunter2@h/d'\n"
    )
    settings = loaded.settings
    shown = [repr(loaded), str(loaded), repr(settings), settings.model_dump_json()]
    shown += [repr(settings.model_dump()), settings.sources["a"].address]
    assert not [text for text in shown if "hunter2" in text]
    assert settings.warehouse.connection_parameters()["password"] == SECRET
    assert set(settings.secrets()) == {SECRET, "hunter2", "postgresql://u:hunter2@h/d"}


def test_settings_with_secrets_can_be_copied_but_not_pickled() -> None:
    settings = Settings()
    assert copy.deepcopy(settings) == settings
    for value in (settings, settings.warehouse):
        with pytest.raises(TypeError, match="can't be pickled"):
            pickle.dumps(value)


@pytest.mark.parametrize(
    ("toml", "secret"),
    [
        ("[warehouse]\npassword='x'", True),
        ("hash_salt='x'", True),
        ("[sources.a]\ndsn='postgresql://u:p@h/d'", True),
        ("[sources.a]\ndsn='postgresql://u@h/d'", False),
        ("[sources.a]\ndbname='d'", False),
    ],
)
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o604, 0o644])
def test_a_file_with_a_secret_that_others_can_read_draws_a_warning(
    load: Load, toml: str, secret: bool, mode: int
) -> None:
    warnings = load(toml, mode=mode).warnings
    if secret and mode != 0o600:
        assert len(warnings) == 1
        assert f"(mode {mode:04o}): run chmod 600" in warnings[0]
    else:
        assert warnings == ()


def test_a_readable_dotenv_with_a_secret_draws_a_warning(load: Load) -> None:
    warnings = load(dotenv="ELCONSOLE_WAREHOUSE__PASSWORD=x\n", mode=0o644).warnings
    assert len(warnings) == 1
    assert ".env holds a secret" in warnings[0]
    assert load(dotenv="OTHER_PASSWORD=x\n", mode=0o644).warnings == ()


@given(st.text(min_size=1).filter(lambda text: "\0" not in text))
def test_any_password_reaches_libpq_as_it_is(password: str) -> None:
    source = SourceSettings(password=SecretStr(password))
    assert source.connection_parameters() == {"password": password}


def assert_loads_or_explains(values: dict[str, Any], environ: dict[str, str]) -> None:
    hint: str | None = None
    try:
        load_settings(Path("/dev/null"), values, environ=environ, cwd=Path("/dev"))
    except ConfigurationError as error:
        hint = error.hint
    assert hint is None or hint.strip()


nested = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just([1]),
    lambda inner: st.dictionaries(
        st.sampled_from(
            ["warehouse", "sources", "a", "table", "t", "port", "dsn", "mode", "quality", "by"]
        )
        | st.text(max_size=5),
        inner,
        max_size=3,
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["warehouse", "sources", "checks", "workers"]), nested))
def test_odd_values_are_refused_and_never_crash(values: dict[str, Any]) -> None:
    assert_loads_or_explains(values, {})


@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8", exclude_characters="\0="), max_size=20).map(
            lambda text: "ELCONSOLE_" + text
        )
        | st.sampled_from(
            ["ELCONSOLE_WAREHOUSE", "ELCONSOLE_WAREHOUSE__PORT", "ELCONSOLE_SOURCES__A__TABLES"]
        ),
        st.text(max_size=20) | st.just('{"port": 3}') | st.just('{"port": {"x": [1]}}'),
        max_size=4,
    )
)
def test_odd_variables_are_refused_and_never_crash(environ: dict[str, str]) -> None:
    assert_loads_or_explains({}, environ)
