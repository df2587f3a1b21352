/*
 * The table of all fields. The order is that of the reference and of `grove cat`.
 */
#include "userspace/manifest/format.h"

#include "grove/config.h"
#include "grove/health.h"
#include "grove/resource.h"

#define PLACE(structure, member) .offset = offsetof(struct structure, member)
#define RANGE(least, most) .minimum = (least), .maximum = (most)

static const struct field capability_fields[] = {
    {"allow", FIELD_TEXT, PLACE(capability_item, allow), .required = true, .example = "FS_READ:/srv/data",
     .help = "The capability, as KIND or KIND:ARGUMENT. A path may be relative to the manifest; a name without a dot "
             "belongs to the same project; a host name is looked up when the manifest is compiled."},
    {"optional", FIELD_FLAG, PLACE(capability_item, optional), .example = "true",
     .help = "A path that does not exist is left out, instead of failing the start."},
    {0},
};
static const struct group capability_group = {.name = "a capability",
                                              .fields = capability_fields,
                                              .bytes = sizeof(struct capability_item),
                                              .short_field = "allow"};

static const struct field method_fields[] = {
    {"name", FIELD_NAME, PLACE(method_item, name), .required = true, .example = "append",
     .help = "What people call it."},
    {"number", FIELD_NUMBER, PLACE(method_item, number), .required = true, RANGE(0, 4294967294), .example = "1",
     .help = "Its number in messages."},
    {"request", FIELD_TEXT, PLACE(method_item, request), .standing = "", .example = "feeder:u32 value:f64",
     .help = "What the request holds: NAME:TYPE with types u8 u16 u32 u64 i8 i16 i32 i64 f32 f64 bool text bytes; text "
             "and bytes come last."},
    {"reply", FIELD_TEXT, PLACE(method_item, reply), .standing = "", .example = "stored:u64",
     .help = "What the reply holds, written like request."},
    {0},
};
static const struct group method_group = {
    .name = "a method", .fields = method_fields, .bytes = sizeof(struct method_item)};

static const struct field provided_fields[] = {
    {"name", FIELD_NAME, PLACE(provided_item, name), .required = true, .example = "historian",
     .help = "The endpoint under which clients find it. Without a dot it belongs to the manifest's project. Implies "
             "IPC_RECV for it."},
    {"version", FIELD_VERSION, PLACE(provided_item, version), .standing = "1.0.0", .example = "1.2.0",
     .help = "Version of the interface."},
    {"methods", FIELD_GROUPS, PLACE(provided_item, methods), .group = &method_group,
     .help = "Its methods, for grove call."},
    {0},
};
static const struct group provided_group = {.name = "an interface",
                                            .fields = provided_fields,
                                            .bytes = sizeof(struct provided_item),
                                            .short_field = "name",
                                            .short_rest = "version"};

static const struct field required_fields[] = {
    {"name", FIELD_NAME, PLACE(required_item, name), .required = true, .example = "historian",
     .help = "The endpoint that must be ready before this service starts. Implies IPC_SEND for it."},
    {"version", FIELD_RANGE, PLACE(required_item, version), .standing = "", .example = "\">=1.2 <2\"",
     .help =
         "Which versions will do: >=VERSION, <VERSION or both; one VERSION alone means it and what is compatible, up "
         "to the next major one."},
    {"optional", FIELD_FLAG, PLACE(required_item, optional), .example = "true",
     .help = "Start even if it is missing; if it is there, it is waited for."},
    {0},
};
static const struct group required_group = {.name = "a requirement",
                                            .fields = required_fields,
                                            .bytes = sizeof(struct required_item),
                                            .short_field = "name",
                                            .short_rest = "version"};

