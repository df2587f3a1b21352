/* What the benchmark's service understands. */
#ifndef GROVE_BENCH_METHODS_H
#define GROVE_BENCH_METHODS_H

enum bench_method {
    BENCH_ECHO = 1, /* answers with the same bytes */
    BENCH_SINK = 2, /* takes a message */
    BENCH_PLACE = 3, /* moves to the processor given as an int */
    BENCH_LEND = 4, /* reads a slice in place, answers with its own of the same size */
    BENCH_WHO = 5, /* answers with its process number, as its own namespace has it, and its start count */
};

#endif
