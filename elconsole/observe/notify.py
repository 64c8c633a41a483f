"""Notifications of a run's end and of signals: commands and ping URLs.

Their failure is logged and never fails a sync; each is bounded in time.
"""

from __future__ import annotations

import base64
import http.client
import json
import logging
import os
import re
import shlex
import signal
import subprocess
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import IO, Any, Literal, Protocol
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from elconsole.core.safe_text import clean_json, clean_text

LOG = logging.getLogger("elconsole.notify")
DEFAULT_TIMEOUT_S = 10.0
PingKind = Literal["start", "success", "fail"]


SECRET_VARIABLES = re.compile(
    r"PGPASSWORD|ELCONSOLE_(?:.*_)?(?:PASSWORD|DSN|HASH_SALT|PING_URL)", re.IGNORECASE
)
"""Names of environment variables that no command needs to know."""


class Secret(Protocol):
    """A text that shows itself to nobody by accident."""

    def get_secret_value(self) -> str: ...


class NotifyWanted(Protocol):
    """Who wants to hear of what, as settings give it."""

    @property
    def on_failure(self) -> tuple[str, ...]: ...
    @property
    def on_signal(self) -> tuple[str, ...]: ...
    @property
    def on_success(self) -> tuple[str, ...]: ...
    @property
    def ping_url(self) -> Secret | None: ...


class Notifier:
    """Tells whoever settings name; methods return True where all heard and never raise."""

    def __init__(
        self,
        wanted: NotifyWanted,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        hidden: frozenset[str] = frozenset(),
    ) -> None:
        """`hidden`: variables of the environment that no command may see."""
        self._wanted = wanted
        self._hidden = hidden
        self._timeout_s = timeout_s
        self._starting: threading.Thread | None = None

    def starting(self) -> None:
        """A run begins: say so without delaying it."""
        self._starting = threading.Thread(target=self.started, name="notify", daemon=True)
        self._starting.start()

    def started(self) -> bool:
        """A run began."""
        return self._ping("start")

    def ended(self, document: Mapping[str, Any]) -> bool:
        """A run ended; `document` is what `sync --json` prints."""
        if self._starting is not None:
            # A start that arrived after the end would leave the check waiting for another.
            self._starting.join(self._timeout_s + 1)
        succeeded = document.get("status") == "succeeded"
        # Where nothing was due there was no run.
        ran = self._wanted.on_success if document.get("tables") != [] else ()
        commands = ran if succeeded else self._wanted.on_failure
        jobs: list[Callable[[], bool]] = [
            partial(run_command, command, document, self._timeout_s, self._hidden)
            for command in commands
        ]
        jobs.append(lambda: self._ping("success" if succeeded else "fail"))
        return _all_at_once(jobs, self._timeout_s)

    def signalled(self, signals: Sequence[Mapping[str, Any]]) -> bool:
        """Pass rates raised signals; nothing happens without one."""
        if not signals:
            return True
        document = {"signals": list(signals)}
        return _all_at_once(
            [
                partial(run_command, command, document, self._timeout_s, self._hidden)
                for command in self._wanted.on_signal
            ],
            self._timeout_s,
        )

    def _ping(self, kind: PingKind) -> bool:
        if self._wanted.ping_url is None:
            return True
        url = self._wanted.ping_url.get_secret_value()
        return _all_at_once(
            [lambda: fetch(ping_address(url, kind), self._timeout_s)], self._timeout_s
        )


def ping_address(url: str, kind: PingKind) -> str:
    """The URL for a start, a success or a failure, its query kept."""
    if kind == "success":
        return url
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{kind}"))


