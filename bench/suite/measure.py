"""How it is measured: one process each, pinned; rounds in which all take their turn; processor time from the kernel."""
import glob
import json
import os
import pathlib
import re
import resource
import shutil
import socket
import subprocess
import tempfile
import time

from . import peers

CPUS = sorted(os.sched_getaffinity(0))
SERVER_CPU, LOAD_CPU = CPUS[0], CPUS[-1]


def start(command, cpus, environment=None, **options):
    pinned = ["taskset", "-c", ",".join(map(str, cpus)), *command]
    return subprocess.Popen(pinned, text=True, env={**os.environ, **(environment or {})}, **options)


def parse(text):
    found = {}
    for line in text.splitlines():
        if line.startswith("{"):
            result = json.loads(line)
            found[result.pop("work")] = result
    return found


def run(command, cpus, environment=None, limit=300):
    """{result: {value, cpu}} of a program that measures itself; {} if it does not know the work."""
    with start(command, cpus, environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            out, err = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            process.kill()
            return {"error": f"took more than {limit} s"}
    if process.returncode:
        return {"error": (err or f"exit code {process.returncode}").strip()[-200:]}
    return parse(out)


def cpu_of(pid):
    """Seconds of processor time of all threads of a process, to the nanosecond."""
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        try:
            total += int(pathlib.Path(path).read_text(encoding="ascii").split()[0])
        except (OSError, IndexError):
            pass  # a thread that has just ended
    return total * 1e-9


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A server on its processor, ended when the block is left. nginx gets its configuration written."""

    def __init__(self, variant, cpu):
        self.folder = None
        command = variant.command
        if command == ["nginx"]:
            self.folder, self.port = tempfile.mkdtemp(prefix="bide-bench-"), free_port()
            text = (peers.PEERS / "nginx" / "nginx.conf").read_text(encoding="utf-8")
            config = pathlib.Path(self.folder) / "nginx.conf"
            config.write_text(text.replace("FOLDER", self.folder).replace("PORT", str(self.port)), encoding="utf-8")
            command = ["nginx", "-e", "stderr", "-c", str(config)]
        self.process = start(command, [cpu], variant.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        if self.folder:
            self.wait_for_port()
        else:
            words = self.process.stdout.readline().split()
            if len(words) != 2:
                self.process.kill()
                self.process.wait()
                raise RuntimeError(f"{' '.join(command)} did not say its port")
            self.port = int(words[1])

    def wait_for_port(self):
        for _ in range(500):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.01)
        raise RuntimeError("nginx does not answer")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)


def echo(variant, shape, seconds, load):
    """One round of echo: requests a second, server's microseconds a request, latencies."""
    connections, depth = shape
    with Server(variant, SERVER_CPU) as server:
        command = [str(load), str(server.port), str(connections), str(depth), str(seconds)]
        with start(command, [LOAD_CPU], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as loader:
            if loader.stdout.readline().strip() != "begin":
                return {"error": "the load failed"}
            before = cpu_of(server.process.pid)
            loader.stdin.write("\n")
            loader.stdin.flush()
            line = loader.stdout.readline()
            used = cpu_of(server.process.pid) - before
            loader.kill()
    if not line.startswith("{"):
        return {"error": "the load failed"}
    result = json.loads(line)
    each = 1e6 / max(result["count"], 1)
    return {"cpu": used * each, "value": result["seconds"] * each, "rate": result["count"] / result["seconds"],
            "p50": result["p50"], "p99": result["p99"], "p999": result["p999"]}


def wrk(url, seconds, connections, cpu):
    """(requests, seconds, p99 in microseconds, processor seconds of wrk itself)"""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--latency", url]
    with start(command, [cpu], stdout=subprocess.PIPE) as process:
        text = process.communicate()[0]
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    counted = re.search(r"(\d+) requests in ([0-9.]+)(m?s)", text)
    if not counted or "Non-2xx" in text:
        raise RuntimeError(f"wrk: {text}")
    took = float(counted[2]) * (1e-3 if counted[3] == "ms" else 1)
    p99 = re.search(r"99%\s+([0-9.]+)(us|ms|s)", text)
    scale = {"us": 1, "ms": 1e3, "s": 1e6}
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return int(counted[1]), took, float(p99[1]) * scale[p99[2]] if p99 else 0, used


def http(variant, path, seconds):
    with Server(variant, SERVER_CPU) as server:
        url = f"http://127.0.0.1:{server.port}{path}"
        wrk(url, 1, 64, LOAD_CPU)
        before = cpu_of(server.process.pid)
        count, took, p99, _ = wrk(url, seconds, 64, LOAD_CPU)
        used = cpu_of(server.process.pid) - before
    return {"cpu": used * 1e6 / count, "value": took * 1e6 / count, "rate": count / took, "p99": p99}


def client(variant, count, at_once):
    with Server(peers.Variant("nginx", ["nginx"]), LOAD_CPU) as server:
        url = f"http://127.0.0.1:{server.port}/"
        if variant.command == ["wrk"]:
            done, took, _, used = wrk(url, 1, at_once, SERVER_CPU)
            return {"cpu": used * 1e6 / done, "value": took * 1e6 / done}
        command = [*variant.command, url, str(count), str(at_once)]
        result = run(command, [SERVER_CPU], variant.environment)
    return result.get("http_client") or {"error": result.get("error", "said nothing")}


class Files:
    """10,000 files of 4 KiB and one of `size` bytes, in the page cache."""

    def __init__(self, size):
        self.folder = tempfile.mkdtemp(prefix="bench-files-", dir=str(peers.ROOT / "build"))
        os.mkdir(f"{self.folder}/small")
        for i in range(10000):
            pathlib.Path(f"{self.folder}/small/{i}").write_bytes(bytes([i % 251]) * 4096)
        with open(f"{self.folder}/large", "wb") as large:
            for i in range(size >> 20):
                large.write(bytes([i % 251]) * (1 << 20))

    def forget_copy(self):
        pathlib.Path(f"{self.folder}/copy").unlink(missing_ok=True)
        os.sync()

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)
