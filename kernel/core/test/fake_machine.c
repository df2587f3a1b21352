/* The fake machine: see fake_machine.h. */
#include "kernel/core/test/fake_machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fake fake;

/* ---- objects ---- */

static machine_object open_object(enum fake_kind kind, uint64_t size_bytes) {
    static machine_object next;
    for (uint32_t i = 0; i < FAKE_OBJECTS; i++) {
        next = (machine_object)(((uint32_t)next + 1) % FAKE_OBJECTS);
        struct fake_object *object = &fake.objects[next];
        if (object->kind != FAKE_FREE)
            continue;
        memset(object, 0, sizeof(*object));
        object->kind = kind;
        object->size_bytes = size_bytes;
        /* Only the first page can be looked at: that is where the control structure is. */
        object->bytes = calloc(1, GROVE_SEGMENT_PAGE);
        fake.objects_open++;
        return next;
    }
    abort();
}

static struct fake_object *at(machine_object object) {
    if (object < 0 || (uint32_t)object >= FAKE_OBJECTS || fake.objects[object].kind == FAKE_FREE)
        machine_panic("the core used an object that is not open");
    return &fake.objects[object];
}

void machine_object_close(machine_object object) {
    if (object == MACHINE_OBJECT_NONE)
        return;
    struct fake_object *closed = at(object);
    free(closed->bytes);
    memset(closed, 0, sizeof(*closed));
    fake.objects_open--;
}

static bool memory_fails(void) {
    return fake.fail_memory > 0 && --fake.fail_memory == 0;
}

int machine_memory_create(uint64_t size_bytes, machine_container charge, machine_object *memory) {
    (void)charge;
    if (memory_fails())
        return GROVE_NO_MEMORY;
    *memory = open_object(FAKE_MEMORY, size_bytes);
    return GROVE_OK;
}

int machine_memory_clone(machine_object from, uint64_t size_bytes, machine_container charge, machine_object *memory) {
    const uint8_t *bytes = at(from)->bytes;
    int status = machine_memory_create(size_bytes, charge, memory);
    if (status == GROVE_OK)
        memcpy(at(*memory)->bytes, bytes, GROVE_SEGMENT_PAGE);
    return status;
}

int machine_memory_seal(machine_object memory) {
    if (at(memory)->is_sealed)
        machine_panic("the core sealed memory twice");
    at(memory)->is_sealed = true;
    return GROVE_OK;
}

void machine_memory_signal(machine_object memory, uint64_t offset_bytes, uint32_t bits) {
    uint32_t word;
    memcpy(&word, at(memory)->bytes + offset_bytes, sizeof(word));
    word |= bits;
    memcpy(at(memory)->bytes + offset_bytes, &word, sizeof(word));
}

void machine_memory_count(machine_object memory, uint64_t offset_bytes) {
    uint32_t word;
    memcpy(&word, at(memory)->bytes + offset_bytes, sizeof(word));
    word++;
    memcpy(at(memory)->bytes + offset_bytes, &word, sizeof(word));
}

int machine_kernel_page_create(machine_object *memory, struct grove_kernel_page **page) {
    if (memory_fails())
        return GROVE_NO_MEMORY;
    *memory = open_object(FAKE_MEMORY, GROVE_SEGMENT_PAGE);
    *page = (struct grove_kernel_page *)(void *)at(*memory)->bytes;
    fake.pages_open++;
    return GROVE_OK;
}

void machine_kernel_page_wake(struct grove_kernel_page *page) {
    (void)page;
}

void machine_kernel_page_destroy(machine_object memory, struct grove_kernel_page *page) {
    (void)page;
    fake.pages_open--;
    machine_object_close(memory);
}

machine_object fake_blob(const void *bytes, uint64_t size_bytes) {
    machine_object blob = open_object(FAKE_BLOB, size_bytes);
    free(at(blob)->bytes);
    at(blob)->bytes = malloc(size_bytes + 1);
    memcpy(at(blob)->bytes, bytes, size_bytes);
    return blob;
}

machine_object fake_stream(void) {
    return open_object(FAKE_STREAM, 0);
}

