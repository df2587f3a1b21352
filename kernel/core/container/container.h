/*
 * Containers: what outlives the instances of a service.
 *
 * A container has a table of capabilities, endpoints, channels, a state region, a budget, and at most one instance. Its
 * life is the table of states by events in life.c. Everything another part keeps about a container is either in one of
 * its lists or an identity that is looked up, so that a container that is gone is never touched.
 *
 * An instance has three moments: the machine is told to start it (STARTING), it is told INIT, and the machine says that it
 * runs. INIT waits until the segments of the channels that it takes over are there (`is_prepared`), which is done in
 * bounded steps while the machine builds the address space, and lies in its port when its program begins. When it ends, its channels are marked closed in bounded steps
 * as well (`is_ending`); only then the state is STOPPED and the owner hears of it.
 *
 * Destruction is marked at once (`is_dying`): the name is free again, the table is dead with the owner's entry, the
 * instance is killed. The rest is taken apart by container_work.
 */
#ifndef GROVE_CORE_CONTAINER_H
#define GROVE_CORE_CONTAINER_H

#include "kernel/core/budget/budget.h"
#include "kernel/core/cap/capability.h"
#include "kernel/core/machine.h"
#include "kernel/core/port/attention.h"
#include "kernel/core/timer/timer.h"
#include "kernel/core/work/work.h"

#define CONTAINER_RING_EXTERNAL 3
#define PREPARE_STEP 16u /* segments copied in one step */

struct packet;
struct request;

struct container {
    struct pool_item item;
    text_id name;
    text_id project_name; /* for people */
    uint32_t project;
    uint8_t ring;
    uint8_t state; /* enum grove_container_state */
    uint8_t state_before_freeze;
    uint8_t kill_cause; /* enum grove_exit_cause the core asked for; NONE otherwise */
    bool is_client; /* a shell: no spec, no process of its own */
    bool is_native; /* speaks the kernel port */
    bool has_instance;
    bool is_running; /* the machine said so */
    bool is_prepared;
    bool is_ending;
    bool is_dying;
    bool is_tracing; /* it asked for traces */
    bool has_port; /* INIT was sent; packets go out */
    grove_object_id owner;
    grove_handle owner_handle; /* in the owner's table; 0: none */

    uint32_t generation;
    uint32_t start_reason;
    uint32_t exit_cause;
    int32_t exit_detail;
    uint32_t layer;
    int32_t fail_detail; /* the machine's own number for a start that failed */
    uint32_t refusals;
    uint64_t started_ns, ready_ns;
    uint32_t user, process; /* of a shell */

    struct grove_spec *spec;
    machine_object page_memory;
    struct grove_kernel_page *page;

    struct list table;
    struct capability_list kinds[GROVE_CAP_KIND_COUNT];
    uint32_t capability_count;

    struct list endpoints;
    struct list client_sides; /* channels in which it is the client */
    struct list server_sides; /* ... the server, with a segment for this instance */
    struct list unprepared; /* ... the server, without one */
    struct list ended_sides; /* clients' sides whose instance's end is already marked */
    struct list regions;
    uint32_t region_count;
    grove_object_id state_region;

    struct list queue; /* struct pending: packets that wait for room in its port */
    uint32_t queue_count;
    uint32_t pending_count; /* requests of its own that wait */
    bool is_blocked; /* the machine will call core_port_writable */
    struct list waiters; /* struct pending: requests of others that wait for something here */
    struct list attention;
    struct attention state_news; /* its state, for its owner */
    struct timer stop_timer;
    struct work work;
    struct work port_work;
    struct list checker; /* in the core's checkers, if it keeps answers of CAPABILITY_CHECK */

    struct grove_budget budget; /* its own limits; see budget_effective */
    struct grove_schedule schedule;
    uint64_t owner_warned_ns; /* when its owner was last told of a warning */
    struct charge charged; /* its channels are those that it opened as a client */
};

enum life_event {
    LIFE_START,
    LIFE_STARTED,
    LIFE_FAILED,
    LIFE_READY,
    LIFE_QUIESCED,
    LIFE_RESUME,
    LIFE_STOP,
    LIFE_FROZEN,
    LIFE_THAW,
    LIFE_EXIT,
    LIFE_EVENTS
};

/* life.c: the table. GROVE_WRONG_STATE if the event does not fit the state; life_happens tells the owner. */
int life_check(const struct container *container, enum life_event event);
void life_happens(struct core *core, struct container *container, enum life_event event);

/* create.c */
struct container_new {
    const struct grove_spec *spec; /* NULL: a shell */
    struct grove_name name; /* of a shell */
    struct container *owner; /* NULL: the kernel */
    uint32_t project; /* pool index */
};
int container_create(struct core *core, const struct container_new *new, struct container **container);
/* Its memory in the pools; the last step of its end. */
void container_give_back(struct core *core, struct container *container);

/* start.c. container_start takes over the streams, whatever the outcome. */
int container_start(struct core *core, struct container *container, enum grove_start_reason reason,
                    const machine_object streams[3]);
/* The segments of the channels it takes over are there: it can hear INIT. */
void container_prepared(struct core *core, struct container *container);
/* The kernel page, made once. */
int container_make_page(struct core *core, struct container *container);
void container_say_init(struct core *core, struct container *container);
void container_kill(struct core *core, struct container *container, enum grove_exit_cause cause);
int container_stop(struct core *core, struct container *container, uint64_t deadline_ns);
bool container_is_open_to_restart(const struct container *container);

/* read.c: how many streams its start is given, and which of a request's objects they are. */
uint32_t container_streams_wanted(const struct grove_spec *spec);
void container_take_streams(struct request *request, uint32_t next, machine_object streams[3]);

/* end.c */
void container_destroy(struct core *core, struct container *container);
bool container_work(struct core *core, struct work *work);
/* A right to files was removed from a table: end the instance if its file view now shows too much. */
void container_view_narrowed(struct core *core, struct container *container);
/* cap/check.c: its kernel page goes. */
void container_stops_checking(struct core *core, struct container *container);
/* The first capability its spec needs and its table no longer allows; false, and *missing is of no use, if there is none. */
bool container_lacks(const struct core *core, const struct container *container, struct grove_capability *missing);

/* read.c */
void container_name(const struct core *core, const struct container *container, struct grove_name *name);
bool container_is_named(const struct core *core, const struct container *container, const struct grove_name *name);
void container_fill_record(const struct core *core, const struct container *container,
                           struct grove_container_record *record);
/* CONTAINER_STATE, for the owner. */
void container_state_notice(const struct core *core, const struct container *container, struct packet *packet);
void container_fill_reply(const struct container *container, grove_handle handle, struct grove_container_reply *reply);

#endif
