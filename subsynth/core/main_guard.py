"""Main guard: every program ends with at most one line of error and no traceback, whatever exception it raises.

The exit code is 2 after an error, 130 after Ctrl-C. A second Ctrl-C, or one during shutdown, ends the process at once;
unfinished work does no harm. With SUBSYNTH_DEBUG=1 the traceback is printed too.

This module imports nothing heavy; programs import the rest inside `run`, so that Ctrl-C is handled during imports too.
"""

from __future__ import annotations

import _thread
import atexit
import contextlib
import errno
import io
import logging
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn

from subsynth.core.errors import OutputError, SubsynthError
from subsynth.core.terminal import echo, echo_error, one_line

if TYPE_CHECKING:
    import click

DEBUG = "SUBSYNTH_DEBUG"
ERROR, INTERRUPTED = 2, 130  # exit codes
_MEMORY_SIGNS = (  # messages of libraries that raise no MemoryError
    "Cannot allocate memory", "failed to map segment", "Insufficient memory", "can't start new thread",
    "launch worker thread", "out of memory", "Unable to allocate", "bad_alloc",
)  # fmt: skip


class StoppedError(KeyboardInterrupt):
    """Ctrl-C, with a message that says how to resume."""


class _State:
    """The state of the guard in this process."""

    program = "subsynth"
    user_errors: tuple[type[Exception], ...] = (SubsynthError,)
    interrupts = 0
    ending = False  # the work is over, or its error is being reported
    stop_line = "stopped"  # to be written after Ctrl-C; "" once it has been
    exit_at_once = False


_state = _State()


def run_command(
    program: str,
    load: Callable[[], click.Command],
    usage: str | None = None,
    user_errors: tuple[type[Exception], ...] = (SubsynthError,),
) -> NoReturn:
    """Run a click command with the arguments of the process, and end the process.

    `load` imports and returns the command. Errors and warnings start with `program`, usage lines in help texts with
    `usage`. The messages of `user_errors` are meant for the user; any other exception is reported as a bug.
    """
    run(program, lambda: _invoke(load(), usage or program), user_errors)


def run(
    program: str, call: Callable[[], int | None], user_errors: tuple[type[Exception], ...] = (SubsynthError,)
) -> NoReturn:
    """Call a function, and end the process with the exit code that it returns (None: 0)."""
    try:
        install(program, user_errors)
        try:
            code: Any = call()
        except SystemExit as error:
            code = error.code
        _state.ending = True
        if isinstance(code, str):
            raise SubsynthError(code)
        if sys.stdout is not None:
            sys.stdout.flush()
    except BaseException as error:  # whatever it is, the user gets one line
        code = _report(error)
        if code == INTERRUPTED:
            os._exit(code)  # does not wait for threads
    sys.exit(code)


def install(program: str, user_errors: tuple[type[Exception], ...] = (SubsynthError,)) -> None:
    """Guard this process from now on, also outside `run`: in threads, in callbacks and during shutdown."""
    _state.program, _state.user_errors = program, user_errors
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # otherwise the parent has it ignored
        signal.signal(signal.SIGINT, _on_interrupt)
        # Runs last at exit: during the rest of the shutdown, Ctrl-C would change the exit code.
        atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)
    # Characters that the locale cannot encode are written as \uXXXX.
    if isinstance(sys.stdout, io.TextIOWrapper) and not isinstance(sys.stdout, _StandardOutput):
        sys.stdout = _StandardOutput(sys.stdout.buffer, sys.stdout.encoding, "backslashreplace")
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(errors="backslashreplace")
    # After os._exit, the resource tracker of multiprocessing would warn about everything that it cleans up.
    os.environ.setdefault("PYTHONWARNINGS", "ignore::UserWarning:multiprocessing.resource_tracker")
    if _is_debugging():
        return
    sys.excepthook = lambda kind, error, trace: os._exit(_report(error))
    sys.unraisablehook = _on_unraisable
    threading.excepthook = _on_thread_error
    warnings.showwarning = lambda message, *_, **__: _warn(str(message))
    handler = _OneLineHandler(logging.WARNING)
    for logger in ("subsynth", "dbram_baseline"):
        logging.getLogger(logger).addHandler(handler)
    logging.getLogger().addHandler(logging.NullHandler())  # logs of other libraries are not shown


def exit_at_once_on_interrupt(message: str) -> None:
    """From now on, Ctrl-C writes the message and ends the process without waiting for threads."""
    _state.stop_line, _state.exit_at_once = message, True


def _invoke(command: click.Command, usage: str) -> int:
    """Run a command as click's `main` does, but return the exit code where click would end the process."""
    import click  # noqa: PLC0415 - imported inside `run`, where Ctrl-C is handled

    try:
        if f"_{usage.upper().replace('-', '_')}_COMPLETE" in os.environ:
            command.main(prog_name=usage)
        with command.make_context(usage, sys.argv[1:]) as context:
            command.invoke(context)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        echo(error.format_message())
    except click.Abort as error:
        raise KeyboardInterrupt from error
    except click.ClickException as error:
        raise SubsynthError(error.format_message()) from error
    return 0


