"""Results: {work: {variant: {"value": [...], "cpu": [...], ...}}}, one entry a round, and what is read out of them."""
import json
import os
import pathlib
import platform
import statistics
import subprocess
import time

from . import peers, works


def host():
    model = next((line.split(":")[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())
    return {"processor": f"{len(os.sched_getaffinity(0))} x {model}", "kernel": platform.release(),
            "system": next((line.split("=")[1].strip('"') for line in pathlib.Path("/etc/os-release").read_text()
                            .splitlines() if line.startswith("PRETTY_NAME=")), "?"),
            "compiler": subprocess.run(["cc", "--version"], capture_output=True, text=True, check=False)
            .stdout.splitlines()[0],
            "flags": "CMAKE_BUILD_TYPE=Release (-O2 -DNDEBUG), guards, limits, cancellation and fairness on",
            "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
            "load": "{:.1f}, {:.1f}, {:.1f}".format(*os.getloadavg())}


def load(path):
    try:
        return json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {"host": {}, "versions": {}, "skipped": {}, "results": {}}


def save(path, data):
    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    pathlib.Path(path).write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


def median(values):
    return statistics.median(values) if values else None


def figures(data, result, variant, metric=None):
    """The list of a variant's figures, of the metric that its work is compared by unless another one is wanted."""
    metric = metric or works.work_of(result).metric
    return data["results"].get(result, {}).get(variant, {}).get(metric, [])


def figure(data, result, variant, metric=None):
    return median(figures(data, result, variant, metric))


def pairs(data, result, one, other, metric=None):
    """The ratios one / other, round by round."""
    return [a / b for a, b in zip(figures(data, result, one, metric), figures(data, result, other, metric)) if b]


def ratio(data, result, one, other, metric=None):
    return median(pairs(data, result, one, other, metric))


def reference(data, result):
    """What others are compared with: bide, in the best of its backends."""
    ours = [name for name in data["results"].get(result, {}) if name.split(",")[0].split()[0] == "bide"]
    ours = [name for name in ours if figure(data, result, name) is not None]
    return min(ours, key=lambda name: figure(data, result, name)) if ours else None


def is_peer(name):
    return not name.startswith(("bide", "raw ", "bare ", "blocking loop"))


def best_peer(data, result):
    names = [name for name in data["results"].get(result, {}) if is_peer(name) and figure(data, result, name)]
    return min(names, key=lambda name: figure(data, result, name)) if names else None


def text_of(value):
    if value is None:
        return "-"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def table(data, result):
    """Rows (variant, median, spread, elapsed or rate, p99, ratio to bide, its spread), the best first."""
    mine = reference(data, result)
    rows = []
    for name in data["results"].get(result, {}):
        values = figures(data, result, name)
        if not values:
            continue
        ratios = pairs(data, result, name, mine) if mine else []
        rows.append({"name": name, "median": median(values), "low": min(values), "high": max(values),
                     "elapsed": figure(data, result, name, "value"), "rate": figure(data, result, name, "rate"),
                     "p99": figure(data, result, name, "p99"), "ratio": median(ratios),
                     "ratio_low": min(ratios, default=None), "ratio_high": max(ratios, default=None)})
    return sorted(rows, key=lambda row: row["median"])


def print_table(data, result):
    work = works.work_of(result)
    print(f"\n{works.title(result)} [{work.unit}{', processor time' if work.metric == 'cpu' else ''}]")
    print(f"{'':<30} {'median':>9} {'from':>9} {'to':>9} {'elapsed':>9} {'x bide':>7} {'from':>6} {'to':>6}")
    for row in table(data, result):
        cells = [text_of(row[key]) for key in ("median", "low", "high", "elapsed", "ratio", "ratio_low", "ratio_high")]
        print("{:<30} {:>9} {:>9} {:>9} {:>9} {:>7} {:>6} {:>6}".format(row["name"], *cells))