#define COUNT_MAX INT64_C(1000000000)
static const struct field resource_fields[] = {
    {"memory", FIELD_SIZE, PLACE(resources, memory), .example = "64M", .help = "Most memory it may use."},
    {"processor", FIELD_SHARE, PLACE(resources, processor), .example = "50%",
     .help = "Most of one processor it may use; 200% is two."},
    {"processes", FIELD_NUMBER, PLACE(resources, processes), RANGE(0, COUNT_MAX), .example = "16",
     .help = "Most processes and threads at a time."},
    {"descriptors", FIELD_NUMBER, PLACE(resources, descriptors), RANGE(0, COUNT_MAX), .example = "256",
     .help = "Most file descriptors of each process."},
    {"file-size", FIELD_SIZE, PLACE(resources, file_size), .example = "1G", .help = "Largest file it may write."},
    {"scratch", FIELD_SIZE, PLACE(resources, scratch), .example = "16M", .help = "Size of its private /tmp."},
    {"scratch-files", FIELD_NUMBER, PLACE(resources, scratch_files), RANGE(0, COUNT_MAX), .example = "4096",
     .help = "Most files in its private /tmp."},
    {"shared", FIELD_SIZE, PLACE(resources, shared), .example = "32M",
     .help = "Most memory of channels and regions that it may cause."},
    {"channels", FIELD_NUMBER, PLACE(resources, channels), RANGE(0, COUNT_MAX), .example = "64",
     .help = "Most channels it may open to others."},
    {"disk", FIELD_SIZE, PLACE(resources, disk), .example = "256M",
     .help = "Most that it may keep in all folders and files of FS_WRITE together; each name counts 4K more."},
    {"network", FIELD_SIZE, PLACE(resources, network), .example = "1M",
     .help = "Most bytes a second that it may send and receive together. It has TCP only then, and no listen-fds."},
    {"network-total", FIELD_SIZE, PLACE(resources, network_total), .example = "1G",
     .help =
         "Most bytes that it may send and receive in all, over its restarts. It has TCP only then, and no listen-fds."},
    {0},
};
static const struct group resource_group = {
    .name = "resources", .fields = resource_fields, .bytes = sizeof(struct resources)};

static const struct choice limit_policies[] = {{"tell", GROVE_LIMIT_TELL},
                                               {"throttle", GROVE_LIMIT_THROTTLE},
                                               {"suspend", GROVE_LIMIT_SUSPEND},
                                               {"terminate", GROVE_LIMIT_TERMINATE},
                                               {0}};
static const struct field limit_fields[] = {
    {"policy", FIELD_CHOICE, PLACE(limit, policy), .choices = limit_policies, .standing = "tell", .example = "suspend",
     .help = "tell: an event and a line in the log; throttle: less processor time for a while; suspend: frozen for a "
             "while; terminate: ended, and restarted by `recovery.budget`, or by its restart policy."},
    {"after", FIELD_DURATION, PLACE(limit, after), .standing = "0s", .example = "5s",
     .help = "Act when the limit has been near for this long."},
    {"for", FIELD_DURATION, PLACE(limit, lasting), .standing = "10s", .example = "30s",
     .help = "How long it is throttled or suspended before it is looked at again."},
    {"to", FIELD_SHARE, PLACE(limit, to), .standing = "10%", .example = "5%",
     .help = "throttle: the share of one processor that is left to it."},
    {0},
};
static const struct group limit_group = {
    .name = "a limit", .fields = limit_fields, .bytes = sizeof(struct limit), .short_field = "policy"};
static const struct field limits_fields[] = {
    {"memory", FIELD_GROUP, PLACE(limits, memory), .group = &limit_group,
     .help = "Nine tenths of its memory are used."},
    {"processor", FIELD_GROUP, PLACE(limits, processor), .group = &limit_group,
     .help = "It waits for processor time because it has used its own."},
    {"processes", FIELD_GROUP, PLACE(limits, processes), .group = &limit_group,
     .help = "It was refused another process."},
    {"shared", FIELD_GROUP, PLACE(limits, shared), .group = &limit_group,
     .help = "It was refused more memory of channels and regions."},
    {"channels", FIELD_GROUP, PLACE(limits, channels), .group = &limit_group,
     .help = "It was refused another channel."},
    {"disk", FIELD_GROUP, PLACE(limits, disk), .group = &limit_group,
     .help = "Nine tenths of its disk are used, or it was refused more."},
    {"network", FIELD_GROUP, PLACE(limits, network), .group = &limit_group,
     .help = "What it sends or receives had to wait for its rate."},
    {"network-total", FIELD_GROUP, PLACE(limits, network_total), .group = &limit_group,
     .help = "Nine tenths of all that it may send and receive are used."},
    {0},
};
static const struct group limits_group = {.name = "limits", .fields = limits_fields, .bytes = sizeof(struct limits)};

