"""What the checks of the program `bide` share: servers that misbehave on purpose, and a place for each case to run in."""
import argparse
import contextlib
import http.client
import os
import pathlib
import re
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

SLOWNESS = float(os.environ.get("BIDE_SLOWNESS", "1"))
PATIENCE = 20 * SLOWNESS  # seconds for anything that should come soon
CASES = []


def case(function):
    CASES.append(function)
    return function


class Failure(Exception):
    pass


def check(condition, text):
    if not condition:
        raise Failure(text)


def check_equal(left, right, what):
    check(left == right, f"{what}: {left!r} instead of {right!r}")


def check_match(pattern, text, what="output"):
    check(re.search(pattern, text, re.M), f"{what} has nothing like {pattern!r}: {text!r}")


def wait_until(condition, what):
    """Waits for something that another process does."""
    end = time.monotonic() + PATIENCE
    while not condition():
        check(time.monotonic() < end, f"waited {PATIENCE} s for {what}")
        time.sleep(0.005)


class RawServer:
    """A server that answers by the path, mostly wrongly. `seen` counts the requests of each path."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.listener.getsockname()[1]
        self.seen, self.heads, self.lock, self.open = {}, [], threading.Lock(), []
        threading.Thread(target=self.accept, daemon=True).start()

    def url(self, path):
        return f"http://127.0.0.1:{self.port}/{path}"

    def close(self):
        self.listener.close()
        for connection in self.open:
            with contextlib.suppress(OSError):
                connection.close()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.open.append(connection)
                threading.Thread(target=self.handle, args=(connection,), daemon=True).start()

    def handle(self, connection):
        with contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                data = connection.recv(65536)
                if not data:
                    return
                head += data
            path = head.split()[1].decode().lstrip("/")
            with self.lock:
                self.seen[path] = self.seen.get(path, 0) + 1
                self.heads.append(head.decode())
                count = self.seen[path]
            if self.answer(connection, path, count):
                connection.close()

    def answer(self, connection, path, count):
        """True: the connection is closed at once."""
        send = connection.sendall
        kind, _, argument = path.partition("/")
        if kind == "hang":
            return False
        if kind == "slow":  # so many bytes of one more, then nothing
            send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (int(argument) + 1) + b"x" * int(argument))
            return False
        if kind == "truncated":
            send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789")
        elif kind == "truncated-chunk":
            send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nhe")
        elif kind == "nothing":
            pass
        elif kind == "garbage":
            send(b"this is not HTTP\r\n\r\n")
        elif kind == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif kind == "chunked":
            send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n800\r\n" + b"y" * 2048 + b"\r\n0\r\n\r\n")
        elif kind == "status":
            send(f"HTTP/1.1 {argument} Status\r\nContent-Length: 3\r\n\r\nabc".encode())
        elif kind == "flaky" and count < 3:
            send(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
        elif kind == "later" and count == 1:
            send(f"HTTP/1.1 429 Slow Down\r\nRetry-After: {argument}\r\nContent-Length: 0\r\n\r\n".encode())
        else:
            size = int(argument) if argument.isdigit() else 5
            send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"z" * size)
        return True


class Place:
    """What a case gets: the program, an empty folder, and servers; all gone at its end."""

    def __init__(self, program, folder):
        self.program, self.folder, self.children, self.raw = program, pathlib.Path(folder), [], None

    def close(self):
        for child in self.children:
            if child.poll() is None:
                child.kill()
            child.wait()
            for stream in (child.stdin, child.stdout, child.stderr):
                if stream:
                    with contextlib.suppress(OSError):
                        stream.close()
        if self.raw:
            self.raw.close()

    def raw_server(self):
        self.raw = self.raw or RawServer()
        return self.raw

    def start(self, *arguments, **options):
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        child = subprocess.Popen([self.program, *map(str, arguments)], **options)
        self.children.append(child)
        return child

    def run(self, *arguments, text=None, **options):
        """(exit status, standard output, standard error)"""
        if text is not None:
            options["stdin"] = subprocess.PIPE
        child = self.start(*arguments, **options)
        try:
            out, err = child.communicate(text.encode() if isinstance(text, str) else text, timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            raise Failure(f"bide {' '.join(map(str, arguments))[:200]} did not end in {PATIENCE} s") from None
        return child.returncode, (out or b"").decode("utf-8", "replace"), err.decode("utf-8", "replace")

    def serve(self, *arguments, **options):
        """A running server: (child, port)."""
        child = self.start("serve", "--port", 0, *arguments, **options)
        line = child.stdout.readline().decode()
        found = re.fullmatch(r"serving .* on https?://127\.0\.0\.1:(\d+)/ \(Ctrl-C ends it\)\n", line)
        check(found, f"the first line of serve is {line!r}")
        return child, int(found[1])


def end(child, number, what):
    """Sends a signal; (exit status, rest of stdout, stderr)."""
    child.send_signal(number)
    try:
        out, err = child.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        raise Failure(f"{what} did not end in {PATIENCE} s after the signal") from None
    return child.returncode, (out or b"").decode(), (err or b"").decode()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def main():
    """Runs the cases of the script that imported this module; returns the exit status."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("--build", required=True)
    parser.add_argument("--filter", default="")
    arguments = parser.parse_args()
    passed = failed = 0
    for number, function in enumerate(CASES, 1):
        if arguments.filter not in function.__name__:
            continue
        with tempfile.TemporaryDirectory() as folder:
            place = Place(os.path.abspath(os.path.join(arguments.build, "bide")), folder)
            start = time.monotonic()
            try:
                function(place)
                passed += 1
                print(f"ok {number} - {function.__name__} ({time.monotonic() - start:.1f} s)", flush=True)
            except (Failure, OSError, ValueError, http.client.HTTPException, subprocess.SubprocessError) as error:
                failed += 1
                print(f"not ok {number} - {function.__name__}\n# {type(error).__name__}: {error}", flush=True)
            finally:
                place.close()
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed or not passed else 0

