/*
 * Containers without a kernel core: the machine's container functions, driven by a test.
 *
 * The harness stands in for the core, the ports and the broker, records what the machine tells them, and runs the loop
 * until what the test waits for has happened or a deadline has passed. It builds specs by a small recipe.
 */
#ifndef GROVE_TESTS_HARNESS_H
#define GROVE_TESTS_HARNESS_H

#include "kernel/machine/linux/linux.h"

#define HARNESS_TEXTS 24u

struct recipe_grant {
    uint16_t kind, flags;
    const char *path;
};

struct recipe {
    uint32_t flags; /* enum grove_spec_flags */
    const char *executable;
    const char *arguments[HARNESS_TEXTS]; /* NULL-ended */
    const char *environment[HARNESS_TEXTS];
    struct recipe_grant grants[HARNESS_TEXTS]; /* kind 0 ends */
    struct grove_budget budget;
    struct grove_schedule schedule;
    const char *directory;
    uint8_t streams; /* one mode for all three */
};

/* What the machine told the core about one container. */
struct record {
    bool is_started, is_ready, is_exited, is_frozen;
    int status;
    enum grove_layer layer;
    int32_t start_detail;
    enum grove_exit_cause cause;
    int32_t exit_detail;
    bool is_warned, is_warned_wrongly; /* of two different things, or after its end */
    unsigned warnings;
    enum grove_resource warned_of;
    uint64_t warned_used, warned_limit;
};

/* Become an ordinary user, if this is root; whoever is one already stays who they are. 0, or -1. */
int harness_be_ordinary(void);
/* Let a path belong to the ordinary user that harness_be_ordinary makes. 0, or -1. */
int harness_give(const char *path);
/* 0, or a negative status with a sentence on standard error. optional_layers as in linux_options. */
int harness_open(uint64_t optional_layers);
void harness_close(void);
/* Layers to take out of the next starts: bit n is enum grove_layer n. Before harness_open for what it sets up. */
extern uint64_t harness_left_out;
/* The project of the next starts; 0 is none. */
extern machine_project harness_project;
/* Of their memory. */
#define HARNESS_PROJECTS 8u
extern unsigned harness_project_warnings[HARNESS_PROJECTS];

/* What recovery_run ended. */
extern unsigned harness_recovered;

/* A spec from a recipe; it lives until harness_close. NULL and a sentence if it is not a valid one. */
const struct grove_spec *harness_spec(const struct recipe *recipe);
int harness_start(machine_container container, const struct grove_spec *spec);
/* Start with these three streams (duplicated). */
int harness_start_with(machine_container container, const struct grove_spec *spec, const int streams[3]);
struct record *harness_record(machine_container container);
/* Run the loop until one of the record's booleans is true. False at the deadline (30 s). */
bool harness_wait(const bool *what);
/* Run the loop until this holds; it is looked at every few milliseconds. False at the deadline. */
bool harness_until(bool (*holds)(void *context), void *context);
/* Run the loop for this time: how often did it run its idle work? Twice when nothing happens. */
unsigned harness_turns(uint64_t time_ns);
/* Start, wait for the end, and give what the program wrote to its log streams. Returns the record. */
struct record *harness_run(machine_container container, const struct grove_spec *spec, char *output, size_t size_bytes);
/* Run the loop until a child stands ready for the next start. False at the deadline. */
bool harness_wait_prepared(void);
/* The kernel's end of the port of a native service; -1 none. */
int harness_port(machine_container container);
uint64_t harness_now_ns(void);

/* What a test must leave as it found it. */
struct accounts {
    unsigned descriptors, mounts, cgroups, processes;
};
struct accounts accounts_take(void);
/* Folders of a kernel's control groups, in all hierarchies. */
unsigned accounts_groups(uint64_t boot_id);
/* The groups in them: of containers, of projects, of the kernel itself. */
unsigned accounts_groups_below(uint64_t boot_id);
/* True if equal; else prints what differs. */
bool accounts_match(const struct accounts *before, const struct accounts *after);

#endif
