"""Makes the tables of `scaling.py` from the measured values of `scaling.json`."""

import dataclasses
import math

import step_model

NAMES = {"quarter": "Inception-v1, width 0.25", "full": "Inception-v1"}
TOGETHER = ("quarter", 16)  # network and images per step from which `meeting` is computed
FLAG = 8  # bytes: at each step the workers ask each other whether all have a batch
# The paper's run: 1512.00567, section 8.
REPLICAS, BATCH, EPOCHS, IMAGES = 50, 32, 100, 1_281_167
# Images per second of one GPU at batch 32, Inception-v3 on made-up data (TensorFlow's page
# "Benchmarks" of 2017, sections on Amazon EC2 distributed and on DGX-1). The K80 is a Kepler GPU
# like the paper's, but the paper does not name it.
PUBLISHED = {"Tesla K80 (29.2 images/s, published)": 29.2, "Tesla P100 (128, published)": 128.0}
ASSUMED = {"an accelerator of 1,000 images/s (assumed)": 1000.0}
HOP = 0.05  # milliseconds per hop: assumed, for TCP within a data centre
GBIT = {rate: step_model.Network(HOP, rate * 1e9 / 8) for rate in (1, 10, 25, 100)}
SERVERS = (1, 2, 5, 10, 25)
ASYNCHRONOUS = next(iter(PUBLISHED))  # whose table of servers is printed


def tables(measured):
    """Returns the page's tables in their order, as Markdown."""
    return [
        constants(measured),
        messages(measured),
        check(measured),
        assumptions(measured),
        paper(measured),
        slowest(),
        servers(measured),
    ]


def table(head, rows):
    """Returns a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def number(value, digits=3):
    """Returns a number as text with `digits` significant digits, in plain notation."""
    rounded = float(f"{value:.{digits}g}")
    before = math.floor(math.log10(abs(rounded))) + 1 if rounded else digits
    return f"{rounded:,.{max(0, digits - before)}f}"


def replica(measured, name):
    """Returns the `Replica` of a small network on a core of the measuring machine."""
    part = measured["networks"][name]
    fixed, image = step_model.fit_compute({int(k): v for k, v in part["alone"].items()})
    return step_model.Replica(fixed, image, measured["view"])


def sent(part):
    """Returns the sizes of a step's all-reduces: gradients, batch-norm statistics, the flag."""
    return [4 * part["parameters"], 4 * part["statistics"], FLAG]


def network(measured, workers):
    """Returns the `Network` that fits the all-reduces of some workers; `None` for one worker."""
    times = measured["all_reduce"].get(str(workers))
    if times is None:
        return None
    return step_model.fit_network({int(size): t for size, t in times.items()}, workers)


def slower(measured, name, workers):
    """Returns by which factor a step is slower if all workers compute on the machine at once."""
    return measured["at_once"][str(workers)][name] / measured["at_once"]["1"][name]


def meeting(measured, workers):
    """Returns the time of the small network's step that the rest of the model does not explain."""
    if workers == 1:
        return 0.0
    name, batch = TOGETHER
    sizes = sent(measured["networks"][name])
    expected = step_model.step(
        dataclasses.replace(replica(measured, name), view=0.0),
        batch,
        workers,
        sizes,
        network(measured, workers),
        slower(measured, name, workers),
    )
    return measured["together"][str(workers)]["time"] - expected


def constants(measured):
    replicas = [replica(measured, name) for name in NAMES]
    parts = [measured["networks"][name] for name in NAMES]
    rows = [
        ("`fixed`, ms per step", *(number(r.fixed) for r in replicas)),
        ("`image`, ms", *(number(r.image) for r in replicas)),
        ("`view`, ms per picture", *(number(r.view) for r in replicas)),
        ("gradients, MB", *(number(4e-6 * part["parameters"]) for part in parts)),
        ("batch-norm statistics, MB", *(number(4e-6 * part["statistics"]) for part in parts)),
        *(
            (
                f"`slower` of {workers} workers on {measured['cores']} cores",
                *(number(slower(measured, name, workers)) for name in NAMES),
            )
            for workers in (2, 4)
        ),
        *(
            (f"`meeting` of {workers} workers, ms", *(2 * [number(meeting(measured, workers))]))
            for workers in (2, 4)
        ),
    ]
    return table(["on one core", *NAMES.values()], rows)