def _report(error: BaseException) -> int:
    """Write an error as one line, and return the exit code."""
    _state.ending = True
    try:
        _give_up_output()
        if _is_debugging():
            traceback.print_exception(error)
        if _state.interrupts or isinstance(error, KeyboardInterrupt):
            if isinstance(error, StoppedError):
                _state.stop_line = str(error)
            _say_stopped()
            return INTERRUPTED
        echo_error(f"{_state.program}: error: {_describe(error)}")
    except BaseException:  # such as no memory for the message
        with contextlib.suppress(OSError):
            os.write(2, b"error: out of memory\n")
    return ERROR


def _describe(error: BaseException) -> str:
    """The message of an error: what happened, and the cure."""
    causes = list(_chain(error))
    user_errors: tuple[type[Exception], ...] = (SubsynthError, *_state.user_errors)
    texts = [str(e) for e in causes if not isinstance(e, user_errors)]
    # What is scarce explains whatever else was concluded from it, such as a file that cannot be read.
    scarce_files = any(isinstance(e, OSError) and e.errno in (errno.EMFILE, errno.ENFILE) for e in causes)
    if scarce_files or any("Too many open files" in text for text in texts):
        return _too_many_files()
    if any(isinstance(e, MemoryError) for e in causes) or any(s in t for s in _MEMORY_SIGNS for t in texts):
        return "out of memory; use fewer --workers, smaller images or batches, or a machine with more memory"
    if isinstance(error, user_errors):
        return str(error)
    if isinstance(error, UnicodeEncodeError | UnicodeDecodeError) and sys.getfilesystemencoding() != "utf-8":
        return f"a name or text cannot be written in the encoding of this locale ({error}); set PYTHONUTF8=1"
    if isinstance(error, RuntimeError) and "home directory" in str(error):
        return "there is no home folder; set HOME, and SUBSYNTH_CACHE to a folder that can be written"
    if isinstance(error, OSError):
        return _describe_os_error(error)
    return _unexpected(error)


def _describe_os_error(error: OSError) -> str:
    reason = error.strerror or one_line(str(error))
    if error.filename is not None:
        cure = "; free some space and run the same command again" if error.errno in _FULL else ""
        return f"{os.fsdecode(error.filename)}: {reason}{cure}"
    if error.errno in _FULL:
        return f"{reason}; free some space and run the same command again"
    return _unexpected(error)


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def _unexpected(error: BaseException) -> str:
    reason = one_line(str(error), 300)
    return (
        f"unexpected {type(error).__name__}{f': {reason}' if reason else ''}; this is a bug, run the command with "
        f"{DEBUG}=1 to see where it is, and report it"
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and its causes."""
    for _ in range(20):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__


def _too_many_files() -> str:
    return "too many open files; raise the limit of this shell, for example with: ulimit -n 1024"


def _give_up_output() -> None:
    """Flush standard output; if that fails, discard its buffer, so that Python does not try again at exit."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except (OSError, ValueError, OutputError):
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _on_interrupt(*_: object) -> None:
    _state.interrupts += 1
    if _state.interrupts > 1 or _state.ending or _state.exit_at_once:
        _exit_interrupted()
    raise KeyboardInterrupt


def _exit_interrupted() -> NoReturn:
    _say_stopped()
    os._exit(INTERRUPTED)


def _say_stopped() -> None:
    """Write the message of a stopped program, once, without Python's streams: a signal may have interrupted them."""
    line, _state.stop_line = _state.stop_line, ""
    if line:
        line = one_line(line).encode("ascii", "backslashreplace").decode()
        with contextlib.suppress(OSError):
            os.write(2, f"\n{line}\n".encode() if os.isatty(2) else f"{line}\n".encode())


def _on_unraisable(unraisable: sys.UnraisableHookArgs) -> None:
    """Handle an exception that Python cannot raise, such as one in a destructor; Ctrl-C must not get lost there."""
    if unraisable.exc_type is not KeyboardInterrupt:
        return
    _state.interrupts -= 1
    try:
        again = threading.Timer(0.02, _interrupt_main_thread)  # seconds; by then the main thread may be elsewhere
        again.daemon = True
        again.start()
    except RuntimeError:  # no more threads: the process ends
        _exit_interrupted()


def _interrupt_main_thread() -> None:
    if hasattr(signal, "pthread_kill"):  # also wakes a thread that sleeps
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    else:
        _thread.interrupt_main()


def _on_thread_error(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and not isinstance(args.exc_value, SystemExit | KeyboardInterrupt):
        _warn(f"a thread ended: {_describe(args.exc_value)}")


class _StandardOutput(io.TextIOWrapper):
    """Standard output that raises OutputError if it cannot be written."""

    def write(self, text: str) -> int:
        with self._naming_errors():
            return super().write(text)

    def flush(self) -> None:
        with self._naming_errors():
            super().flush()

    @contextlib.contextmanager
    def _naming_errors(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError as error:
            raise OutputError("standard output was closed before everything was written") from error
        except OSError as error:
            raise OutputError(f"standard output: {error.strerror or error}; send it somewhere else") from error


class _OneLineHandler(logging.Handler):
    """Writes each log message once, as one line."""

    def __init__(self, level: int):
        super().__init__(level)
        self._seen: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if message not in self._seen:
            self._seen.add(message)
            _warn(message)


def _warn(message: str) -> None:
    echo_error(f"{_state.program}: warning: {message}")


def _is_debugging() -> bool:
    return os.environ.get(DEBUG, "") not in ("", "0")
