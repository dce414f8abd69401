"""The goals, and what was measured of each: (text, measured, True, False or None where it was not measured)."""
from . import results
from .results import best_peer, figure, figures, ratio, text_of

CALLBACKS = "libuv (callbacks)"  # has no tasks: no peer where a task is the point


def _best(data, result, *without):
    names = [name for name in data["results"].get(result, {}) if results.is_peer(name) and name not in without]
    return min(names, key=lambda name: figure(data, result, name), default=None)


def _ahead(data, result, *without, factor=1.0):
    """bide against the best peer: at most `factor` of it."""
    best = _best(data, result, *without)
    mine = results.reference(data, result)
    if not best or not mine:
        return "not measured", None
    times = ratio(data, result, mine, best)
    return (f"{text_of(figure(data, result, mine))} beside {text_of(figure(data, result, best))} ({best}): "
            f"{times:.2f} x"), times <= factor


def _times(data, result, other, factor):
    mine = results.reference(data, result)
    if not mine or not figures(data, result, other):
        return "not measured", None
    times = ratio(data, result, mine, other)
    return f"{times:.2f} x {other}", times <= factor


def _below(data, result, limit, unit):
    mine = results.reference(data, result)
    value = figure(data, result, mine) if mine else None
    return ("not measured", None) if value is None else (f"{text_of(value)} {unit}", value < limit)


def _gather(data):
    times = ratio(data, "spawn_gather", "bide", "libdill")
    other = _best(data, "spawn_gather", "libdill")
    if not times or not other:
        return "not measured", None
    ahead = ratio(data, "spawn_gather", "bide", other)
    return f"{times:.2f} x libdill, {ahead:.2f} x {other}", times <= 1.5 and ahead < 1


def _floor_backends(data, result, metric, limit):
    """Every backend against its own raw loop."""
    words, good = [], []
    for backend in ("epoll", "io_uring"):
        times = ratio(data, result, f"bide {backend}", f"raw {backend} loop", metric)
        if times:
            words.append(f"{backend} {times:.2f} x")
            good.append(times <= limit)
    return (", ".join(words) + " of its raw loop", all(good)) if good else ("not measured", None)


def _slower(data, result, other, factor):
    mine = results.reference(data, result)
    times = ratio(data, result, other, mine) if mine else None
    return ("not measured", None) if not times else (f"{other} takes {times:.1f} x", times >= factor)


def _json(data):
    """Both were measured at different times, so each is taken by the raw loop of its own rounds."""
    words, good = [], []
    for backend in ("epoll", "io_uring"):
        json, plain = (ratio(data, work, f"bide {backend}", "raw epoll loop") for work in ("http_json", "http_plain"))
        if json and plain:
            words.append(f"{backend} {json / plain:.2f} x")
            good.append(json / plain <= 1.1)
    return (", ".join(words) + " of plaintext", all(good)) if good else ("not measured", None)


def _all_ahead(data, result, others):
    words, good = [], []
    for backend in ("epoll", "io_uring"):
        for other in others:
            times = ratio(data, result, f"bide {backend}", other)
            if times:
                words.append(f"{backend} {times:.2f} x {other}")
                good.append(times < 1)
    return (", ".join(words), all(good)) if good else ("not measured", None)


def _backends(data, result, other, factor):
    words, good = [], []
    for backend in ("epoll", "io_uring"):
        times = ratio(data, result, f"bide {backend}", other)
        if times:
            words.append(f"{backend} {times:.2f} x")
            good.append(times <= factor)
    return (", ".join(words) + f" of the {other}", all(good)) if good else ("not measured", None)


def _ticker(data):
    late = [figure(data, "files_copy", f"bide {backend}", "late_us") for backend in ("epoll", "io_uring")]
    if None in late:
        return "not measured", None
    return f"a tick of 1 ms was late by {late[0] / 1e3:.1f} ms (epoll), {late[1] / 1e3:.1f} ms (io_uring) at worst", \
        max(late) < 10e3


GOALS = [
    ("Yield among 1,000 tasks: ahead of the best peer", lambda d: _ahead(d, "yield_1000", CALLBACKS)),
    ("... at most 1.5 x bare stacks", lambda d: _times(d, "yield_1000", "bare stacks", 1.5)),
    ("Spawn and await one by one: ahead of every peer", lambda d: _ahead(d, "spawn_one")),
    ("In batches by gather: at most 1.5 x libdill's go, ahead of all others", _gather),
    ("Queue of 1: ahead of every peer", lambda d: _ahead(d, "queue_1")),
    ("Queue of 128: ahead of every peer", lambda d: _ahead(d, "queue_128")),
    ("A free lock: below the best peer", lambda d: _ahead(d, "lock_free")),
    ("A contended lock: at most a third of the best peer", lambda d: _ahead(d, "lock_100", factor=1 / 3)),
    ("A timeout round a wait that is ready: below 12 ns", lambda d: _below(d, "timeout", 12, "ns")),
    ("100,000 sleepers, stacks pooled: processor time below Tokio's",
     lambda d: _times(d, "sleepers_warm", "Tokio current_thread", 1)),
    ("... the first time: the page faults of bare stacks plus 25 %",
     lambda d: _times(d, "sleepers_cold", "bare stacks", 1.25)),
    ("An idle task: at most 4,300 bytes at 1,000,000", lambda d: _below(d, "memory_1m", 4300, "bytes")),
    ("Echo, 64 connections: at least 0.97 of the raw loop's requests for a second of processor time",
     lambda d: _floor_backends(d, "echo_64", "cpu", 1 / 0.97)),
    ("... at 1,000 connections", lambda d: _floor_backends(d, "echo_1000", "cpu", 1 / 0.97)),
    ("... p99 within 10 % of the raw loop, 64 connections", lambda d: _floor_backends(d, "echo_64", "p99", 1.1)),
    ("... and at 1,000", lambda d: _floor_backends(d, "echo_1000", "p99", 1.1)),
    ("Echo, 64 connections: ahead of every peer", lambda d: _ahead(d, "echo_64")),
    ("... at 1,000 connections", lambda d: _ahead(d, "echo_1000")),
    ("HTTP plaintext: within 5 % of the canned raw loop", lambda d: _backends(d, "http_plain", "raw epoll loop", 1.05)),
    ("... ahead of hyper and nginx", lambda d: _all_ahead(d, "http_plain", ("hyper", "nginx"))),
    ("Small JSON: within 10 % of plaintext", _json),
    ("HTTP client: within 15 % of wrk", lambda d: _times(d, "http_client", "wrk", 1.15)),
    ("... ahead of hyper-util and libcurl", lambda d: _all_ahead(d, "http_client", ("hyper-util", "libcurl multi"))),
    ("... 6 x less than aiohttp", lambda d: _slower(d, "http_client", "aiohttp on asyncio", 6)),
    ("10,000 small files: within 25 % of the blocking loop", lambda d: _backends(d, "files_small", "blocking loop", 1.25)),
    ("... ahead of Go and Tokio", lambda d: _all_ahead(d, "files_small", ("Go", "Tokio"))),
    ("A copy of 1 GiB: at the blocking loop's speed", lambda d: _backends(d, "files_copy", "blocking loop", 1.1)),
    ("... with a ticker beside it still on time", _ticker),
    ("10,000 parked tasks cancelled and joined: below 100 ns each", lambda d: _below(d, "cancel_10k", 100, "ns")),
    ("A thread's wake-up there and back, on one processor: as a bare eventfd and epoll (5.6 us)",
     lambda d: _below(d, "wake", 6200, "ns")),
]


def judge(data):
    return [(text, *measured(data)) for text, measured in GOALS]
