"""A session in a process of its own, beside Dagster's: the client, and what runs there.

A run has two halves that hardly need each other: Dagster, which plans and writes events, and the
mechanism, which judges, builds and publishes. Here the mechanism works ahead of the graph in its
own process and hands over each result as it is done; Dagster asks for them in its own order. What
was not done ahead (a single asset, a step that is tried again, all that comes after a failure) is
done when it is asked for. Publication is prepared ahead and happens only when asked for.
"""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.paths import Paths
from pipeline.quality.worker import read_message, write_message

if TYPE_CHECKING:
    from pipeline.report.board import Standing
    from pipeline.session import DatasetState, Session
    from pipeline.warehouse.build import Note

# What is asked for: a method of Session and its arguments.
Key = tuple[str, ...]
_CLOSING_SECONDS = 5


class SessionProcessError(RuntimeError):
    """The session's process ended before it answered."""


@dataclass(frozen=True)
class Order:
    """What a run is about. `assets`: the assets that it makes (`raw/eurostat/nrg_ind_ren`,
    `marts/targets`), None for all of them."""

    data: Path
    reference: date
    offline: bool = False
    sources: tuple[str, ...] = ()
    assets: frozenset[str] | None = None
    run_id: str = ""


def asset_of(name: str) -> str:
    """The asset of a dataset `source/name`."""
    return f"raw/{name.replace('.', '_')}"


# The client


class SessionProcess:
    """A session that runs elsewhere. Its answers are those of Session's methods, and so are the
    errors that they raise; SessionProcessError if the process is gone."""

    def __init__(self, order: Order) -> None:
        """Start the process; what it is told to do begins at once."""
        self.order = order
        self.paths = Paths(order.data)
        self.reference = order.reference
        self._say: Callable[[str], None] = print
        self._news = threading.Condition()
        self._said: deque[str] = deque()
        self._answers: dict[Key, tuple[bool, Any]] = {}
        self._expected: set[Key] | None = None  # None: not known yet
        self._gone = False
        self._fault = ""
        self._missions: dict[str, tuple[Standing, str | None]] | None = None
        with _interrupts_kept_from_children():
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", __name__],  # -P: no module from where somebody stands
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        threading.Thread(target=self._listen, daemon=True).start()
        self._tell(order)

    def _tell(self, message: Any) -> None:
        with suppress(BrokenPipeError):  # the listener finds out that it is gone
            write_message(self._process.stdin, message)  # type: ignore[arg-type]

    def _listen(self) -> None:
        try:
            while (message := read_message(self._process.stdout)) is not None:  # type: ignore[arg-type]
                kind, content = message
                with self._news:
                    if kind == "say":
                        self._said.append(content)
                    elif kind == "expect":
                        self._expected = content
                    else:
                        key, good, answer = content
                        self._answers[key] = (good, answer)
                    self._news.notify_all()
        except Exception as error:
            self._fault = f"{type(error).__name__}: {error}"
        finally:
            # Whatever happened: nobody may wait for an answer that will not be heard.
            with self._news:
                self._gone = True
                self._news.notify_all()

    def _ask(self, *key: str) -> Any:
        """The answer to `key`, waited for; what the session says meanwhile is passed on."""
        asked = False
        while True:
            with self._news:
                while not (self._said or key in self._answers or self._gone):
                    if self._expected is not None and key not in self._expected and not asked:
                        break
                    self._news.wait()
                said = [self._said.popleft() for _ in range(len(self._said))]
                answer = self._answers.pop(key, None)
                if answer is not None and self._expected:
                    self._expected.discard(key)
                gone = self._gone
                must_ask = not asked and self._expected is not None and key not in self._expected
            for line in said:
                self._say(line)
            if answer is not None:
                good, content = answer
                if good:
                    return content
                for error, cause in pairwise(content):
                    error.__cause__ = cause
                raise content[0]
            if gone:
                raise SessionProcessError(self._why_gone())
            if must_ask:
                asked = True
                self._tell(key)

    def _why_gone(self) -> str:
        if self._fault:
            return f"the process that builds the tables is not understood ({self._fault})"
        try:
            code = self._process.wait(timeout=_CLOSING_SECONDS)
        except subprocess.TimeoutExpired:
            return "the process that builds the tables says nothing more"
        if code == -signal.SIGKILL:
            why = "was killed: look at the memory of this machine, and run again"
        else:
            why = f"ended (exit code {code}): look at what it wrote to standard error"
        return f"the process that builds the tables {why}"

    def open(self, say: Callable[[str], None]) -> SessionProcess:
        """Wait until the session has begun: it has the lock, and what was to be pulled is here.

        What it says, now and later, is passed on to `say` in the thread that asks for something.
        """
        self._say = say
        self._ask("begin")
        return self

    def dataset(self, name: str) -> DatasetState:
        return self._ask("dataset", name)  # type: ignore[no-any-return]

    def put_registry(self) -> list[Note]:
        return self._ask("put_registry")  # type: ignore[no-any-return]

    def build(self, name: str) -> Note:
        return self._ask("build", name)  # type: ignore[no-any-return]

    def publish(self) -> Path:
        self._missions = None
        return self._ask("publish")  # type: ignore[no-any-return]

    def mission(self, mission: str) -> tuple[Standing, str | None]:
        if self._missions is None:
            self._missions = self._ask("missions")
        return self._missions[mission]

    def end(self) -> None:
        """End the session: the lock is free afterwards, what was not published is gone."""
        process = self._process
        try:
            with suppress(OSError, ValueError):
                write_message(process.stdin, ("end",))  # type: ignore[arg-type]
            with suppress(OSError):
                process.stdin.close()  # type: ignore[union-attr]
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=_CLOSING_SECONDS)
        finally:
            # Out of patience; that of the person at the terminal counts too.
            if process.poll() is None:
                process.kill()
                process.wait()