static const struct choice readiness_kinds[] = {
    {"grove", GROVE_READY_GROVE},
    {"started", GROVE_READY_STARTED},
    {"notify", GROVE_READY_NOTIFY},
    {"port", GROVE_READY_PORT},
    {"command", GROVE_READY_COMMAND},
    {"exit", GROVE_READY_EXIT},
    {0},
};
static const struct field readiness_fields[] = {
    {"kind", FIELD_CHOICE, PLACE(probe, kind), .choices = readiness_kinds, .example = "port",
     .help = "grove: libgrove says so; started: as soon as it runs; notify: READY=1 on NOTIFY_SOCKET; port: a TCP port "
             "accepts; command: a command inside the container exits with 0; exit: it is a task, ready when it has "
             "ended with 0. Absent: grove for a native service, otherwise started."},
    {"argument", FIELD_TEXT, PLACE(probe, argument), .standing = "", .example = "127.0.0.1:8080",
     .help = "The port as host:port, or the command."},
    {"timeout", FIELD_DURATION, PLACE(probe, timeout), .standing = "10s", .example = "5s",
     .help = "Not ready after this is a failure."},
    {"interval", FIELD_DURATION, PLACE(probe, interval), .standing = "50ms", .example = "100ms",
     .help = "Time between two tries."},
    {0},
};
static const struct group readiness_group = {
    .name = "readiness", .fields = readiness_fields, .bytes = sizeof(struct probe), .short_field = "kind"};

static const struct choice health_kinds[] = {
    {"none", GROVE_CHECK_NONE},           {"ping", GROVE_CHECK_HEARTBEAT},
    {"heartbeat", GROVE_CHECK_HEARTBEAT}, {"call", GROVE_CHECK_CALL},
    {"http", GROVE_CHECK_HTTP},           {"tcp", GROVE_CHECK_TCP},
    {"command", GROVE_CHECK_COMMAND},     {0},
};
static const struct choice severities[] = {
    {"warning", GROVE_SEVERITY_WARNING}, {"critical", GROVE_SEVERITY_CRITICAL}, {0}};
static const struct field health_fields[] = {
    {"kind", FIELD_CHOICE, PLACE(health_item, kind), .choices = health_kinds, .standing = "none", .example = "http",
     .help =
         "heartbeat (or ping): libgrove's run loop answers; call: a method answers without an error; http: a GET is "
         "answered with 2xx; tcp: a port accepts; command: a command beside the service, with its rights, exits "
         "with 0."},
    {"name", FIELD_NAME, PLACE(health_item, name), .example = "page",
     .help = "What people call it, up to 31 bytes. Absent: its kind. Names differ within a service."},
    {"argument", FIELD_TEXT, PLACE(health_item, argument), .standing = "", .example = "http://127.0.0.1:8080/health",
     .help = "http: the address; tcp: host:port; command: the command; call: METHOD, or ENDPOINT METHOD, the method by "
             "its number or, of an own endpoint, by its name."},
    {"timeout", FIELD_DURATION, PLACE(health_item, timeout), .standing = "2s", .example = "500ms",
     .help = "For one try."},
    {"interval", FIELD_DURATION, PLACE(health_item, interval), .standing = "10s", .example = "5s",
     .help = "Time between two tries, at least 10ms."},
    {"failures", FIELD_NUMBER, PLACE(health_item, failures), RANGE(1, 1000), .standing = "3", .example = "3",
     .help = "This many in a row mean that it has failed."},
    {"severity", FIELD_CHOICE, PLACE(health_item, severity), .choices = severities, .standing = "critical",
     .example = "warning",
     .help = "A critical check that has failed makes the service failing, and recovery acts; another makes it "
             "degraded."},
    {0},
};
static const struct group health_group = {
    .name = "health", .fields = health_fields, .bytes = sizeof(struct health_item), .short_field = "kind"};

