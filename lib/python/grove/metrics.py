"""Metrics: grove/metrics.h.

    metrics = grove.metrics.Metrics(service, "acquire")
    readings = metrics.counter("readings", "Readings taken.", feeder="3")
    readings.add()
    level = metrics.gauge("level_metres", "Height of the water.")
    level.set(1.5)
    reaction = metrics.histogram("reaction_seconds", "From fault to trip.", [0.001, 0.01, 0.1])
    reaction.observe(0.004)

    @metrics.collect
    def now():                                   # called before each reading, for what is known in another form
        level.set(tank.height())
        metrics.tell("gauge", "queue", len(queue), "What waits.", kind="alarm")
"""
from ctypes import CFUNCTYPE, POINTER, Structure, byref, c_char_p, c_double, c_int, c_uint32, c_uint64, c_void_p

from .errors import Invalid, check
from .native import library

LABELS, BUCKETS = 2, 14
KINDS = {"counter": 1, "gauge": 2}


class _Label(Structure):
    _fields_ = [("name", c_char_p), ("value", c_char_p)]


class _Metric(Structure):
    _fields_ = [("name", c_char_p), ("help", c_char_p), ("labels", _Label * LABELS)]


class _Histogram(Structure):
    _fields_ = [("bucket_count", c_uint32), ("reserved", c_uint32), ("sum", c_double), ("count", c_uint64),
                ("bounds", c_double * BUCKETS), ("counts", c_uint64 * BUCKETS)]


_Collector = CFUNCTYPE(None, c_void_p, c_void_p)
library.grove_metrics_create.restype = c_int
library.grove_metrics_create.argtypes = [c_void_p, c_char_p, POINTER(c_void_p)]
library.grove_metrics_create_later.restype = c_int
library.grove_metrics_create_later.argtypes = [c_void_p, c_char_p, POINTER(c_void_p)]
library.grove_metrics_counter.restype = c_int
library.grove_metrics_counter.argtypes = [c_void_p, POINTER(_Metric), POINTER(POINTER(c_uint64))]
library.grove_metrics_gauge.restype = c_int
library.grove_metrics_gauge.argtypes = [c_void_p, POINTER(_Metric), POINTER(POINTER(c_double))]
library.grove_metrics_histogram.restype = c_int
library.grove_metrics_histogram.argtypes = [c_void_p, POINTER(_Metric), POINTER(c_double), c_uint32,
                                            POINTER(POINTER(_Histogram))]
library.grove_metrics_on_collect.restype = None
library.grove_metrics_on_collect.argtypes = [c_void_p, _Collector, c_void_p]
library.grove_metrics_tell.restype = None
library.grove_metrics_tell.argtypes = [c_void_p, c_int, POINTER(_Metric), c_double]


def _metric(name, help, labels):
    if len(labels) > LABELS:
        raise Invalid(f"the metric {name} has {len(labels)} labels, and {LABELS} are the most")
    metric = _Metric(name=name.encode(), help=help.encode())
    for index, (label, value) in enumerate(sorted(labels.items())):
        metric.labels[index] = _Label(label.encode(), str(value).encode())
    return metric


class Counter:
    """Only grows."""

    def __init__(self, address):
        self._address = address

    value = property(lambda self: self._address[0])

    def add(self, number=1):
        if number < 0:
            raise Invalid("a counter only grows")
        self._address[0] += number


class Gauge:
    def __init__(self, address):
        self._address = address

    value = property(lambda self: self._address[0])

    def set(self, value):
        self._address[0] = value

    def add(self, value):
        self._address[0] += value


class Histogram:
    """How often which value was seen, by bounds that were fixed when it was made."""

    def __init__(self, address):
        self._address = address

    count = property(lambda self: self._address.contents.count)
    sum = property(lambda self: self._address.contents.sum)

    def observe(self, value):
        histogram = self._address.contents
        histogram.sum += value
        histogram.count += 1
        for index in range(histogram.bucket_count):
            if value <= histogram.bounds[index]:
                histogram.counts[index] += 1
                return


class Metrics:
    """The metrics of a service, read over one of its endpoints. The service keeps them.

    wait=False does not wait for the service of hooks: they are shown when it answers.
    """

    def __init__(self, service, endpoint, *, wait=True):
        self._handle, self._service, self._collector = c_void_p(), service, None
        create = library.grove_metrics_create if wait else library.grove_metrics_create_later
        check(create(service._handle, endpoint.encode(), byref(self._handle)))
        service._keep.append(self)

    def counter(self, name, help="", **labels):
        address = POINTER(c_uint64)()
        check(library.grove_metrics_counter(self._handle, byref(_metric(name, help, labels)), byref(address)))
        return Counter(address)

    def gauge(self, name, help="", **labels):
        address = POINTER(c_double)()
        check(library.grove_metrics_gauge(self._handle, byref(_metric(name, help, labels)), byref(address)))
        return Gauge(address)

    def histogram(self, name, help, bounds, **labels):
        address, bounds = POINTER(_Histogram)(), list(bounds)
        check(library.grove_metrics_histogram(self._handle, byref(_metric(name, help, labels)),
                                              (c_double * len(bounds))(*bounds), len(bounds), byref(address)))
        return Histogram(address)

    def collect(self, handler):
        """Decorator: handler() is called before each reading. It must not wait."""
        self._collector = _Collector(lambda _, __: self._service._guard(handler) and None)
        library.grove_metrics_on_collect(self._handle, self._collector, None)
        return handler

    def tell(self, kind, name, value, help="", **labels):
        """In a collector: one value for the reading under way."""
        if kind not in KINDS:
            raise Invalid(f"{kind!r} is no kind that can be told; there are {', '.join(KINDS)}")
        library.grove_metrics_tell(self._handle, KINDS[kind], byref(_metric(name, help, labels)), value)
