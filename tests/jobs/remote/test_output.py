# ruff: noqa: T201 - functions print

from __future__ import annotations

import ctypes
import io
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator

import pytest

from lithops_provider.jobs.remote.output import CapturedOutput, take_output

LIMIT = 1000


@pytest.fixture
def fd() -> Iterator[int]:
    with tempfile.TemporaryFile() as file:
        yield file.fileno()


@pytest.fixture
def output(fd: int) -> CapturedOutput:
    return CapturedOutput(fd, LIMIT)


def test_what_python_prints_is_kept(output: CapturedOutput) -> None:
    with output.installed():
        print("out")
        print("err", file=sys.stderr)

    assert output.take() == "out\nerr\n"


def test_what_others_print_is_kept(output: CapturedOutput) -> None:
    with output.installed():
        subprocess.run(["echo", "from a subprocess"], check=True)
        subprocess.run("echo its errors >&2", shell=True, check=True)
        os.write(1, b"from a descriptor\n")
        os.write(2, b"and the other\n")
        text = output.take()

    assert text == "from a subprocess\nits errors\nfrom a descriptor\nand the other\n"


@pytest.fixture
def libc() -> Iterator[ctypes.CDLL]:
    """The C library, whose stdout is buffered, whatever PYTHONUNBUFFERED says."""
    library = ctypes.CDLL(None)
    stdout = ctypes.c_void_p.in_dll(library, "stdout")
    library.fflush(stdout)
    library.setvbuf(stdout, None, 0, 4096)  # _IOFBF
    yield library
    library.fflush(stdout)
    library.setvbuf(stdout, None, 2, 0)  # _IONBF


def test_what_c_code_prints_is_kept_though_c_buffers_it(output: CapturedOutput, libc: ctypes.CDLL) -> None:
    with output.installed():
        libc.puts(b"from C")
        text = output.take()

    assert text == "from C\n"


QUICK, SLOW = 1e-6, 1e-3


@pytest.mark.parametrize(
    "show",
    [
        lambda libc: print("x"),
        lambda libc: os.write(1, b"x"),
        lambda libc: os.write(2, b"x"),
        lambda libc: libc.printf(b"x"),
        lambda libc: libc.putchar(ord("x")),
    ],
    ids=["print", "stdout", "stderr", "C", "C, a character"],
)
def test_it_is_known_whether_a_quick_item_has_printed(
    output: CapturedOutput, libc: ctypes.CDLL, show: Callable[[ctypes.CDLL], object]
) -> None:
    with output.installed():
        before = output.is_there(QUICK)
        show(libc)
        found = output.is_there(QUICK)
        text = output.take()
        after = output.is_there(QUICK)

    assert (before, found, text.strip(), after) == (False, True, "x", False)


def test_a_file_that_was_opened_anew_is_looked_for_after_items_that_had_the_time(output: CapturedOutput) -> None:
    with output.installed():
        before = output.is_there(SLOW)
        with open("/dev/stdout", "w") as stdout:
            stdout.write("x")
        found = output.is_there(SLOW)

    assert (before, found, output.take()) == (False, True, "x")


def test_what_c_code_printed_before_is_not_taken(
    output: CapturedOutput, libc: ctypes.CDLL, capfd: pytest.CaptureFixture[str]
) -> None:
    libc.puts(b"before")
    with output.installed():
        text = output.take()

    assert text == ""
    assert capfd.readouterr().out == "before\n"


def test_each_item_gets_its_own(output: CapturedOutput) -> None:
    with output.installed():
        print("one")
        first = output.take()
        subprocess.run(["echo", "two"], check=True)
        second = output.take()
        third = output.take()

    assert (first, second, third) == ("one\n", "two\n", "")


def test_afterwards_everything_is_as_before(output: CapturedOutput, capfd: pytest.CaptureFixture[str]) -> None:
    streams = sys.stdout, sys.stderr

    with pytest.raises(ValueError, match="inside"), output.installed():
        raise ValueError("inside")

    assert (sys.stdout, sys.stderr) == streams
    os.write(1, b"out")
    os.write(2, b"err")
    assert capfd.readouterr() == ("out", "err")
    assert output.take() == ""