static const struct field recovery_policy_fields[] = {
    {"restarts", FIELD_NUMBER, PLACE(recovery_policy, restarts), RANGE(0, 1000), .standing = "3", .example = "5",
     .help = "So many times the service alone is started again, before the first step of `then`."},
    {"first-delay", FIELD_DURATION, PLACE(recovery_policy, first_delay), .standing = "0s", .example = "0s",
     .help = "Before the first restart; 0 is at once."},
    {"delay", FIELD_DURATION, PLACE(recovery_policy, delay), .standing = "100ms", .example = "10ms",
     .help = "Before the second; from then on it grows."},
    {"factor", FIELD_FACTOR, PLACE(recovery_policy, factor), .standing = "2", .example = "1.5",
     .help = "Each delay is this many times the one before."},
    {"delay-cap", FIELD_DURATION, PLACE(recovery_policy, delay_cap), .standing = "30s", .example = "5s",
     .help = "No delay is longer."},
    {"heal", FIELD_DURATION, PLACE(recovery_policy, heal), .standing = "60s", .example = "5m",
     .help = "Each span of this without a failure of this cause takes one step back; 0s is never."},
    {"then", FIELD_TEXTS, PLACE(recovery_policy, then), .example = "[dependents, tree, give-up]",
     .help = "One step after the other when restarts did not help: dependents restarts all that requires the service "
             "with it, tree also all that it requires, itself only it, give-up ends it until somebody starts it. The "
             "last step is repeated. Absent: dependents, tree, give-up."},
    {0},
};
static const struct group recovery_policy_group = {.name = "a recovery",
                                                   .fields = recovery_policy_fields,
                                                   .bytes = sizeof(struct recovery_policy),
                                                   .short_field = "restarts"};
static const struct field recovery_fields[] = {
    {"crash", FIELD_GROUP, PLACE(recovery, crash), .group = &recovery_policy_group,
     .help = "When it has ended, or could not be started."},
    {"hang", FIELD_GROUP, PLACE(recovery, hang), .group = &recovery_policy_group,
     .help = "When it gives no heartbeat though it could. Fields as for crash."},
    {"check", FIELD_GROUP, PLACE(recovery, check), .group = &recovery_policy_group,
     .help = "When another critical check has failed. Fields as for crash."},
    {"budget", FIELD_GROUP, PLACE(recovery, budget), .group = &recovery_policy_group,
     .help = "When it was ended for what it used. Fields as for crash."},
    {0},
};
static const struct group recovery_group = {
    .name = "recovery", .fields = recovery_fields, .bytes = sizeof(struct recovery)};

static const struct choice restart_policies[] = {
    {"never", GROVE_RESTART_NEVER}, {"on-failure", GROVE_RESTART_ON_FAILURE}, {"always", GROVE_RESTART_ALWAYS}, {0}};
static const struct field restart_fields[] = {
    {"policy", FIELD_CHOICE, PLACE(restart, policy), .choices = restart_policies, .standing = "on-failure",
     .example = "always", .help = "When it is started again after it has ended."},
    {"first-delay", FIELD_DURATION, PLACE(restart, first_delay), .standing = "0s", .example = "0s",
     .help = "Before the first restart; 0 is at once."},
    {"delay", FIELD_DURATION, PLACE(restart, delay), .standing = "100ms", .example = "10ms",
     .help = "Before the second; from then on it grows."},
    {"factor", FIELD_FACTOR, PLACE(restart, factor), .standing = "2", .example = "1.5",
     .help = "Each delay is this many times the one before."},
    {"delay-cap", FIELD_DURATION, PLACE(restart, delay_cap), .standing = "30s", .example = "5s",
     .help = "No delay is longer."},
    {"give-up", FIELD_NUMBER, PLACE(restart, give_up), RANGE(0, 1000000), .standing = "8", .example = "20",
     .help = "This many restarts inside the window, and it is given up until somebody starts it; 0 is never."},
    {"window", FIELD_DURATION, PLACE(restart, window), .standing = "60s", .example = "60s",
     .help = "The time in which restarts are counted."},
    {0},
};
static const struct group restart_group = {
    .name = "restart", .fields = restart_fields, .bytes = sizeof(struct restart), .short_field = "policy"};

