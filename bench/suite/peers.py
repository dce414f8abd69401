"""Who is measured: bide, its peers, the floors; how each is built, and what it is called with."""
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PEERS = ROOT / "bench" / "peers"
BIDE = ROOT / "build" / "bench" / "bench"
BUILD = ROOT / "build" / "bench" / "peers"
NEWEST_GO = "go1.27.4"


class Missing(Exception):
    """A peer cannot be built here; the text says what would help."""


class Variant:
    """One program as it is measured. label: what tables show; command: how it is started; floor: the label of the
    variant that its ratio is taken to, in works that have a floor."""

    def __init__(self, label, command, environment=None, both_cpus=False, floor=None):
        self.label, self.command, self.environment = label, [str(part) for part in command], environment or {}
        self.both_cpus, self.floor = both_cpus, floor


def call(command, **options):
    ran = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **options)
    if ran.returncode:
        raise Missing(f"{' '.join(map(str, command))} failed: {(ran.stderr or ran.stdout).strip()[-300:]}")
    return ran.stdout


def first_line(command):
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    return ((ran.stdout or ran.stderr).splitlines() or ["?"])[0].strip()


def compile_c(source, target, *flags, compiler="cc"):
    target.parent.mkdir(parents=True, exist_ok=True)
    call([compiler, "-O2", "-DNDEBUG", f"-I{ROOT / 'bench'}", "-o", target, PEERS / source, *flags])
    return target


def need(program, advice):
    if not shutil.which(program):
        raise Missing(f"{program} is not installed: {advice}")


def need_header(header, package):
    check = subprocess.run(["cc", "-E", "-include", header, "-x", "c", "/dev/null"], capture_output=True, check=False)
    if check.returncode:
        raise Missing(f"<{header}> is not installed: apt-get install {package}")


# ---- one function for each peer: builds it, returns (version, {group: [Variant]}) ----

def bide(folder=BIDE, suffix=""):
    label = f"bide{suffix}"
    backends = ("epoll", "io_uring")
    groups = {
        "core": [Variant(label, [folder / "core"])],
        "files": [Variant(f"{label} {each}", [folder / "files", each], both_cpus=True) for each in backends],
        "echo": [Variant(f"{label} {each}", [folder / "echo_server", each], floor=f"raw {each} loop")
                 for each in backends],
        "http": [Variant(f"{label} {each}", [folder / "http_server", each], floor="raw epoll loop")
                 for each in backends],
        "client": [Variant(f"{label} {each}", [folder / "http_client", each]) for each in backends],
    }
    commit = subprocess.run(["git", "-C", ROOT, "log", "-1", "--format=%h, %cd", "--date=short"], capture_output=True,
                            text=True, check=False).stdout.strip()
    return f"commit {commit or '?'}", groups


def raw():
    groups = {
        "core": [Variant("bare stacks", [BIDE / "bare"])],
        "echo": [Variant("raw epoll loop", [compile_c("raw/server_epoll.c", BUILD / "raw/server_epoll"), "echo"])],
        "http": [Variant("raw epoll loop", [BUILD / "raw/server_epoll", "http"])],
        "files": [Variant("blocking loop", [compile_c("raw/files.c", BUILD / "raw/files")])],
    }
    try:
        need_header("liburing.h", "liburing-dev")
        groups["echo"].append(Variant("raw io_uring loop",
                                      [compile_c("raw/echo_uring.c", BUILD / "raw/echo_uring", "-luring")]))
    except Missing as reason:
        print(f"bench: raw io_uring loop: skipped: {reason}")
    return first_line(["cc", "--version"]) + ", -O2", groups


def python():
    interpreter = os.environ.get("BIDE_BENCH_PYTHON") or shutil.which("python3") or sys.executable
    place = BUILD / "python"
    program = place / "bin" / "python"
    if not program.exists():
        call([interpreter, "-m", "venv", place])
        call([program, "-m", "pip", "install", "--quiet", "-r", PEERS / "python" / "requirements.txt"])
    listed = call([program, "-m", "pip", "list", "--format=freeze"]).split()
    versions = [entry.replace("==", " ") for entry in listed if entry.split("==")[0] in ("uvloop", "aiohttp", "aiofiles")]
    script = lambda name, *more: [program, PEERS / "python" / f"{name}.py", *more]
    groups = {"core": [], "echo": [], "http": [], "client": [], "files": []}
    for loop in ("asyncio", "uvloop"):
        groups["core"].append(Variant(f"CPython {loop}", script("core", loop)))
        for style in ("streams", "protocol"):
            groups["echo"].append(Variant(f"CPython {loop} {style}", script("echo", loop, style)))
        groups["http"].append(Variant(f"aiohttp on {loop}", script("http_server", loop)))
        groups["client"].append(Variant(f"aiohttp on {loop}", script("http_client", loop)))
        groups["files"].append(Variant(f"aiofiles on {loop}", script("files", loop), both_cpus=True))
    return ", ".join([first_line([program, "--version"]), *versions]), groups


def go():
    need("go", "apt-get install golang, or https://go.dev/dl")
    environment = {**os.environ}
    if re.search(r"go1\.(2[1-9]|[3-9]\d)", first_line(["go", "version"])):
        environment.setdefault("GOTOOLCHAIN", NEWEST_GO)
    program = BUILD / "go" / "bench"
    try:
        call(["go", "build", "-o", program, "."], cwd=PEERS / "go", env=environment)
    except Missing:
        environment["GOTOOLCHAIN"] = "local"
        call(["go", "build", "-o", program, "."], cwd=PEERS / "go", env=environment)
    version = subprocess.run(["go", "version", program], capture_output=True, text=True, check=False,
                             env=environment).stdout.split()[-1]
    one = {"GOMAXPROCS": "1"}
    both = lambda *more: [Variant("Go, GOMAXPROCS=1", [program, *more], one),
                          Variant("Go", [program, *more], both_cpus=True)]
    return version, {"core": both("core"), "echo": [Variant("Go", [program, "echo"], one)],
                     "http": [Variant("Go net/http", [program, "http"], one)],
                     "client": [Variant("Go net/http", [program, "client"], one)], "files": both("files")[1:]}


