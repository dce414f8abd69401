"""docs/benchmarks.md and its charts, from results; what people have to say about them is bench/notes.md."""
import re

from . import chart, goals, peers, results, works

DOCS = peers.ROOT / "docs"
GROUPS = {"core": "Tasks, queues, locks, timers, memory", "echo": "TCP echo", "http": "HTTP/1.1 server",
          "client": "HTTP/1.1 client", "files": "Files"}
HEAD = """# Benchmarks

<!-- Written by `make bench-page` (bench/run --page) from the results of `make bench`, and bench/notes.md. -->

bide beside its peers, on one machine. `make bench` does it again (`make bench ONLY=echo` a part, `QUICK=1` in short); `bench/run --help` says more.
`make bench SAVE=baseline` keeps results and programs, `make bench-compare` measures this tree against them, in turn, and flags a change of more than 5 %. Noise-free are the
instruction counts of the hot paths, which CI checks: `make instructions`, [limits](../bench/instructions.limits).

**How to read it.** Each program is a process of its own. In each round all take their turn, in changing order; a figure is the median of the rounds, with the lowest and the highest.
"x bide" is taken inside a round, pair by pair, and is the figure to trust; absolute figures are those of this machine, on that day, with whatever else ran on it. Where it says
processor time, that is what the process (for servers: the server, all its threads, in user and kernel mode) used for one operation, as the kernel counts it; "elapsed" is the clock's.
Servers run on one processor, the load on another one; single-threaded runtimes on one; "Go" and "Tokio multi_thread" may use all. bide is measured as it ships: guards, limits,
cancellation and fairness are on. Programs: [bench/](../bench/), the peers' in [bench/peers/](../bench/peers/).
"""
VERDICTS = {True: "met", False: "**not met**", None: "-"}


def host_lines(data):
    lines = ["", "| | |", "|---|---|"]
    lines += [f"| {key} | {value} |" for key, value in data["host"].items() if key != "load"]
    lines.append(f"| load average at the start | {data['host'].get('load', '?')} (other work ran on the machine) |")
    lines += [f"| {name} | {version} |" for name, version in data["versions"].items()]
    lines += [f"| {name} | not measured: {reason} |" for name, reason in data["skipped"].items()]
    return lines


def goal_lines(data):
    judged = goals.judge(data)
    met, known = sum(verdict is True for *_, verdict in judged), sum(verdict is not None for *_, verdict in judged)
    lines = ["", "## Goals", "", f"{met} of {known} are met. Figures of work in nanoseconds unless they say otherwise.", "",
             "| Goal | Measured | |", "|---|---|---|"]
    return lines + [f"| {text} | {measured} | {VERDICTS[verdict]} |" for text, measured, verdict in judged]


def table_lines(data, result):
    rows, has = results.table(data, result), lambda key: any(row[key] is not None for row in rows)
    by_cpu = works.work_of(result).metric == "cpu"
    columns = [("", "name"), (works.work_of(result).unit, "median"), ("lowest", "low"), ("highest", "high")]
    if has("rate"):
        columns.append(("requests/s", "rate"))
    elif by_cpu:
        columns.append(("elapsed", "elapsed"))
    if has("p99"):
        columns.append(("p99, us", "p99"))
    columns += [("x bide", "ratio"), ("lowest", "ratio_low"), ("highest", "ratio_high")]
    lines = ["| " + " | ".join(head for head, _ in columns) + " |", "|---|" + "---:|" * (len(columns) - 1)]
    for row in rows:
        cells = [row[key] if key == "name" else results.text_of(row[key]) for _, key in columns]
        if row["name"].startswith("bide"):
            cells[0] = f"**{cells[0]}**"
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def write(data):
    folder = DOCS / "benchmarks"
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.svg"):
        old.unlink()
    notes = (peers.ROOT / "bench" / "notes.md").read_text(encoding="utf-8")
    lines = [HEAD.rstrip(), *host_lines(data), *goal_lines(data), "", notes.strip()]
    group = None
    for work in works.WORKS:
        for result in work.results:
            rows = results.table(data, result)
            if not rows:
                continue
            if work.group != group:
                group = work.group
                lines += ["", f"## {GROUPS[group]}"]
            mine = results.reference(data, result)
            title = works.title(result)
            unit = work.unit + (", processor time" if work.metric == "cpu" else "")
            drawing = chart.draw(title, unit, rows, results.text_of, results.figure(data, result, mine) if mine else None)
            (folder / f"{result}.svg").write_text(drawing, encoding="utf-8")
            lines += ["", f"### {title}", "", f"![{re.sub(r'[;,].*', '', title)}](benchmarks/{result}.svg)", "",
                      *table_lines(data, result)]
    (DOCS / "benchmarks.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"bench: wrote docs/benchmarks.md and {len(list(folder.glob('*.svg')))} charts")