static const struct choice schedule_classes[] = {
    {"fair", GROVE_SCHEDULE_FAIR},         {"fixed", GROVE_SCHEDULE_FIXED}, {"round-robin", GROVE_SCHEDULE_ROUND_ROBIN},
    {"deadline", GROVE_SCHEDULE_DEADLINE}, {"idle", GROVE_SCHEDULE_IDLE},   {0},
};
static const struct field schedule_fields[] = {
    {"class", FIELD_CHOICE, PLACE(schedule, class), .choices = schedule_classes, .standing = "fair", .example = "fixed",
     .help =
         "fixed, round-robin and deadline are real-time and need the capability SCHED_RT; deadline, as Linux has it, "
         "is for native services that start no threads and no programs."},
    {"priority", FIELD_NUMBER, PLACE(schedule, priority), RANGE(-20, 99), .standing = "0", .example = "50",
     .help = "fair: from -20 (first) to 19; fixed and round-robin: from 1 (low) to 99."},
    {"runtime", FIELD_DURATION, PLACE(schedule, runtime), .example = "2ms",
     .help = "deadline: time it needs in each period."},
    {"deadline", FIELD_DURATION, PLACE(schedule, deadline), .example = "10ms",
     .help = "deadline: when it must be done, counted from the start of a period. Absent: the period."},
    {"period", FIELD_DURATION, PLACE(schedule, period), .example = "20ms",
     .help = "deadline: length of a period, at most 1h."},
    {0},
};
static const struct group schedule_group = {
    .name = "schedule", .fields = schedule_fields, .bytes = sizeof(struct schedule), .short_field = "class"};

static const struct choice input_modes[] = {{"null", GROVE_STREAM_NULL}, {"passed", GROVE_STREAM_PASSED}, {0}};
static const struct choice output_modes[] = {
    {"log", GROVE_STREAM_LOG}, {"null", GROVE_STREAM_NULL}, {"passed", GROVE_STREAM_PASSED}, {0}};
static const struct field stream_fields[] = {
    {"in", FIELD_CHOICE, PLACE(streams, in), .choices = input_modes, .standing = "null", .example = "null",
     .help = "null: empty; passed: given by whoever starts it."},
    {"out", FIELD_CHOICE, PLACE(streams, out), .choices = output_modes, .standing = "log", .example = "log",
     .help = "log: kept by the log service; null: thrown away; passed: given by whoever starts it."},
    {"error", FIELD_CHOICE, PLACE(streams, error), .choices = output_modes, .standing = "log", .example = "log",
     .help = "The same for standard error."},
    {0},
};
static const struct group stream_group = {.name = "streams", .fields = stream_fields, .bytes = sizeof(struct streams)};

static const struct field stored_fields[] = {
    {"bytes", FIELD_SIZE, PLACE(stored, bytes), .standing = "64M", .example = "1M",
     .help = "Most bytes that its namespace may take; each value takes its key and 48 bytes more."},
    {"keys", FIELD_NUMBER, PLACE(stored, keys), RANGE(0, COUNT_MAX), .standing = "65536", .example = "1000",
     .help = "Most keys that it may have."},
    {"map", FIELD_FLAG, PLACE(stored, map), .example = "true",
     .help = "What it holds is published in a map that who may read it reads without a system call."},
    {"events", FIELD_FLAG, PLACE(stored, events), .example = "true",
     .help = "The bus is told of each change: storage.changed.NAMESPACE.KEY, without values."},
    {0},
};
static const struct group stored_group = {.name = "store", .fields = stored_fields, .bytes = sizeof(struct stored)};

static const struct choice config_types[] = {
    {"string", GROVE_CONFIG_STRING},     {"int", GROVE_CONFIG_INT},
    {"float", GROVE_CONFIG_FLOAT},       {"bool", GROVE_CONFIG_BOOL},
    {"duration", GROVE_CONFIG_DURATION}, {"size", GROVE_CONFIG_SIZE},
    {"address", GROVE_CONFIG_ADDRESS},   {0},
};
static const struct field config_fields[] = {
    {"type", FIELD_CHOICE, PLACE(config_item, type), .required = true, .choices = config_types, .example = "float",
     .help = "What its values are. duration: 250ms, 5s; size: 64K, 2G; address: HOST:PORT."},
    {"list", FIELD_FLAG, PLACE(config_item, list), .example = "true",
     .help = "Any number of such values; minimum, maximum, choices and pattern hold for each."},
    {"default", FIELD_TEXTS, PLACE(config_item, standing), .example = "49.0",
     .help = "What counts when nobody sets it. Without it the key has no value then."},
    {"required", FIELD_FLAG, PLACE(config_item, required), .example = "true",
     .help = "It has no default, and the service does not get its configuration before somebody has set it."},
    {"minimum", FIELD_TEXT, PLACE(config_item, minimum), .standing = "", .example = "45",
     .help = "Smallest value; of a string or an address: its fewest bytes."},
    {"maximum", FIELD_TEXT, PLACE(config_item, maximum), .standing = "", .example = "55",
     .help = "Largest value; of a string or an address: its most bytes."},
    {"choices", FIELD_TEXTS, PLACE(config_item, choices), .example = "[fast, slow]",
     .help = "The values that there are."},
    {"pattern", FIELD_TEXT, PLACE(config_item, pattern), .standing = "", .example = "\"[a-z]+-[0-9]+\"",
     .help = "A regular expression that the whole value matches, described in docs/config.md."},
    {"secret", FIELD_FLAG, PLACE(config_item, secret), .example = "true",
     .help = "Only the service itself reads it; it is masked for all others and never logged."},
    {"restart-only", FIELD_FLAG, PLACE(config_item, restart_only), .example = "true",
     .help = "It cannot change while the service runs: grove config set --restart restarts it."},
    {"description", FIELD_TEXT, PLACE(config_item, description), .standing = "", .example = "trip below this",
     .help = "One line for people."},
    {0},
};
static const struct group config_group = {
    .name = "a key of config", .fields = config_fields, .bytes = sizeof(struct config_item), .short_field = "type"};