def tokio():
    need("cargo", "apt-get install cargo-web (Debian 12), cargo, or rustup")
    target = BUILD / "tokio"
    call(["cargo", "build", "--quiet", "--release", "--target-dir", target], cwd=PEERS / "tokio")
    program = target / "release" / "bench"
    lock = (PEERS / "tokio" / "Cargo.lock").read_text(encoding="utf-8")
    versions = [f"{name} {version}" for name, version in re.findall(r'name = "([^"]+)"\nversion = "([^"]+)"', lock)
                if name in ("tokio", "hyper", "hyper-util")]
    return ", ".join([*versions, first_line(["rustc", "--version"]), "LTO"]), {
        "core": [Variant("Tokio current_thread", [program, "current", "core"]),
                 Variant("Tokio multi_thread", [program, "multi", "core"], both_cpus=True)],
        "echo": [Variant("Tokio current_thread", [program, "current", "echo"]),
                 Variant("Tokio multi_thread, 1 worker", [program, "multi", "echo"], {"TOKIO_WORKER_THREADS": "1"})],
        "http": [Variant("hyper", [program, "current", "http"])],
        "client": [Variant("hyper-util", [program, "current", "client"])],
        "files": [Variant("Tokio", [program, "multi", "files"], both_cpus=True)],
    }


def libuv():
    need_header("uv.h", "libuv1-dev")
    program = lambda name: compile_c(f"libuv/{name}.c", BUILD / "libuv" / name, "-luv")
    return call(["pkg-config", "--modversion", "libuv"]).strip(), {
        "core": [Variant("libuv (callbacks)", [program("core")])],
        "echo": [Variant("libuv uv_try_write", [program("echo"), "try"]),
                 Variant("libuv uv_write", [BUILD / "libuv/echo", "write"])],
        "files": [Variant("libuv uv_fs", [program("files")], both_cpus=True)],
    }


def libcurl():
    need_header("curl/curl.h", "libcurl4-openssl-dev")
    program = compile_c("libcurl/http_client.c", BUILD / "libcurl/http_client", "-lcurl")
    return call(["pkg-config", "--modversion", "libcurl"]).strip(), {"client": [Variant("libcurl multi", [program])]}


def nginx():
    need("nginx", "apt-get install nginx-light")
    return first_line(["nginx", "-v"]).split("/")[-1], {"http": [Variant("nginx", ["nginx"])]}


def wrk():
    need("wrk", "apt-get install wrk")
    return first_line(["wrk", "-v"]).split()[1], {"client": [Variant("wrk", ["wrk"])]}


def checkout(variable, name):
    path = os.environ.get(variable)
    if not path:
        raise Missing(f"set {variable} to a built checkout of {name}")
    return pathlib.Path(path)


def libdill():
    place = checkout("BIDE_BENCH_LIBDILL", "libdill (./configure --disable-shared CFLAGS='-O2 -DNDEBUG' && make)")
    flags = [f"-I{place}", place / ".libs/libdill.a", "-lpthread"]
    program = lambda name: compile_c(f"libdill/{name}.c", BUILD / "libdill" / name, *flags)
    return checkout_version(place), {"core": [Variant("libdill", [program("core")])],
                                     "echo": [Variant("libdill", [program("echo")])]}


def neco():
    place = checkout("BIDE_BENCH_NECO", "neco")
    # With its 8 MiB stacks 100,000 tasks do not fit; 64 KiB is what bide has.
    flags = ["-w", "-DNECO_STACKSIZE=65536", "-DNECO_GAPSIZE=65536", f"-I{place}", place / "neco.c", "-lpthread"]
    program = lambda name: compile_c(f"neco/{name}.c", BUILD / "neco" / name, *flags)
    return checkout_version(place), {"core": [Variant("neco", [program("core")])],
                                     "echo": [Variant("neco", [program("echo")])]}


def photon():
    place = checkout("BIDE_BENCH_PHOTON", "PhotonLibOS (cmake -B build -DPHOTON_ENABLE_URING=ON && cmake --build build)")
    flags = ["-std=c++17", f"-I{place}/build/include", f"-L{place}/build/output", "-lphoton", "-lpthread",
             f"-Wl,-rpath,{place}/build/output"]
    program = lambda name: compile_c(f"photon/{name}.cpp", BUILD / "photon" / name, *flags, compiler="c++")
    return checkout_version(place), {
        "core": [Variant("Photon", [program("core")])],
        "echo": [Variant(f"Photon {each}", [program("echo"), each]) for each in ("epoll", "io_uring")]}


def checkout_version(place):
    return first_line(["git", "-C", str(place), "log", "-1", "--format=commit %h, %cd", "--date=short"])


ALL = {"raw": raw, "CPython": python, "Go": go, "Tokio": tokio, "libuv": libuv, "libcurl": libcurl, "nginx": nginx,
       "wrk": wrk, "libdill": libdill, "neco": neco, "Photon": photon}


def build_load():
    return compile_c("../load/echo_load.c", BUILD / "load" / "echo_load")
