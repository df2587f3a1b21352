/*
 * grove doctor: which sandbox layers are enforced on this machine, what each protects, and how to get what is missing
 * (law 7).
 */
#include <unistd.h>

#include "kernel/machine/linux/linux.h"
#include "servers/common/exit_text.h"
#include "userspace/grove/command.h"

static const struct command_option options[] = {
    {"probe", 0, NULL, "try the layers here and now, even if a kernel runs"},
    {0},
};

static const char *const protections[GROVE_LAYER_COUNT] = {
    [GROVE_LAYER_CGROUP] = "memory, processor and processes are limited, and nothing of a container outlives it",
    [GROVE_LAYER_USER_NAMESPACE] = "what is root inside a container is nobody outside",
    [GROVE_LAYER_MOUNT_NAMESPACE] = "a container has a file view of its own",
    [GROVE_LAYER_PID_NAMESPACE] = "a container sees and signals its own processes only",
    [GROVE_LAYER_IPC_NAMESPACE] = "no System V memory or message queue is shared with others",
    [GROVE_LAYER_UTS_NAMESPACE] = "the host's name cannot be changed",
    [GROVE_LAYER_CGROUP_NAMESPACE] = "the host's cgroups are not visible",
    [GROVE_LAYER_NETWORK_NAMESPACE] = "there is no network but what NET_BIND and NET_CONNECT allow",
    [GROVE_LAYER_FILE_VIEW] = "only files of FS_READ, FS_WRITE and FS_EXEC exist",
    [GROVE_LAYER_PROC] = "/proc shows the container's own processes only",
    [GROVE_LAYER_NO_NEW_PRIVILEGES] = "set-user-id programs give no rights",
    [GROVE_LAYER_LINUX_CAPABILITIES] = "root's powers over the machine are gone, for root too",
    [GROVE_LAYER_USER_ID] = "services cannot touch each other's files or processes",
    [GROVE_LAYER_RESOURCE_LIMITS] = "descriptors, file sizes and core dumps are limited",
    [GROVE_LAYER_LANDLOCK] = "the file view is enforced a second time, by another mechanism",
    [GROVE_LAYER_SECCOMP] = "only the system calls that a service needs reach Linux",
    [GROVE_LAYER_SCHEDULE] = "real-time classes go to those with SCHED_RT only",
    [GROVE_LAYER_STREAMS] = "the streams are the service's own",
    [GROVE_LAYER_EXECUTE] = "the program is started as the manifest says",
    [GROVE_LAYER_DISK_QUOTA] = "what services with a limit on disk keep there stays below it",
    [GROVE_LAYER_NETWORK_LIMIT] = "services with a limit on the network send and receive no more",
};

enum { MACHINE_LINUX = 1, MACHINE_X86_64 = 2, MACHINE_AARCH64 = 3 };

/* What is known about this machine, from the running kernel or from trying. */
struct findings {
    uint64_t enforced, optional;
    uint32_t cgroup_version, landlock_version;
    bool rootless;
    uint32_t machine; /* grove_kernel_record's; MACHINE_LINUX where no kernel was asked */
    uint32_t prepared; /* children that wait for a start */
    bool from_kernel;
};

static int ask_kernel(const struct invocation *invocation, struct findings *findings) {
    struct grove_session *session;
    struct grove_message message = {.operation = GROVE_REQUEST_KERNEL_READ};
    if (command_connect(invocation, &session) != 0)
        return COMMAND_FAILED;
    if (grove_kernel_request(session, &message, NULL, 0, NULL, NULL, 5 * GROVE_SECOND) < 0)
        return command_fail_library(invocation, "the kernel does not say what it enforces");
    const struct grove_kernel_record *record = &message.body.kernel;
    *findings = (struct findings){.enforced = record->layers_enforced,
                                  .optional = record->layers_optional,
                                  .cgroup_version = record->cgroup_version,
                                  .landlock_version = record->landlock_version,
                                  .rootless = record->rootless != 0,
                                  .machine = record->machine,
                                  .prepared = record->prepared,
                                  .from_kernel = true};
    return 0;
}

static int probe(const struct invocation *invocation, struct findings *findings) {
    static struct linux_machine machine; /* the probe may keep what it found in it */
    machine.rootless = geteuid() != 0;
    machine.user = geteuid();
    machine.group = getegid();
    machine.options.run_folder = invocation->run_folder;
    machine.options.state_folder = invocation->state_folder;
    int status = container_probe(&machine);
    if (status < 0)
        return command_fail(invocation, "the layers cannot be tried: %s", grove_status_text(status));
    *findings = (struct findings){.enforced = machine.layers_enforced,
                                  .machine = MACHINE_LINUX,
                                  .cgroup_version = machine.cgroup_version,
                                  .landlock_version = machine.landlock_version,
                                  .rootless = machine.rootless};
    return 0;
}

static bool is_enforced(const struct findings *findings, unsigned layer) {
    return findings->enforced >> layer & 1;
}

/* Others are only of services that ask for a limit: where they are missing, everything else starts. */
static bool is_for_all(unsigned layer) {
    return layer != GROVE_LAYER_DISK_QUOTA && layer != GROVE_LAYER_NETWORK_LIMIT;
}

