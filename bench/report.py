"""What a person reads of the measurements: a table for each part, and how far the goals are met."""


def show(title, rows):
    print(f"\n{title}")
    for name, figures in rows.items():
        if "unavailable" in figures:
            print(f"  {name:28} not measured: {figures['unavailable']}")
            continue
        cells = []
        for key, value in figures.items():
            if isinstance(value, (int, float)):
                cells.append(f"{key} {value:,.0f}" if abs(value) >= 100 else f"{key} {value:.2f}")
        print(f"  {name:28} " + "   ".join(cells))


def ratio(part, ours, theirs, figure, results, larger_is_better=False):
    """How many times better ours is than theirs, or None when either is missing."""
    try:
        mine, other = results[part][ours][figure], results[part][theirs][figure]
        return mine / other if larger_is_better else other / mine
    except (KeyError, ZeroDivisionError):
        return None


# (what, part, ours, theirs, figure, larger is better, goal: at least this many times better)
GOALS = [
    ("call 64 B, one processor, to the raw futex", "messages", "grove", "raw", "round_trip_same_ns", False, 1 / 1.2),
    ("call 64 B, one processor, to ZeroMQ", "messages", "grove", "zeromq", "round_trip_same_ns", False, 7),
    ("call 64 B, one processor, to NNG", "messages", "grove", "nng", "round_trip_same_ns", False, 12),
    ("call 64 B, two processors, to raw spinning", "messages", "grove", "raw", "round_trip_across_ns", False, 1 / 1.5),
    ("one way 64 B, to the raw ring", "messages", "grove", "raw", "one_way_per_s", True, 0.7),
    ("one way 64 B, to ZeroMQ", "messages", "grove", "zeromq", "one_way_per_s", True, 4),
    ("fan-out to 8, to the raw ring", "bus", "grove", "raw", "fan_out_8_per_s", True, 0.5),
    ("fan-out to 8, to ZeroMQ", "bus", "grove", "zeromq", "fan_out_8_per_s", True, 5),
    ("fan-out to 8, to Redis", "bus", "grove", "redis", "fan_out_8_per_s", True, 5),
    ("fan-out to 8, to NATS", "bus", "grove", "nats", "fan_out_8_per_s", True, 5),
    ("fan-out to 8 by the publisher's ring, to the raw ring", "bus", "direct", "raw", "fan_out_8_per_s", True, 0.5),
    ("fan-out to 8 by the publisher's ring, to ZeroMQ", "bus", "direct", "zeromq", "fan_out_8_per_s", True, 5),
    ("fan-out to 8 by the publisher's ring, to Redis", "bus", "direct", "redis", "fan_out_8_per_s", True, 5),
    ("fan-out to 8 by the publisher's ring, to NATS", "bus", "direct", "nats", "fan_out_8_per_s", True, 5),
    ("NATS clients, messages through the gateway, to NATS", "nats", "grove", "nats", "pub_sub_per_s", True, 0.5),
    ("NATS clients, request and reply, to NATS", "nats", "grove", "nats", "request_ns", False, 0.5),
    ("start to first answer, to bubblewrap", "start", "grove", "bubblewrap", "median_ns", False, 4),
    ("start to first answer, to crun", "start", "grove", "crun", "median_ns", False, 8),
    ("kill -9 to first answer, to runit", "restart", "grove, by the registry", "runit", "median_ns", False, 1),
    ("the whole platform idle, memory, to 14 MiB", "idle", "platform", "limit", "pss_bytes", False, 1),
    ("the whole platform idle, wake-ups, to 1 a second", "idle", "platform", "limit", "wakeups_per_s", False, 1),
    ("durable publication, 1 publisher, to the raw disk", "events", "grove", "raw", "one_writer", True, 0.9),
    ("durable publication, 1 publisher, to Redis always", "events", "grove", "redis", "one_writer", True, 1),
    ("durable publication, 1 publisher, to etcd", "events", "grove", "etcd", "one_writer", True, 1),
    ("durable publications, 64 under way, to the raw disk", "events", "grove", "raw", "many_writers", True, 20),
    ("durable publications, 64 under way, to Redis always", "events", "grove", "redis", "many_writers", True, 1),
    ("durable publications, 64 under way, to etcd", "events", "grove", "etcd", "many_writers", True, 1),
    ("event to its handler, asleep, one processor, to a raw hand-over", "events", "grove", "raw", "to_handler_ns", False, 0.5),
    ("the same by the publisher's ring, to a raw hand-over", "events", "direct", "raw", "to_handler_ns", False, 0.5),
    ("durable transaction, 1 writer, to SQLite alone", "store", "grove", "sqlite", "one_writer", True, 0.8),
    ("durable transaction, 1 writer, to LMDB", "store", "grove", "lmdb", "one_writer", True, 1),
    ("durable transactions, 64 writers, to SQLite alone", "store", "grove", "sqlite", "many_writers", True, 10),
    ("durable transactions, 64 writers, to etcd", "store", "grove", "etcd", "many_writers", True, 1),
    ("durable transactions, 64 writers, to Redis always", "store", "grove", "redis", "many_writers", True, 1),
    ("read of a key, to a call", "store", "grove", "call", "read_ns", False, 0.5),
    ("read from the map, to 100 ns", "store", "grove", "limit", "map_read_ns", False, 1),
    ("configuration read by name, to LMDB", "config", "grove, by name", "lmdb", "read_ns", False, 2),
    ("configuration read by name, to Redis", "config", "grove, by name", "redis", "read_ns", False, 100),
    ("configuration change, to the raw file", "config", "grove, by name", "raw", "change_ns", False, 0.5),
]


def goals(results):
    print("\nRatios (ours is N times as good; goal in brackets)")
    report = []
    for what, part, ours, theirs, figure, larger, goal in GOALS:
        value = ratio(part, ours, theirs, figure, results, larger)
        if value is not None:
            met = value >= goal
            report.append({"what": what, "ratio": value, "goal": goal, "met": met})
            print(f"  {what:48} {value:8.2f}  [{goal:.2f}] {'' if met else 'MISSED'}")
    try:
        value = results["discover"]["grove"]["tag_to_call"]
        report.append({"what": "find one among 10,000, to a call", "ratio": value, "goal": 2, "met": value <= 2})
        print(f"  {'finding one among 10,000 takes times a call':48} {value:8.2f}  [at most 2.00] "
              f"{'' if value <= 2 else 'MISSED'}")
    except KeyError:
        pass
    try:
        figures = results["messages"]["grove"]
        value = figures["round_trip_1m_ns"] / figures["round_trip_across_ns"]
        report.append({"what": "1 MiB by loan, to 64 B", "ratio": value, "goal": 1.5, "met": value <= 1.5})
        print(f"  {'1 MiB by loan takes times as long as 64 B':48} {value:8.2f}  [at most 1.50] "
              f"{'' if value <= 1.5 else 'MISSED'}")
    except KeyError:
        pass
    try:
        value = results["config"]["grove, by name"]["read_ns"]
        report.append({"what": "configuration read, ns", "ratio": value, "goal": 50, "met": value <= 50})
        print(f"  {'configuration read by name, nanoseconds':48} {value:8.2f}  [at most 50] "
              f"{'' if value <= 50 else 'MISSED'}")
    except KeyError:
        pass
    return report