int machine_blob_read(machine_object blob, void *buffer, uint64_t size_bytes) {
    if (at(blob)->kind != FAKE_BLOB || at(blob)->size_bytes < size_bytes)
        return GROVE_INVALID;
    memcpy(buffer, at(blob)->bytes, size_bytes);
    return GROVE_OK;
}

int machine_bell_create(machine_object ends[2]) {
    if (memory_fails())
        return GROVE_NO_DESCRIPTORS;
    ends[0] = open_object(FAKE_BELL, 0);
    ends[1] = open_object(FAKE_BELL, 0);
    return GROVE_OK;
}

/* ---- ports ---- */

int machine_port_send(machine_container container, const struct grove_message *message, const machine_object *objects,
                      uint32_t count) {
    struct fake_container *to = &fake.containers[container];
    if (to->is_destroyed)
        machine_panic("the core sent to a container that it destroyed");
    if (to->port_limit != 0 && to->packets >= to->port_limit) {
        to->is_full = true;
        return GROVE_AGAIN;
    }
    struct fake_packet *packet = calloc(1, sizeof(*packet));
    packet->message = *message;
    for (uint32_t i = 0; i < count; i++) {
        at(objects[i]);
        packet->objects[i] = objects[i];
    }
    if (to->last != NULL)
        to->last->next = packet;
    else
        to->first = packet;
    to->last = packet;
    to->packets++;
    return GROVE_OK;
}

static void unlink_packet(struct fake_container *from, struct fake_packet *before, struct fake_packet *packet) {
    if (before != NULL)
        before->next = packet->next;
    else
        from->first = packet->next;
    if (from->last == packet)
        from->last = before;
    from->packets--;
    free(packet);
}

bool fake_take(machine_container container, uint16_t operation, uint64_t sequence, struct fake_packet *out) {
    struct fake_container *from = &fake.containers[container];
    struct fake_packet *before = NULL;
    for (struct fake_packet *packet = from->first; packet != NULL; before = packet, packet = packet->next) {
        if (packet->message.operation != operation || packet->message.sequence != sequence)
            continue;
        if (out != NULL)
            *out = *packet;
        unlink_packet(from, before, packet);
        return true;
    }
    return false;
}

void fake_drop_packets(machine_container container) {
    struct fake_container *from = &fake.containers[container];
    while (from->first != NULL)
        unlink_packet(from, NULL, from->first);
}

/* ---- projects ---- */

int machine_project_set(machine_project project, machine_project parent, const struct grove_budget *budget) {
    struct fake_project *set = &fake.projects[project];
    if (project >= FAKE_PROJECTS || (set->is_open && set->parent != parent))
        machine_panic("the core moved a project");
    if (fake.fail_project_count > 0) {
        fake.fail_project_count--;
        return fake.fail_project;
    }
    if (!set->is_open) {
        fake.projects_open++;
        fake.projects[parent].children++;
    }
    *set = (struct fake_project){.is_open = true, .parent = parent, .children = set->children, .budget = *budget};
    return GROVE_OK;
}

void machine_project_destroy(machine_project project) {
    struct fake_project *gone = &fake.projects[project];
    if (!gone->is_open)
        return;
    if (gone->children != 0)
        machine_panic("the core destroyed a project with others in it");
    for (machine_container i = 0; i < FAKE_CONTAINERS; i++)
        if ((fake.containers[i].is_running || fake.containers[i].is_start_asked) &&
            fake.containers[i].project == project)
            machine_panic("the core destroyed a project in which something runs");
    fake.projects[gone->parent].children--;
    memset(gone, 0, sizeof(*gone));
    fake.projects_open--;
}

/* ---- containers ---- */

int machine_container_start(const struct machine_start *start) {
    struct fake_container *container = &fake.containers[start->container];
    for (uint32_t i = 0; i < 3; i++) {
        if (start->streams[i] != MACHINE_OBJECT_NONE)
            machine_object_close(start->streams[i]);
    }
    if (fake.fail_start < 0)
        return fake.fail_start;
    if (container->is_running || container->is_start_asked)
        machine_panic("the core started a container twice");
    container->is_destroyed = false;
    container->is_start_asked = true;
    container->starts++;
    container->project = start->project;
    container->budget = start->budget;
    container->schedule = start->schedule;
    fake_drop_packets(start->container);
    return GROVE_OK;
}