@contextmanager
def _interrupts_kept_from_children() -> Iterator[None]:
    """What is started here never gets a Ctrl-C of the terminal, not even while it imports: the
    process that starts it decides when a run is stopped."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_EARLY: SessionProcess | None = None


def start_early(order: Order) -> None:
    """Start the session of a run that will begin soon: Dagster's import takes a while."""
    global _EARLY
    stop_early()
    _EARLY = SessionProcess(order)


def take(order: Order) -> SessionProcess:
    """The session that was started early for this very order, else a new one."""
    global _EARLY
    early, _EARLY = _EARLY, None
    # A run that started its session itself makes every asset, whichever way it says so.
    if early is not None and early.order == replace(order, assets=early.order.assets):
        return early
    if early is not None:
        early.end()
    return SessionProcess(order)


def stop_early() -> None:
    """End a session that nobody took."""
    global _EARLY
    early, _EARLY = _EARLY, None
    if early is not None:
        early.end()


# The process


class _Host:
    """Runs one session: what will be asked for, in the order in which it can be done, and in
    between whatever was asked for out of turn."""

    def __init__(self) -> None:
        # Whatever a library prints must not get between the messages.
        self._out = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)
        self._inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._writing = threading.Lock()
        self._begun = False
        self._ending = False

    def _send(self, kind: str, content: Any) -> None:
        with self._writing, suppress(BrokenPipeError):
            write_message(self._out, (kind, content))

    def _listen(self) -> None:
        while not self._ending and (message := read_message(sys.stdin.buffer)) is not None:
            self._ending = message == ("end",)
            self._inbox.put(message)
        if not self._ending:
            # Dagster's process is gone: end as it did. Nothing here is ever half written.
            os._exit(1)
        if not self._begun:
            # Waiting for the lock or for a publisher: that is given up.
            os.kill(os.getpid(), signal.SIGTERM)
        # Nobody may be there any more to end what takes too long.
        time.sleep(_CLOSING_SECONDS)
        os._exit(1)

    def run(self) -> None:
        order = read_message(sys.stdin.buffer)
        if order is None:
            return
        threading.Thread(target=self._listen, daemon=True).start()
        from pipeline.session import Session

        session = Session(Paths(order.data), order.reference, lambda text: self._send("say", text))
        try:
            if self._begin(session, order):
                self._serve(session, order)
        finally:
            session.end()

    def _begin(self, session: Session, order: Order) -> bool:
        def stop(*_: Any) -> None:
            raise KeyboardInterrupt

        before = signal.signal(signal.SIGTERM, stop)
        try:
            return self._answer(("begin",), lambda: begin(session, order))
        finally:
            self._begun = True
            signal.signal(signal.SIGTERM, before)

    def _serve(self, session: Session, order: Order) -> None:
        ahead: Iterator[tuple[Key, Any]] | None = None
        with suppress(Exception):  # what is wrong here is said when it is asked for
            expected = expected_of(session, order)
            self._send("expect", expected)
            ahead = work_ahead(session, expected)
        if ahead is None:
            self._send("expect", set())
        while not self._ending:
            if ahead is None or not self._inbox.empty():
                key = self._inbox.get()
                if key == ("end",):
                    return
                self._answer(key, partial(getattr(session, key[0]), *key[1:]))
                continue
            try:
                key, answer = next(ahead)
                self._send("answer", (key, True, answer))
            except StopIteration:
                ahead = None
                self._send("expect", set())
            except Exception as error:
                # It will be asked for, and fail again where somebody sees it.
                self._send("say", f"not done ahead: {type(error).__name__}: {error}")
                ahead = None
                self._send("expect", set())

    def _answer(self, key: Key, make: Callable[[], Any]) -> bool:
        try:
            self._send("answer", (key, True, make()))
        except Exception as error:
            error.add_note(traceback.format_exc())
            self._send("answer", (key, False, [_portable(e) for e in _with_causes(error)]))
            return False
        return True