static const char *machine_text(const struct findings *findings) {
    static const char *const names[] = {"?", "linux", "x86_64", "aarch64"};
    return findings->machine <= MACHINE_AARCH64 ? names[findings->machine] : names[0];
}

/* Linux's own mechanisms, in whose place a bare machine's kernel has nothing, for it has nothing to protect itself from there. */
static bool is_of_machine(const struct findings *findings, unsigned layer) {
    return findings->machine == MACHINE_LINUX ||
           (layer != GROVE_LAYER_USER_NAMESPACE && layer != GROVE_LAYER_CGROUP_NAMESPACE &&
            layer != GROVE_LAYER_LANDLOCK && layer != GROVE_LAYER_SECCOMP);
}

static json_t *describe_layer(const struct findings *findings, unsigned layer) {
    char advice[512] = "";
    bool enforced = is_enforced(findings, layer), optional = findings->optional >> layer & 1;
    json_t *entry = json_pack("{s:s, s:b, s:s, s:s}", "layer", layer_text(layer), "enforced", enforced, "state",
                              enforced   ? "enforced"
                              : optional ? "optional"
                                         : "missing",
                              "protects", protections[layer] ? protections[layer] : "");
    if (!enforced) {
        const char *sentence =
            findings->machine == MACHINE_LINUX ? container_advice(layer, advice, sizeof(advice)) : NULL;
        json_object_set_new(entry, "advice", json_string(sentence ? sentence : ""));
    }
    return entry;
}

static void print_advice(const struct invocation *invocation, json_t *layers) {
    size_t index;
    json_t *entry;
    json_array_foreach(layers, index, entry) {
        const char *advice = json_string_value(json_object_get(entry, "advice"));
        if (advice && *advice)
            printf("\n%s%s%s: %s\n", output_on(invocation, OUTPUT_STRONG),
                   json_string_value(json_object_get(entry, "layer")), output_off(invocation), advice);
    }
}

static void print_findings(const struct invocation *invocation, const struct findings *findings, json_t *layers) {
    static const struct output_column columns[] = {
        {"LAYER", "layer", OUTPUT_TEXT}, {"STATE", "state", OUTPUT_STATE}, {"PROTECTS", "protects", OUTPUT_TEXT}, {0}};
    output_table(invocation, json_incref(layers), columns, "no layers are known");
    print_advice(invocation, layers);
    if (findings->machine != MACHINE_LINUX) {
        printf("\nas the running kernel of the machine %s enforces it\n", machine_text(findings));
        return;
    }
    printf("\n%s, %s, cgroup version %u, Landlock version %u\n",
           findings->from_kernel ? "as the running kernel enforces it" : "tried just now; no kernel was asked",
           findings->rootless ? "without root" : "as root", findings->cgroup_version, findings->landlock_version);
}

static int run(struct invocation *invocation) {
    struct findings findings = {0};
    bool from_kernel = !command_has(invocation, "probe") && command_kernel_runs(invocation), all = true;
    /* Somebody who looks for what is wrong is helped most by what can still be found out. */
    int status = from_kernel ? ask_kernel(invocation, &findings) : probe(invocation, &findings);
    if (status != 0 && from_kernel)
        status = probe(invocation, &findings);
    if (status != 0)
        return status;
    json_t *layers = json_array();
    for (unsigned layer = GROVE_LAYER_NONE + 1; layer < GROVE_LAYER_COUNT; layer++) {
        if (!is_of_machine(&findings, layer))
            continue;
        json_array_append_new(layers, describe_layer(&findings, layer));
        all &= is_enforced(&findings, layer) || !is_for_all(layer);
    }
    if (invocation->json)
        output_json(json_pack("{s:o, s:b, s:s, s:s, s:b, s:i, s:i, s:i}", "layers", layers, "all_enforced", all,
                              "source", findings.from_kernel ? "kernel" : "probe", "machine", machine_text(&findings),
                              "rootless", findings.rootless, "cgroup_version", (int)findings.cgroup_version,
                              "landlock_version", (int)findings.landlock_version, "prepared", (int)findings.prepared));
    else {
        print_findings(invocation, &findings, layers);
        json_decref(layers);
    }
    return all ? COMMAND_OK : COMMAND_FAILED;
}

const struct command command_doctor = {
    .name = "doctor",
    .summary = "show which layers of protection are enforced here",
    .usage = "",
    .description =
        "Prints each layer of the sandbox, whether it is enforced on this machine, what it protects, and how to "
        "get it where it is missing. The running kernel is asked; without one, or with --probe, each layer is "
        "tried in a child process. Services are started only with all layers, except those that the "
        "installation lists as optional.\n\n"
        "The exit status is 0 if all layers that every start takes are enforced and 1 otherwise; disk-quota and "
        "network-limit are taken only by services with such a limit.",
    .examples = "  grove doctor                      what protects services on this machine?\n"
                "  grove doctor --probe              the same, tried anew without asking the kernel\n"
                "  grove doctor --json | jq -r '.layers[] | select(.enforced | not) | .advice'",
    .options = options,
    .run = run,
};
