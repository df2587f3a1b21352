/*
 * See harness.h. One process, one loop, no threads. Objects of the machine library that would define the same functions
 * are not pulled into the program, because nothing in it needs them.
 */
#include "tests/confinement/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONTAINERS_MAX 512u
#define WAIT_NS UINT64_C(30000000000)
#define LOOK_NS UINT64_C(5000000)

static struct linux_machine machine;
struct linux_machine *linux_machine = &machine;
uint64_t harness_left_out;
machine_project harness_project;
unsigned harness_project_warnings[HARNESS_PROJECTS];

static struct record records[CONTAINERS_MAX];
static int ports[CONTAINERS_MAX];
static void *specs[4096];
static unsigned spec_count;
static char run_folder[64];

uint64_t container_left_out(void);
uint64_t container_left_out(void) {
    return harness_left_out;
}

/* ---- the core ---- */

void core_container_started(struct core *core, machine_container container, int status, enum grove_layer layer,
                            int32_t detail) {
    struct record *record = &records[container];
    (void)core;
    record->status = status;
    record->layer = layer;
    record->start_detail = detail;
    record->is_started = true;
}

void core_container_ready(struct core *core, machine_container container) {
    (void)core;
    records[container].is_ready = true;
}

void core_container_exited(struct core *core, machine_container container, enum grove_exit_cause cause,
                           int32_t detail) {
    (void)core;
    records[container].cause = cause;
    records[container].exit_detail = detail;
    records[container].is_exited = true;
}

void core_container_over_budget(struct core *core, machine_container container, enum grove_resource resource,
                                uint64_t used, uint64_t limit) {
    (void)core;
    struct record *record = &records[container];
    if (resource != record->warned_of || record->is_exited)
        record->is_warned_wrongly = record->is_warned_wrongly || record->warned_of != 0 || record->is_exited;
    record->warned_of = resource;
    record->warnings++;
    record->is_warned = true;
    record->warned_used = used;
    record->warned_limit = limit;
}

void core_project_over_budget(struct core *core, machine_project project, enum grove_resource resource, uint64_t used,
                              uint64_t limit) {
    (void)core;
    (void)used;
    (void)limit;
    if (project < HARNESS_PROJECTS && resource == GROVE_RESOURCE_MEMORY)
        harness_project_warnings[project]++;
}

void core_container_frozen(struct core *core, machine_container container) {
    (void)core;
    records[container].is_frozen = true;
}

/* ---- the ports and the broker ---- */

int port_open(machine_container container, int kernel_end) {
    ports[container] = kernel_end;
    return GROVE_OK;
}

void port_close(machine_container container) {
    if (ports[container] >= 0)
        (void)close(ports[container]);
    ports[container] = -1;
}

int harness_port(machine_container container) {
    return ports[container];
}

int broker_attach(machine_container container, int listener) {
    (void)container;
    (void)close(listener);
    return GROVE_OK;
}

void broker_detach(machine_container container) {
    (void)container;
}

void broker_relayed(machine_container container, const struct relay_answer *answer, int descriptor) {
    (void)container;
    (void)answer;
    if (descriptor >= 0)
        (void)close(descriptor);
}

bool broker_spec_has_network(const struct grove_spec *spec) {
    (void)spec;
    return false;
}

const struct broker_call broker_calls[1] = {{"", NULL, -1}};
const unsigned broker_call_count = 0;

unsigned harness_recovered;
void core_recovered(struct core *core, uint32_t count) {
    (void)core;
    harness_recovered += count;
}

/* ---- opening and closing ---- */

#define ORDINARY_USER 65533

int harness_be_ordinary(void) {
    if (geteuid() != 0)
        return 0;
    /* /proc/self belongs to root after a change of users, unless the process may be dumped again. */
    return setgroups(0, NULL) < 0 || setresgid(ORDINARY_USER, ORDINARY_USER, ORDINARY_USER) < 0 ||
                   setresuid(ORDINARY_USER, ORDINARY_USER, ORDINARY_USER) < 0 || prctl(PR_SET_DUMPABLE, 1) < 0
               ? -1
               : 0;
}

int harness_give(const char *path) {
    return geteuid() != 0 ? 0 : chown(path, ORDINARY_USER, ORDINARY_USER);
}

