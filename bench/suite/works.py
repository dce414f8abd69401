"""What is measured: the works, in groups, in the order of the page."""


class Work:
    """name: what the programs know it by; metric: which figure is compared, "cpu" or "value" (elapsed time, bytes);
    results: what the program reports when that is not the name; slow: fewer rounds do."""

    def __init__(self, group, name, title, unit, metric="cpu", results=None, both_cpus=False, slow=False, shape=None):
        self.group, self.name, self.title, self.unit, self.metric = group, name, title, unit, metric
        self.results = results or [name]
        self.both_cpus, self.slow, self.shape = both_cpus, slow, shape


def core(name, title, **more):
    return Work("core", name, title, more.pop("unit", "ns"), **more)


def echo(name, connections, depth, title):
    return Work("echo", name, title, "us", shape=(connections, depth))


WORKS = [
    core("yield_2", "Yield, 2 tasks in turn; one yield"),
    core("yield_1000", "Yield, 1,000 tasks in turn; one yield"),
    core("spawn_one", "Spawn a task and await it, one by one; one task"),
    core("spawn_gather", "Spawn 1,000 tasks and await them by gather; one task"),
    core("spawn_group", "Spawn 1,000 tasks and await them by a group; one task"),
    core("queue_1", "Queue of 1 from task to task; one item"),
    core("queue_128", "Queue of 128 from task to task; one item"),
    core("lock_free", "A free lock taken and released"),
    core("lock_100", "A lock that 100 tasks want, held over a yield; one turn"),
    core("timeout", "A timeout armed and cancelled round a wait that is ready"),
    core("sleepers", "100,000 tasks that sleep up to 0.1 s; one task", results=["sleepers_cold", "sleepers_warm"]),
    core("memory_100k", "Memory of an idle task, 100,000 of them", unit="bytes", metric="value", slow=True),
    core("memory_1m", "Memory of an idle task, 1,000,000 of them", unit="bytes", metric="value", slow=True),
    core("cancel_10k", "10,000 parked tasks cancelled and joined; one task"),
    core("wake", "Thread wakes task wakes thread, on one processor; there and back"),
    core("to_thread", "An empty call in a worker thread, on one processor; there and back"),
    echo("echo_1", 1, 1, "TCP echo of 64 bytes, 1 connection; server's processor time"),
    echo("echo_64", 64, 1, "TCP echo of 64 bytes, 64 connections; server's processor time"),
    echo("echo_1000", 1000, 1, "TCP echo of 64 bytes, 1,000 connections; server's processor time"),
    echo("echo_64x16", 64, 16, "TCP echo of 64 bytes, 64 connections, 16 deep; server's processor time"),
    Work("http", "http_plain", "HTTP/1.1 plaintext, keep-alive, 64 connections; server's processor time", "us",
         shape="/"),
    Work("http", "http_json", "HTTP/1.1 small JSON, keep-alive, 64 connections; server's processor time", "us",
         shape="/json"),
    Work("client", "http_client", "20,000 GETs, 100 at a time, from nginx; client's processor time", "us"),
    Work("files", "files_small", "10,000 files of 4 KiB read, 100 at a time; one file", "us", metric="value",
         both_cpus=True),
    Work("files", "files_copy", "A file of 1 GiB copied by 1 MiB", "us", metric="value", both_cpus=True),
    Work("files", "files_random", "Random reads of 4 KiB, 100 at a time; one read", "us", metric="value",
         both_cpus=True),
]
TITLES = {"sleepers_cold": "100,000 tasks that sleep up to 0.1 s, the first time; one task",
          "sleepers_warm": "100,000 tasks that sleep up to 0.1 s, once more (stacks pooled); one task"}


def title(result):
    return TITLES.get(result) or next(work.title for work in WORKS if work.name == result)


def work_of(result):
    return next(work for work in WORKS if result in work.results)