def run_command(
    command: str,
    document: Mapping[str, Any],
    timeout_s: float,
    hidden: frozenset[str] = frozenset(),
) -> bool:
    """Run a command, split as a shell would but without one, with JSON on its stdin.

    A command may leave processes in the background. One that takes too long is ended with
    all it started; a ctrl+c meant for the sync does not reach it.
    """
    name = command.split()[0] if command.split() else command
    text = clean_json(json.dumps(document, ensure_ascii=False, default=str)).encode("utf-8")
    try:
        # A pipe would stay open as long as any process in the background holds it.
        with tempfile.TemporaryFile() as stderr:
            environ = without_secrets(os.environ, hidden)
            code = _run(shlex.split(command), text, stderr, timeout_s, environ)
            stderr.seek(0)
            words = clean_text(stderr.read(4000).decode("utf-8", "replace").strip(), 500)
    except (OSError, ValueError, IndexError) as error:
        LOG.warning("notify: %s could not be run: %s", name, error)
        return False
    if code is None:
        LOG.warning("notify: %s was ended after %g s", name, timeout_s)
    elif code:
        LOG.warning("notify: %s ended with %d: %s", name, code, words)
    return code == 0


def _run(
    command: Sequence[str],
    text: bytes,
    stderr: IO[bytes],
    timeout_s: float,
    environ: Mapping[str, str],
) -> int | None:
    """A command's exit code; None where it took too long and was killed."""
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=stderr,
        start_new_session=True,
        env=environ,
    ) as process:
        try:
            process.communicate(text, timeout=timeout_s)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            return None
        return process.returncode


def without_secrets(environ: Mapping[str, str], hidden: frozenset[str]) -> dict[str, str]:
    """An environment for commands: no password, nothing `hidden`, and no whole block of settings
    (JSON)."""
    return {
        name: value
        for name, value in environ.items()
        if not SECRET_VARIABLES.fullmatch(name)
        and name not in hidden
        and not (name.upper().startswith("ELCONSOLE_") and value.lstrip().startswith("{"))
    }


def fetch(url: str, timeout_s: float) -> bool:
    """GET a URL. Its path may be a secret: logs name its host alone."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        LOG.warning("notify: ping_url must begin with http:// or https://")
        return False
    try:
        with urllib.request.urlopen(_request(parts), timeout=timeout_s) as answer:  # noqa: S310
            answer.read(1024)
    except urllib.error.HTTPError as error:
        LOG.warning("notify: %s answered %d", parts.hostname, error.code)
        error.close()
        return False
    except (OSError, ValueError, http.client.HTTPException) as error:
        # What else they say may quote the URL.
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        said = reason.strerror if isinstance(reason, OSError) and reason.strerror else None
        words = said or type(reason).__name__
        LOG.warning("notify: %s could not be reached: %s", parts.hostname, words)
        return False
    return True


def _request(parts: SplitResult) -> urllib.request.Request:
    """A request whose user and password, if any, stand in its header (RFC 7617)."""
    userinfo, _, place = parts.netloc.rpartition("@")
    address = urlunsplit(parts._replace(netloc=place))
    request = urllib.request.Request(address, headers={"User-Agent": "elconsole"})  # noqa: S310
    if userinfo:
        credentials = base64.b64encode(unquote(userinfo).encode()).decode()
        # For this host alone, not for one that it may redirect to.
        request.add_unredirected_header("Authorization", f"Basic {credentials}")
    return request


def _all_at_once(jobs: Sequence[Callable[[], bool]], timeout_s: float) -> bool:
    """Run jobs side by side, so that together they take no longer than one may.

    Threads, because a slow name server or a trickling answer outlives socket time-outs.
    """
    answers: list[bool] = []

    def run(job: Callable[[], bool]) -> None:
        try:
            answers.append(job())
        # Whatever a notification does, the sync's own result stands.
        except Exception:
            LOG.exception("notify: a notification failed")

    threads = [threading.Thread(target=run, args=(job,), daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        # A killed command needs a moment to be reaped.
        thread.join(timeout_s + 1)
        if thread.is_alive():
            LOG.warning("notify: no answer within %g s", timeout_s)
    return len(answers) == len(jobs) and all(answers)