uint64_t harness_now_ns(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

int harness_open(uint64_t optional_layers) {
    (void)snprintf(run_folder, sizeof run_folder, "/tmp/grove-confinement-XXXXXX");
    if (mkdtemp(run_folder) == NULL)
        return GROVE_IO;
    for (unsigned i = 0; i < CONTAINERS_MAX; i++)
        ports[i] = -1;
    machine = (struct linux_machine){
        .options = {.run_folder = run_folder, .state_folder = run_folder, .optional_layers = optional_layers},
        .rootless = geteuid() != 0,
        .user = geteuid(),
        .group = getegid(),
        .boot_id = harness_now_ns()};
    int result = loop_create(&machine.loop);
    if (result == GROVE_OK)
        result = container_probe(&machine);
    if (result == GROVE_OK)
        result = container_start_up(&machine);
    if (result < 0)
        (void)fprintf(stderr, "harness: the container part did not start: %d (%s)\n", result, strerror(errno));
    return result;
}

void harness_close(void) {
    char path[96];
    container_shut_down(&machine);
    loop_destroy(machine.loop);
    while (spec_count > 0)
        free(specs[--spec_count]);
    (void)memset(records, 0, sizeof records);
    (void)snprintf(path, sizeof path, "%s/notify", run_folder);
    (void)rmdir(path);
    (void)snprintf(path, sizeof path, "%s/containers", run_folder);
    (void)unlink(path);
    (void)rmdir(run_folder);
}

/* ---- specs ---- */

struct writer {
    char *blob;
    uint32_t text, text_end;
};

static struct grove_span put(struct writer *writer, const char *text) {
    struct grove_span span = {.offset_bytes = writer->text_end, .length_bytes = (uint32_t)strlen(text)};
    (void)memcpy(writer->blob + writer->text + writer->text_end, text, strlen(text) + 1);
    writer->text_end += span.length_bytes + 1;
    return span;
}

static unsigned count_texts(const char *const *texts) {
    unsigned count = 0;
    while (count < HARNESS_TEXTS && texts[count] != NULL)
        count++;
    return count;
}

static void put_texts(struct writer *writer, struct grove_table table, const char *const *texts) {
    struct grove_span *spans = (struct grove_span *)(void *)(writer->blob + table.offset_bytes);
    for (unsigned i = 0; i < table.count; i++)
        spans[i] = put(writer, texts[i]);
}

static struct grove_table place(uint32_t *end, unsigned count, size_t size_bytes) {
    struct grove_table table = {.offset_bytes = *end, .count = count};
    *end += (uint32_t)((count * size_bytes + 7) & ~(size_t)7);
    return table;
}

/* A grant without a path is one of a port of the kernel's choice on the loopback address. */
static void put_grant(struct writer *writer, struct grove_spec_capability *place, const struct recipe_grant *grant) {
    *place = (struct grove_spec_capability){.kind = grant->kind, .rights = GROVE_RIGHT_USE, .flags = grant->flags};
    if (grant->path != NULL) {
        place->argument_kind = GROVE_ARGUMENT_PATH;
        place->text = put(writer, grant->path);
        return;
    }
    place->argument_kind = GROVE_ARGUMENT_ADDRESS;
    place->address = (struct grove_address){.family = 4, .prefix_bits = 32, .transport = 6, .bytes = {127, 0, 0, 1}};
}

static void put_grants(struct writer *writer, struct grove_table table, const struct recipe *recipe) {
    struct grove_spec_capability *grants = (struct grove_spec_capability *)(void *)(writer->blob + table.offset_bytes);
    for (unsigned i = 0; i < table.count; i++)
        put_grant(writer, &grants[i], &recipe->grants[i]);
}

const struct grove_spec *harness_spec(const struct recipe *recipe) {
    char *blob = aligned_alloc(64, GROVE_SPEC_BYTES_MAX);
    struct grove_spec *spec = (struct grove_spec *)(void *)blob;
    struct writer writer = {.blob = blob};
    unsigned grants = 0;
    uint32_t end = (sizeof *spec + 7u) & ~7u;
    const char *problem = NULL;
    if (blob == NULL)
        return NULL;
    (void)memset(blob, 0, GROVE_SPEC_BYTES_MAX);
    while (grants < HARNESS_TEXTS && recipe->grants[grants].kind != 0)
        grants++;
    *spec = (struct grove_spec){.magic = GROVE_SPEC_MAGIC,
                                .version = GROVE_SPEC_VERSION,
                                .header_bytes = sizeof *spec,
                                .flags = recipe->flags,
                                .ring = 2,
                                .budget = recipe->budget,
                                .schedule = recipe->schedule};
    spec->stream_in = recipe->streams == GROVE_STREAM_LOG ? GROVE_STREAM_NULL : recipe->streams;
    spec->stream_out = spec->stream_error = recipe->streams;
    spec->capabilities = place(&end, grants, sizeof(struct grove_spec_capability));
    spec->arguments = place(&end, count_texts(recipe->arguments), sizeof(struct grove_span));
    spec->environment = place(&end, count_texts(recipe->environment), sizeof(struct grove_span));
    spec->provides = spec->requires = spec->methods = (struct grove_table){.offset_bytes = end};
    writer.text = spec->text_offset_bytes = end;
    spec->name = put(&writer, "test.confined");
    spec->project = put(&writer, "test");
    spec->executable = put(&writer, recipe->executable);
    spec->directory = put(&writer, recipe->directory == NULL ? "" : recipe->directory);
    spec->manifest = spec->description = put(&writer, "");
    put_grants(&writer, spec->capabilities, recipe);
    put_texts(&writer, spec->arguments, recipe->arguments);
    put_texts(&writer, spec->environment, recipe->environment);
    spec->text_bytes = writer.text_end;
    spec->total_bytes = writer.text + writer.text_end;
    int result = grove_spec_check(blob, spec->total_bytes, &problem);
    if (result < 0)
        (void)fprintf(stderr, "harness: the recipe for %s is no valid spec: %s\n", recipe->executable, problem);
    specs[spec_count++] = blob;
    return result < 0 ? NULL : spec;
}

/* ---- running ---- */

struct record *harness_record(machine_container container) {
    return &records[container];
}

int harness_start_with(machine_container container, const struct grove_spec *spec, const int streams[3]) {
    struct machine_start start = {.container = container,
                                  .project = harness_project,
                                  .id = container + 1,
                                  .generation = 1,
                                  .spec = spec,
                                  .budget = spec->budget,
                                  .schedule = spec->schedule};
    start.caller_user = geteuid();
    start.caller_group = getegid();
    for (unsigned i = 0; i < 3; i++)
        start.streams[i] = streams == NULL ? MACHINE_OBJECT_NONE : fcntl(streams[i], F_DUPFD_CLOEXEC, 0);
    records[container] = (struct record){0};
    return machine_container_start(&start);
}

int harness_start(machine_container container, const struct grove_spec *spec) {
    return harness_start_with(container, spec, NULL);
}

struct wait {
    const bool *what;
    uint64_t deadline_ns;
    bool is_late;
};

static uint64_t wait_idle(void *context) {
    struct wait *wait = context;
    wait->is_late = harness_now_ns() > wait->deadline_ns;
    if (*wait->what || wait->is_late)
        loop_stop(machine.loop);
    return *wait->what || wait->is_late ? 0 : wait->deadline_ns;
}

bool harness_wait(const bool *what) {
    struct wait wait = {.what = what, .deadline_ns = harness_now_ns() + WAIT_NS};
    if (!*what)
        (void)loop_run(machine.loop, wait_idle, &wait);
    return *what;
}

struct until {
    bool (*holds)(void *context);
    void *context;
    uint64_t deadline_ns;
    bool has_held;
};

static uint64_t until_idle(void *context) {
    struct until *until = context;
    uint64_t now_ns = harness_now_ns();
    until->has_held = until->holds(until->context);
    if (until->has_held || now_ns > until->deadline_ns)
        loop_stop(machine.loop);
    return until->has_held ? 0 : now_ns + LOOK_NS;
}

bool harness_until(bool (*holds)(void *context), void *context) {
    struct until until = {.holds = holds, .context = context, .deadline_ns = harness_now_ns() + WAIT_NS};
    (void)loop_run(machine.loop, until_idle, &until);
    return until.has_held;
}

struct turns {
    uint64_t end_ns;
    unsigned count;
};

static uint64_t turns_idle(void *context) {
    struct turns *turns = context;
    turns->count++;
    if (harness_now_ns() >= turns->end_ns)
        loop_stop(machine.loop);
    return turns->end_ns;
}

unsigned harness_turns(uint64_t time_ns) {
    struct turns turns = {.end_ns = harness_now_ns() + time_ns};
    (void)loop_run(machine.loop, turns_idle, &turns);
    return turns.count;
}

static bool is_prepared(void *context) {
    (void)context;
    return container_spares().ready > 0;
}

bool harness_wait_prepared(void) {
    return harness_until(is_prepared, NULL);
}

struct record *harness_run(machine_container container, const struct grove_spec *spec, char *output,
                           size_t size_bytes) {
    struct record *record = &records[container];
    machine_object streams[2];
    size_t length = 0;
    record->status = harness_start(container, spec);
    if (record->status == GROVE_OK && harness_wait(&record->is_started) && record->status == GROVE_OK)
        (void)harness_wait(&record->is_exited);
    machine_container_streams(container, streams);
    for (unsigned i = 0; i < 2 && output != NULL; i++) {
        ssize_t got = streams[i] < 0 ? 0 : read(streams[i], output + length, size_bytes - 1 - length);
        length += got > 0 ? (size_t)got : 0;
    }
    if (output != NULL)
        output[length] = '\0';
    return record;
}