def test_installing_leaks_no_descriptor(output: CapturedOutput) -> None:
    before = os.listdir("/proc/self/fd")
    for _ in range(3):
        with output.installed():
            pass

    assert len(os.listdir("/proc/self/fd")) == len(before)


def test_100_mb_of_prints_are_bounded_in_memory_and_on_disk(output: CapturedOutput, fd: int) -> None:
    with output.installed():
        for _ in range(100):
            print("x" * (1 << 20))
        size = os.fstat(fd).st_size
    text = output.take()

    assert size == LIMIT
    assert text.startswith("x" * LIMIT + "\n...")
    assert f"{100 * ((1 << 20) + 1) - LIMIT} more bytes" in text
    assert len(text) < LIMIT + 100


def test_what_a_subprocess_prints_is_bounded(output: CapturedOutput, fd: int) -> None:
    with output.installed():
        subprocess.run(["head", "-c", "3000000", "/dev/zero"], check=True)
        text = output.take()

    assert text.startswith("\\x00" * 100)
    assert text[LIMIT:].startswith("\n...")
    assert f"{3_000_000 - LIMIT} more bytes" in text
    assert os.fstat(fd).st_size == 0


def test_the_item_after_a_noisy_one_is_heard(output: CapturedOutput) -> None:
    with output.installed():
        print("x" * 10 * LIMIT)
        output.take()
        print("next")
        text = output.take()

    assert text == "next\n"


def test_half_a_character_at_the_limit_is_no_error(fd: int) -> None:
    output = CapturedOutput(fd, 3)
    with output.installed():
        print("ää", end="")

    assert output.take().startswith("ä\N{REPLACEMENT CHARACTER}")


def test_text_that_utf_8_cannot_express_is_no_error(output: CapturedOutput) -> None:
    with output.installed():
        print("\udc80")

    assert output.take() == "?\n"


def test_bytes_can_be_printed_as_usual(output: CapturedOutput) -> None:
    with output.installed():
        sys.stdout.buffer.write(b"bytes ")
        sys.stdout.buffer.write(memoryview(b"and views\n"))
        sys.stdout.buffer.flush()
        sys.stderr.buffer.write(b"x" * 2 * LIMIT)
    text = output.take()

    assert text.startswith("bytes and views\nxxx")
    assert f"{LIMIT + 16} more bytes" in text


def test_it_has_what_code_asks_of_a_stream(output: CapturedOutput, fd: int) -> None:
    with output.installed():
        stream = sys.stdout
        assert isinstance(stream, io.TextIOBase)
        assert stream.encoding == "utf-8"
        assert stream.errors == "replace"
        assert not stream.isatty()
        assert stream.writable()
        assert stream.fileno() == fd
        stream.reconfigure(line_buffering=True)  # type: ignore[attr-defined]
        stream.flush()
        with pytest.raises(TypeError, match="must be str, not bytes"):
            stream.write(b"bytes")  # type: ignore[call-overload]


def test_its_buffer_can_be_wrapped_and_handed_to_a_subprocess(output: CapturedOutput) -> None:
    with output.installed():
        wrapped = io.TextIOWrapper(sys.stdout.buffer, "latin-1", write_through=True)
        wrapped.write("b\xe9fore, ")
        wrapped.detach()
        subprocess.run(["printf", "and after"], stdout=sys.stdout.buffer, check=True)

    assert output.take() == "b\ufffdfore, and after"


def test_logging_to_it_is_kept(output: CapturedOutput) -> None:
    with output.installed():
        handler = logging.StreamHandler()  # takes sys.stderr
        logger = logging.Logger("test")
        logger.addHandler(handler)
        logger.warning("logged")

    assert output.take() == "logged\n"


def test_the_parent_can_take_what_a_dead_process_left(fd: int) -> None:
    os.write(fd, b"x" * 20)

    text = take_output(fd, 10)

    assert text.startswith("x" * 10 + "\n... 10 more bytes")
    assert take_output(fd, 10) == ""


def test_a_full_disk_does_not_fail_the_item() -> None:
    full = os.open("/dev/full", os.O_RDWR)
    try:
        assert CapturedOutput(full, LIMIT).write("text") == 4
    finally:
        os.close(full)