void machine_container_kill(machine_container container) {
    fake.containers[container].is_kill_asked = true;
}

int machine_container_signal(machine_container container, uint32_t signal) {
    fake.containers[container].signal = signal;
    return GROVE_OK;
}

int machine_container_freeze(machine_container container) {
    fake.containers[container].is_freeze_asked = true;
    return GROVE_OK;
}

int machine_container_thaw(machine_container container) {
    fake.containers[container].is_freeze_asked = false;
    return GROVE_OK;
}

void machine_container_destroy(machine_container container) {
    struct fake_container *gone = &fake.containers[container];
    if (gone->is_running || gone->is_start_asked)
        machine_panic("the core destroyed a container whose instance runs");
    fake.destroyed++;
    fake_drop_packets(container);
    memset(gone, 0, sizeof(*gone));
}

int machine_container_budget(machine_container container, const struct grove_budget *budget) {
    fake.containers[container].budget = *budget;
    return GROVE_OK;
}

int machine_container_schedule(machine_container container, const struct grove_schedule *schedule) {
    fake.containers[container].schedule = *schedule;
    return GROVE_OK;
}

uint64_t machine_container_network(machine_container container) {
    (void)container;
    return 0;
}

uint64_t machine_container_disk(machine_container container) {
    (void)container;
    return 0;
}

int machine_container_usage(machine_container container, struct grove_usage *usage) {
    (void)container;
    memset(usage, 0, sizeof(*usage));
    return GROVE_OK;
}

int32_t machine_container_process(machine_container container) {
    return fake.containers[container].is_running ? (int32_t)container + 1000 : 0;
}

void machine_container_streams(machine_container container, machine_object streams[2]) {
    (void)container;
    streams[0] = MACHINE_OBJECT_NONE;
    streams[1] = MACHINE_OBJECT_NONE;
}

/* ---- the rest ---- */

uint64_t machine_clock_ns(void) {
    return fake.clock_ns;
}

uint64_t machine_wall_clock_ns(void) {
    return UINT64_C(1700000000000000000) + fake.clock_ns;
}

void machine_random(void *buffer, size_t size_bytes) {
    uint8_t *bytes = buffer;
    for (size_t i = 0; i < size_bytes; i++) {
        fake.random = fake.random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        bytes[i] = (uint8_t)(fake.random >> 56);
    }
}

void machine_audit_write(const struct grove_audit_record *record) {
    fake.audit_records++;
    fake.last_audit = *record;
    if (record->event == GROVE_AUDIT_REFUSE || record->event == GROVE_AUDIT_SYSCALL_REFUSED)
        fake.last_refusal = *record;
}

void machine_describe(struct grove_kernel_record *record) {
    record->machine = 1;
}

_Noreturn void machine_panic(const char *sentence) {
    fprintf(stderr, "panic: %s\n", sentence);
    abort();
}

/* ---- playing ---- */

static bool play(struct core *core, machine_container index, struct fake_container *container) {
    if (container->is_kill_asked) {
        bool had_instance = container->is_running || container->is_start_asked;
        container->is_kill_asked = container->is_running = container->is_start_asked = false;
        if (had_instance)
            core_container_exited(core, index, GROVE_EXIT_SIGNAL, 9);
        return had_instance;
    }
    if (container->is_start_asked) {
        container->is_start_asked = false;
        container->is_running = true;
        core_container_started(core, index, GROVE_OK, GROVE_LAYER_NONE, 0);
        return true;
    }
    if (container->is_full && container->packets < container->port_limit) {
        container->is_full = false;
        core_port_writable(core, index);
        return true;
    }
    return false;
}

bool fake_play(struct core *core) {
    bool did_something = false;
    for (machine_container index = 0; index < FAKE_CONTAINERS; index++)
        did_something |= play(core, index, &fake.containers[index]);
    return did_something;
}

void fake_reset(void) {
    for (machine_container index = 0; index < FAKE_CONTAINERS; index++)
        fake_drop_packets(index);
    for (uint32_t i = 0; i < FAKE_OBJECTS; i++)
        free(fake.objects[i].bytes);
    memset(&fake, 0, sizeof(fake));
    fake.clock_ns = 1000; /* a machine's clock may begin with it */
    fake.random = 1;
}
