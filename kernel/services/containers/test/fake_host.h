/*
 * A host for the tests of containers: memory files and programs as plain data, a scheduler without threads, and failures on
 * demand. Nothing happens by itself: the test plays what a program does.
 */
#ifndef GROVE_CONTAINERS_TEST_FAKE_HOST_H
#define GROVE_CONTAINERS_TEST_FAKE_HOST_H

#include "kernel/services/containers/containers.h"
#include "kernel/services/vfs/test/world.h"

#define FAKE_PROGRAMS 64u

struct program {
    bool is_used;
    bool is_begun; /* it runs, or may: not ended, not failed */
    bool is_killed, is_frozen;
    uint32_t signal;
    struct program_plan plan;
    struct descriptors descriptors;
    struct grove_schedule schedule;
};

struct fake_host {
    struct world *world;
    struct containers_host host;
    struct scheduler scheduler;
    struct sched_processor processor;
    struct program programs[FAKE_PROGRAMS];
    uint32_t begun; /* programs so far */
    int fail_begin; /* the next begin answers this, once */
    struct program *current; /* whose thread makes calls; NULL: the kernel's own */
    uint16_t call; /* the number of the call that it is in */
    uint64_t wakes; /* of words in memory */
    uint32_t memories; /* memory files that are there */
    uint32_t held; /* first pages */
};

extern struct fake_host fake_host;

void fake_host_open(struct world *world);
/* Fails the test if any program or memory is left. */
void fake_host_close(void);

/* The program of a container that begins or runs; NULL: it has none. */
struct program *fake_program(machine_container container);
/* Its first process, and with it all of it, ends. */
void fake_end(struct program *program, bool is_signal, int32_t value, bool lacked_memory);
/* It could not be loaded. */
void fake_fail(struct program *program, int32_t error);
/* A memory file with these bytes and seals, as a program makes one. One reference. */
struct open_file *fake_memory(const void *bytes, size_t size_bytes, uint32_t seals);
uint8_t *fake_bytes(struct open_file *memory);
uint32_t fake_seals(struct open_file *memory);
uint64_t fake_size(struct open_file *memory);

#endif
