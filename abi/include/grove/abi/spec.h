/*
 * The binary spec: what a manifest is compiled to, in user space, and the only form the kernel reads (law 2).
 *
 * One blob in the byte order of the processor, at most GROVE_SPEC_BYTES_MAX long:
 *
 *     +----------------------+  0
 *     | struct grove_spec    |  fixed header
 *     +----------------------+  each table 8-aligned, inside [header_bytes, total_bytes)
 *     | capabilities[]       |  struct grove_spec_capability
 *     | arguments[]          |  struct grove_span into text: argv
 *     | environment[]        |  struct grove_span into text: NAME=value
 *     | provides[]           |  struct grove_spec_interface
 *     | requires[]           |  struct grove_spec_interface
 *     | methods[]            |  struct grove_spec_method
 *     +----------------------+  sections_offset_bytes, if there are any
 *     | sections             |  struct grove_spec_sections, then the bytes of each section, 8-aligned
 *     +----------------------+
 *     | text                 |  bytes; every span lies inside it and is followed by a zero byte
 *     +----------------------+  total_bytes
 *
 * The kernel uses identity, capabilities, arguments, environment, budget, schedule and streams, and for CONTAINER_LAUNCH
 * what is provided. The rest (requires, readiness, restart, methods) is policy for ring 1; the kernel checks only that it
 * lies inside the blob. A section is what one system service wants to know of a service, in that service's own encoding:
 * to the kernel, and to this header, it is bytes.
 */
#ifndef GROVE_ABI_SPEC_H
#define GROVE_ABI_SPEC_H

#include "grove/abi/capability.h"