def _with_causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what lies beneath it, which pickle leaves behind."""
    while error is not None:
        yield error
        error = error.__cause__


def _portable(error: BaseException) -> BaseException:
    """The error itself if it can be sent, else its text."""
    import pickle

    with suppress(Exception):
        # Some errors say something else when they are made again.
        if str(pickle.loads(pickle.dumps(error))) == str(error):  # noqa: S301 made here just now
            return error
    plain = RuntimeError(str(error) or type(error).__name__)
    for note in getattr(error, "__notes__", ()):
        plain.add_note(note)
    return plain


def begin(session: Session, order: Order) -> None:
    """Take the lock and pull what is to be pulled."""
    if not (session.paths.work / "marts").is_dir():
        # Great Expectations imports for seconds in its own process: let it begin now.
        session.checker.start()
    session.begin()
    if not order.offline:
        names = None
        if order.assets is not None:
            names = [n for n in session.registry.datasets if asset_of(n) in order.assets]
        session.pull(order.sources, names, order.run_id)


def expected_of(session: Session, order: Order) -> set[Key]:
    """What a run of these assets will ask for."""

    def makes(asset: str) -> bool:
        return order.assets is None or asset in order.assets

    keys: set[Key] = {("dataset", n) for n in session.registry.datasets if makes(asset_of(n))}
    if makes("registry"):
        keys.add(("put_registry",))
    return keys | {("build", n) for n in session.models if makes(n.replace(".", "/"))}


def work_ahead(session: Session, expected: set[Key]) -> Iterator[tuple[Key, Any]]:
    """Do what is expected, each with its key; prepare the release if every table is among it."""
    datasets = [n for n in session.registry.datasets if ("dataset", n) in expected]
    tables = [n for n in session.models if ("build", n) in expected]
    session.warm_up(datasets)
    if ("put_registry",) in expected:
        yield ("put_registry",), session.put_registry()
    for name in datasets:
        yield ("dataset", name), session.dataset(name)
    sound = True
    for name, note in session.build_all(tables):
        sound = sound and note.sound
        yield ("build", name), note
    if sound and len(tables) == len(session.models):
        session.prepare()


def main() -> None:
    """Run the session that is ordered over standard input, until told to end."""
    import gc

    # A run makes objects that live to its end: looking through them again and again costs.
    gc.set_threshold(500_000)
    # Arrow's own allocator keeps what it once had, here and in the checker: 60 MB in all, and no
    # faster for tables of this size.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    code = 1
    try:
        _Host().run()
        code = 0
    except KeyboardInterrupt:
        pass  # told to end before it had begun
    except BaseException:
        traceback.print_exc()
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    # Nothing is left to be done at exit, and the run waits for this process to be gone.
    os._exit(code)


if __name__ == "__main__":
    main()