static const struct choice identities[] = {{"own", FORMAT_IDENTITY_OWN}, {"caller", FORMAT_IDENTITY_CALLER}, {0}};

static const struct field manifest_fields[] = {
    {"name", FIELD_NAME, PLACE(manifest_values, name), .required = true, .example = "historian",
     .help =
         "The service's name. Without a dot it belongs to the project: historian of project grid is grid.historian."},
    {"version", FIELD_VERSION, PLACE(manifest_values, version), .standing = "0.0.0", .example = "1.2.0",
     .help = "The service's own version."},
    {"description", FIELD_TEXT, PLACE(manifest_values, description), .standing = "",
     .example = "keeps every reading on disk", .help = "One line for people."},
    {"tags", FIELD_TEXTS, PLACE(manifest_values, tags), .example = "[meter, north]",
     .help =
         "Words by which others find it (grove ps --tag): at most 16, each of letters, digits and _ . - and at most 47 "
         "long."},
    {"exec", FIELD_TEXTS, PLACE(manifest_values, exec), .required = true, .example = "[bin/historian, --sync]",
     .help =
         "The program and its arguments. The program is an absolute path, a path relative to the manifest's folder, "
         "or the name of a program in that folder or of the system. Outside the system files it implies FS_EXEC."},
    {"directory", FIELD_TEXT, PLACE(manifest_values, directory), .standing = "", .example = "${state}",
     .help = "Working folder; it must be visible to the service. Absent: /."},
    {"capabilities", FIELD_GROUPS, PLACE(manifest_values, capabilities), .group = &capability_group,
     .help = "All that the service may do. In a drop-in the list is appended to."},
    {"grants", FIELD_GROUPS, PLACE(manifest_values, grants), .group = &capability_group,
     .help = "Capabilities that it holds only to hand them on; nothing of them is opened to itself."},
    {"provides", FIELD_GROUPS, PLACE(manifest_values, provides), .group = &provided_group,
     .help = "The interfaces it serves. An entry may be short: historian 1.2."},
    {"requires", FIELD_GROUPS, PLACE(manifest_values, requires), .group = &required_group,
     .help = "The interfaces it needs. An entry may be short: historian >=1.2 <2."},
    {"resources", FIELD_GROUP, PLACE(manifest_values, resources), .group = &resource_group,
     .help = "Limits. What is absent is limited by the project only."},
    {"limits", FIELD_GROUP, PLACE(manifest_values, limits), .group = &limits_group,
     .help = "What happens when a limit is reached, besides that it holds."},
    {"environment", FIELD_VARIABLES, PLACE(manifest_values, environment), .example = "{TZ: UTC}",
     .help = "Its environment variables; nothing is inherited."},
    {"readiness", FIELD_GROUP, PLACE(manifest_values, readiness), .group = &readiness_group,
     .help = "How it is known that it can be used."},
    {"health", FIELD_ONE_OR_MORE, PLACE(manifest_values, health), .group = &health_group,
     .help = "How it is known that it still works: one check, or a list of up to 16."},
    {"restart", FIELD_GROUP, PLACE(manifest_values, restart), .group = &restart_group,
     .help = "What happens when it has ended."},
    {"recovery", FIELD_GROUP, PLACE(manifest_values, recovery), .group = &recovery_group, .is_all_or_nothing = true,
     .help =
         "What is done when it fails, by cause. Absent: it is ended when it hangs or a critical check has failed, and "
         "restart says what follows."},
    {"schedule", FIELD_GROUP, PLACE(manifest_values, schedule), .group = &schedule_group,
     .help = "How it gets the processor."},
    {"streams", FIELD_GROUP, PLACE(manifest_values, streams), .group = &stream_group, .help = "Its standard streams."},
    {"store", FIELD_GROUP, PLACE(manifest_values, store), .group = &stored_group, .is_all_or_nothing = true,
     .help = "Its own namespace in the store."},
    {"config", FIELD_NAMED, PLACE(manifest_values, config), .group = &config_group,
     .example = "{frequency-limit: {type: float, default: 49.0, minimum: 45, maximum: 55}}",
     .help = "The keys of its configuration, by name; a name may have dots. Implies IPC_SEND:system.config."},
    {"ring", FIELD_NUMBER, PLACE(manifest_values, ring), RANGE(1, 3), .standing = "2", .example = "2",
     .help = "1 system service, 2 service, 3 external."},
    {"phase", FIELD_NUMBER, PLACE(manifest_values, phase), RANGE(0, 7), .standing = "7", .example = "7",
     .help = "Boot phase: 0 core, 1 configuration, 2 security, 3 core services, 4 system services, 5 monitoring, 6 "
             "gateways, 7 user services."},
    {"essential", FIELD_FLAG, PLACE(manifest_values, essential), .example = "true",
     .help = "The system is not up without it, and it is never given up."},
    {"on-demand", FIELD_FLAG, PLACE(manifest_values, on_demand), .example = "true",
     .help = "Started when a client connects, not with its project."},
    {"native", FIELD_FLAG, PLACE(manifest_values, native), .example = "true",
     .help = "It uses libgrove: descriptor 3 is its kernel port."},
    {"system-files", FIELD_FLAG, PLACE(manifest_values, system_files), .example = "false",
     .help = "The system's programs and libraries (/usr, /bin, /sbin, /lib*, the loader's cache) are there to read and "
             "execute. Absent: no for a native service, otherwise yes."},
    {"listen-fds", FIELD_FLAG, PLACE(manifest_values, listen_fds), .example = "true",
     .help = "The sockets of its NET_BIND capabilities are made before it starts and passed to it as LISTEN_FDS."},
    {"explain", FIELD_FLAG, PLACE(manifest_values, explain), .example = "true",
     .help =
         "Each file that it misses in its view and that is there outside is a refusal, once each, for grove why. Its "
         "file calls are slower: for finding out, not for every day."},
    {"stop-timeout", FIELD_DURATION, PLACE(manifest_values, stop_timeout), .standing = "5s", .example = "10s",
     .help = "Between being asked to stop and being killed."},
    {"identity", FIELD_CHOICE, PLACE(manifest_values, identity), .choices = identities, .standing = "own",
     .example = "own", .help = "own: a user id of its own; caller: that of whoever starts it."},
    {0},
};
const struct group format_manifest = {
    .name = "a manifest", .fields = manifest_fields, .bytes = sizeof(struct manifest_values)};

static const struct field project_fields[] = {
    {"name", FIELD_NAME, PLACE(project_values, name), .required = true, .example = "grid",
     .help = "The project's name: the first part of its services' full names."},
    {"description", FIELD_TEXT, PLACE(project_values, description), .standing = "", .example = "an energy grid",
     .help = "One line for people."},
    {"services", FIELD_TEXTS, PLACE(project_values, services), .required = true, .example = "[services/*.yaml]",
     .help = "Its manifests: files and patterns, relative to this file."},
    {"budget", FIELD_GROUP, PLACE(project_values, budget), .group = &resource_group,
     .help = "Limits of all its services together."},
    {"variables", FIELD_VARIABLES, PLACE(project_values, variables), .example = "{bin: ../../build/bin}",
     .help = "What ${NAME} stands for in its manifests; --set NAME=VALUE comes first."},
    {0},
};
const struct group format_project = {
    .name = "a project file", .fields = project_fields, .bytes = sizeof(struct project_values)};