#ifdef __cplusplus
extern "C" {
#endif

#define GROVE_SPEC_MAGIC 0x43505347u /* "GSPC" */
#define GROVE_SPEC_VERSION 1u
#define GROVE_SPEC_BYTES_MAX 65536u
#define GROVE_SPEC_CAPABILITIES_MAX 256u
#define GROVE_SPEC_ARGUMENTS_MAX 256u
#define GROVE_SPEC_ENVIRONMENT_MAX 256u
#define GROVE_SPEC_INTERFACES_MAX 64u
#define GROVE_SPEC_METHODS_MAX 128u
#define GROVE_SPEC_SECTIONS_MAX 16u

struct grove_span {
    uint32_t offset_bytes; /* from the start of the text section */
    uint32_t length_bytes; /* without the zero byte that follows */
};

struct grove_table {
    uint32_t offset_bytes; /* from the start of the blob */
    uint32_t count;
};

struct grove_version {
    uint16_t major, minor, patch, reserved;
};

struct grove_spec_capability {
    uint16_t kind;
    uint16_t rights;
    uint16_t argument_kind;
    uint16_t flags; /* enum grove_spec_capability_flags */
    struct grove_span text; /* PATH, PATTERN */
    struct grove_address address; /* ADDRESS */
    uint64_t quantity; /* QUANTITY */
};
enum grove_spec_capability_flags {
    GROVE_SPEC_CAPABILITY_OPTIONAL = 1u << 0, /* a path that does not exist is left out and does not fail the start */
    GROVE_SPEC_CAPABILITY_CREATE = 1u << 1, /* FS_WRITE of a folder that is made if missing (a service's state) */
    GROVE_SPEC_CAPABILITY_HELD = 1u << 2, /* in the table to be handed on (`grants:` of a manifest); the machine opens
                                               * nothing of it in the container's own view */
};

/* provides: name and version. requires: name, at least `version`, below `below` (0.0.0: no upper bound). */
struct grove_spec_interface {
    struct grove_span name; /* the full endpoint name */
    struct grove_version version;
    struct grove_version below;
    uint32_t flags; /* enum grove_interface_flags */
    uint32_t reserved;
};
enum grove_interface_flags {
    GROVE_INTERFACE_OPTIONAL = 1u << 0, /* requires: start even if it is missing */
};

/* For `grove call`: the signatures are texts like "feeder:u32 value:f64", read in user space only. */
struct grove_spec_method {
    struct grove_span name;
    struct grove_span request;
    struct grove_span reply;
    uint32_t method; /* number on the wire */
    uint32_t interface; /* index into provides */
};

/* What a budget limits, as numbers in warnings and refusals. */
enum grove_resource {
    GROVE_RESOURCE_MEMORY = 1,
    GROVE_RESOURCE_PROCESSES = 2,
    GROVE_RESOURCE_SHARED = 3,
    GROVE_RESOURCE_CHANNELS = 4,
    GROVE_RESOURCE_PROCESSOR = 5, /* parts per million of one processor */
    GROVE_RESOURCE_DESCRIPTORS = 6,
    GROVE_RESOURCE_FILE_SIZE = 7,
    GROVE_RESOURCE_SCRATCH_SIZE = 8,
    GROVE_RESOURCE_SCRATCH_FILES = 9,
    GROVE_RESOURCE_DISK = 10,
    GROVE_RESOURCE_NETWORK = 11, /* bytes a second */
    GROVE_RESOURCE_NETWORK_TOTAL = 12,
};

/* 0 means "no limit of its own": the parent's limit holds. */
struct grove_budget {
    uint64_t memory_bytes;
    uint64_t processor_ppm; /* parts per million of one processor; 1000000 is one whole processor */
    uint64_t processes;
    uint64_t descriptors; /* per process */
    uint64_t file_bytes; /* largest file (RLIMIT_FSIZE on linux) */
    uint64_t scratch_bytes; /* size of the private /tmp; 0 is the default of 16 MiB */
    uint64_t scratch_files; /* inodes in the private /tmp; 0 is the default of 4096 */
    uint64_t shared_bytes; /* channel and region memory the container may cause */
    uint64_t channels; /* channels it may open as a client; 0 is the default of 256 */
    uint64_t disk_bytes; /* all it keeps in the folders that it may write: each file's length and 4 KiB for each name */
    uint64_t network_rate; /* bytes a second that it sends and receives together; TCP only then */
    uint64_t network_total; /* bytes that all of its instances together send and receive; TCP only then */
};

enum grove_schedule_class {
    GROVE_SCHEDULE_FAIR = 0,
    GROVE_SCHEDULE_FIXED = 1, /* needs SCHED_RT; priority 1 (low) to 99 */
    GROVE_SCHEDULE_ROUND_ROBIN = 2, /* needs SCHED_RT */
    GROVE_SCHEDULE_DEADLINE = 3, /* needs SCHED_RT covering runtime/period */
    GROVE_SCHEDULE_IDLE = 4,
};
struct grove_schedule {
#ifdef __cplusplus
    uint32_t schedule_class; /* enum grove_schedule_class */
#else
    uint32_t class; /* enum grove_schedule_class */
#endif
    int32_t priority; /* FAIR: nice -20..19; FIXED, ROUND_ROBIN: 1..99 */
    uint64_t runtime_ns, deadline_ns, period_ns; /* DEADLINE */
};
#define GROVE_SCHEDULE_PERIOD_NS_MAX UINT64_C(3600000000000)
/* NULL if the class is known and its values are in range, else a constant sentence that says what is wrong. */
const char *grove_schedule_fault(const struct grove_schedule *schedule);

enum grove_readiness_kind {
    GROVE_READY_GROVE = 0, /* libgrove says so on the kernel port */
    GROVE_READY_STARTED = 1, /* as soon as it runs */
    GROVE_READY_NOTIFY = 2, /* READY=1 on NOTIFY_SOCKET */
    GROVE_READY_PORT = 3, /* a TCP port accepts: argument "host:port" */
    GROVE_READY_COMMAND = 4, /* a command inside the container exits 0 */
    GROVE_READY_EXIT = 5, /* a task: ready when it has exited with 0 */
};
enum grove_health_kind {
    GROVE_HEALTH_NONE,
    GROVE_HEALTH_PING,
    GROVE_HEALTH_HTTP,
    GROVE_HEALTH_TCP,
    GROVE_HEALTH_COMMAND
};
struct grove_probe {
    uint32_t kind; /* enum grove_readiness_kind or enum grove_health_kind */
    uint32_t failures; /* health: this many in a row is a failure */
    struct grove_span argument;
    uint64_t timeout_ns; /* readiness: for all of it; health: for one try */
    uint64_t interval_ns; /* between tries */
};

enum grove_restart_policy { GROVE_RESTART_NEVER, GROVE_RESTART_ON_FAILURE, GROVE_RESTART_ALWAYS };
struct grove_restart {
    uint32_t policy;
    uint32_t factor_percent; /* back-off grows by this; 200 doubles */
    uint64_t first_delay_ns; /* 0: the first restart is immediate */
    uint64_t base_delay_ns; /* the second one waits this, then it grows */
    uint64_t delay_cap_ns;
    uint32_t give_up_count; /* this many restarts ... */
    uint32_t reserved;
    uint64_t give_up_window_ns; /* ... inside this window: state "given up" */
};

enum grove_stream_mode { GROVE_STREAM_LOG = 0, GROVE_STREAM_NULL = 1, GROVE_STREAM_PASSED = 2 };

enum grove_spec_flags {
    GROVE_SPEC_SYSTEM_FILES = 1u << 0, /* /usr, /lib*, /bin, /sbin and the loader's cache, to read and execute */
    GROVE_SPEC_NATIVE = 1u << 1, /* speaks the kernel port on descriptor 3 */
    GROVE_SPEC_NOTIFY_SOCKET = 1u << 2, /* wants NOTIFY_SOCKET */
    GROVE_SPEC_LISTEN_FDS = 1u << 3, /* its NET_BIND sockets are made before it starts and passed as LISTEN_FDS */
    GROVE_SPEC_ON_DEMAND = 1u << 4, /* started when a client connects */
    GROVE_SPEC_LEARN = 1u << 5, /* open container that records what is used */
    GROVE_SPEC_CALLER_IDENTITY = 1u << 6, /* run under the spawner's user id (grove run), not one of its own */
    GROVE_SPEC_ESSENTIAL = 1u << 7, /* the system is not up without it */
    GROVE_SPEC_TERMINAL = 1u << 8, /* may use the terminal passed as its streams; signals of keys go to its group */
    GROVE_SPEC_EXPLAIN = 1u << 9, /* a file that is there outside and missing in its view is a refusal, audited once */
};

/*
 * Whose section it is; 0 is none. Each tag stands at most once in a spec, and tags that a reader does not know are left
 * alone. The encoding of each belongs to the system service that reads it, and begins with a version of its own.
 */
enum grove_spec_section_tag {
    GROVE_SECTION_CONFIG = 1, /* the schema of the service's configuration */
    GROVE_SECTION_HEALTH = 2, /* its health checks */
    GROVE_SECTION_RECOVERY = 3, /* what reincarnation does for it */
    GROVE_SECTION_LIMITS = 4, /* the policy for budgets that are exceeded */
    GROVE_SECTION_HOOKS = 5, /* the points it hooks into */
    GROVE_SECTION_STORE = 6, /* its quotas in the store */
    GROVE_SECTION_BUS = 7, /* its subjects and subscriptions */
    GROVE_SECTION_TAGS = 8, /* the tags by which the registry finds it */
};
struct grove_spec_section {
    uint32_t tag; /* enum grove_spec_section_tag, or one of a later version */
    uint32_t offset_bytes; /* from the start of the blob, 8-aligned */
    uint32_t length_bytes;
    uint32_t reserved; /* 0 */
};
struct grove_spec_sections {
    uint32_t count; /* 1 to GROVE_SPEC_SECTIONS_MAX */
    uint32_t reserved; /* 0 */
    struct grove_spec_section entries[]; /* count of them */
};

struct grove_spec {
    uint32_t magic, version;
    uint32_t header_bytes, total_bytes;
    uint32_t flags; /* enum grove_spec_flags */
    uint8_t ring; /* 1 system, 2 user, 3 external */
    uint8_t stream_in, stream_out, stream_error; /* enum grove_stream_mode */
    struct grove_version service_version;
    struct grove_span name; /* "project.service", pattern tokens of [A-Za-z0-9_-] */
    struct grove_span project; /* "project" or "project.child" */
    struct grove_span executable; /* absolute path in the container's own file view */
    struct grove_span directory; /* working directory in that view; empty: none, "/" */
    struct grove_span manifest; /* the file it was compiled from, for messages only */
    struct grove_span description;
    struct grove_table capabilities, arguments, environment, provides, requires, methods;
    uint32_t text_offset_bytes, text_bytes;
    struct grove_budget budget;
    struct grove_schedule schedule;
    struct grove_probe readiness, health;
    struct grove_restart restart;
    uint64_t stop_timeout_ns; /* between the stop request and the kill */
    uint32_t phase; /* boot phase, 0 (core) to 7 (user services) */
    uint32_t sections_offset_bytes; /* of a struct grove_spec_sections, 8-aligned, before the text; 0: no sections */
};

/*
 * Check that a blob is a spec in which every table and span lies inside, every enumeration is in range, every
 * capability argument is valid and every span is zero-terminated. Sets *problem (may be NULL) to a constant sentence
 * naming the first fault. Returns 0, GROVE_INVALID, GROVE_TOO_LARGE or GROVE_VERSION. The blob must be 8-aligned.
 * After success the accessors below cannot fail.
 */
int grove_spec_check(const void *blob, size_t blob_bytes, const char **problem);

/* Valid only on a blob that passed grove_spec_check and has not changed since. Results point into the blob. */
const char *grove_spec_text(const struct grove_spec *spec, struct grove_span span);
void grove_spec_capability(const struct grove_spec *spec, uint32_t index, struct grove_capability *capability,
                           uint16_t *flags);
const char *grove_spec_argument(const struct grove_spec *spec, uint32_t index);
const char *grove_spec_environment(const struct grove_spec *spec, uint32_t index);
const struct grove_spec_interface *grove_spec_provided(const struct grove_spec *spec, uint32_t index);
const struct grove_spec_interface *grove_spec_required(const struct grove_spec *spec, uint32_t index);
const struct grove_spec_method *grove_spec_method(const struct grove_spec *spec, uint32_t index);
/*
 * The bytes of the section with this tag, 8-aligned and inside the blob, and their number (0 is possible); NULL if the
 * spec has none, and then *length_bytes is untouched.
 */
const void *grove_spec_section(const struct grove_spec *spec, uint32_t tag, uint32_t *length_bytes);

/* Negative, 0 or positive as a is older than, the same as or newer than b. */
int grove_version_compare(struct grove_version a, struct grove_version b);

#ifdef __cplusplus
}
#endif

#endif