def messages(measured):
    fitted = {workers: network(measured, workers) for workers in (2, 4)}
    rows = []
    for size in map(int, measured["all_reduce"]["2"]):
        row = [f"{size // 1024:,} KB"]
        for workers, link in fitted.items():
            row.append(number(measured["all_reduce"][str(workers)][str(size)]))
            row.append(number(step_model.all_reduce(size, workers, link)))
        rows.append(row)
    for title, values in (
        ("`latency`, ms per hop", [n.latency for n in fitted.values()]),
        ("`bandwidth`, MB/s", [n.bandwidth / 1e6 for n in fitted.values()]),
    ):
        two, four = map(number, values)
        rows.append([title, "", two, "", four])
    head = ["message", "2 workers: measured, ms", "fitted", "4 workers: measured, ms", "fitted"]
    return table(head, rows)


def predicted(measured, name, batch, workers):
    """Returns (compute and input, meeting, all-reduces) of a step, in milliseconds."""
    link, sizes = network(measured, workers), sent(measured["networks"][name])
    met = meeting(measured, workers)
    whole = step_model.step(
        replica(measured, name), batch, workers, sizes, link, slower(measured, name, workers), met
    )
    reduced = sum(step_model.all_reduce(s, workers, link) for s in sizes) if link else 0.0
    return whole - met - reduced, met, reduced


def check(measured):
    rows = []
    for entry in measured["steps"]:
        parts = predicted(measured, entry["network"], entry["batch"], entry["workers"])
        error = sum(parts) / entry["time"] - 1
        times = map(number, (*parts, sum(parts), entry["time"]))
        rows.append(
            [NAMES[entry["network"]], entry["batch"], entry["workers"], *times, f"{error:+.0%}"]
        )
    head = ["network", "images per replica", "workers", "compute and input, ms", "meeting, ms"]
    return table([*head, "all-reduces, ms", "predicted, ms", "measured, ms", "error"], rows)


def accelerators(measured):
    """Returns name -> `Replica` that trains Inception-v3, whose input other cores make."""
    times = {"a core of this machine (measured)": measured["inception_v3"]["image"]}
    times |= {name: 1000 / rate for name, rate in (PUBLISHED | ASSUMED).items()}
    return {
        name: step_model.Replica(0.0, image, 0.0, overlaps=True) for name, image in times.items()
    }


def assumptions(measured):
    part = measured["inception_v3"]
    parameters, own = part["parameters"], part["network_parameters"]
    rows = [
        ("an image's forward and backward pass on one core here (measured)", part["image"], "ms"),
        ("a training view of 299 pixels on one core here (measured)", part["view"], "ms"),
        (f"gradients of {own:,} parameters of the network", 4e-6 * own, "MB"),
        (f"and {parameters - own:,} of its auxiliary classifier", 4e-6 * (parameters - own), "MB"),
        ("batch-norm statistics", 4e-6 * part["statistics"], "MB"),
        ("a hop between two replicas (assumed)", HOP, "ms"),
    ]
    rows = [[what, f"{number(value)} {unit}"] for what, value, unit in rows]
    return table(["Inception-v3, recipe `inception_v3`", "value"], rows)


def paper(measured):
    sizes = sent(measured["inception_v3"])
    rows = []
    for name, one in accelerators(measured).items():
        for rate, link in GBIT.items():
            whole = step_model.step(one, BATCH, REPLICAS, sizes, link)
            images = REPLICAS * BATCH / whole * 1000
            days = EPOCHS * IMAGES / images / 86400
            share = one.busy(BATCH) / whole
            figures = [number(v) for v in (one.busy(BATCH), whole - one.busy(BATCH), whole, images)]
            cores = number(measured["inception_v3"]["view"] / one.image, 2)
            rows.append([name, cores, rate, *figures, f"{share:.0%}", number(days)])
    head = ["replica", "cores for its input", "Gbit/s", "compute, ms", "all-reduces, ms"]
    ends = ["step, ms", "images/s", f"of {REPLICAS} alone", f"days for {EPOCHS} epochs"]
    return table([*head, *ends], rows)


def servers(measured):
    one, sizes = accelerators(measured)[ASYNCHRONOUS], sent(measured["inception_v3"])
    rates = (10, 25)

    def images(count, rate):
        bandwidth = GBIT[rate].bandwidth
        updates = step_model.asynchronous_updates(
            one.busy(BATCH), REPLICAS, count, sizes[0], bandwidth
        )
        return number(updates * BATCH)

    rows = [[f"{count}", *(images(count, rate) for rate in rates)] for count in SERVERS]
    synchronous = [
        number(REPLICAS * BATCH * 1000 / step_model.step(one, BATCH, REPLICAS, sizes, GBIT[rate]))
        for rate in rates
    ]
    rows.append(["none: synchronous, for comparison", *synchronous])
    return table(["servers", *(f"images/s at {rate} Gbit/s" for rate in rates)], rows)


def slowest():
    rows = [[n, f"{step_model.slowest_of(n):.2f}"] for n in (2, 4, REPLICAS)]
    return table(["replicas", "delay of the last one, in standard deviations"], rows)
