/*
 * What the parts of the linux machine share: one struct linux_machine, made by groved (or by the embedded kernel of
 * `grove run`) and handed to every part.
 *
 *   loop/       the event loop                       port/       kernel ports, the control socket, shells
 *   memory/     memfd objects, seals, doorbells      container/  start, namespaces, file view, limits, seccomp, streams
 *   cgroup/     version 2 and version 1              broker/     network and learned calls, by seccomp notification
 *   audit/      the durable audit log                recovery/   ends what an earlier kernel left behind
 *   quota/      limits on what is kept on disk       traffic/    limits on what is sent and received
 */
#ifndef GROVE_LINUX_LINUX_H
#define GROVE_LINUX_LINUX_H

#include "kernel/core/core.h"
#include "kernel/machine/linux/loop/loop.h"

#include <sys/types.h>

struct linux_options {
    const char *run_folder; /* sockets, boot specs; private to the user */
    const char *state_folder; /* audit log, services' own folders */
    uint64_t optional_layers; /* bit n: enum grove_layer n may be missing */
    bool embedded; /* for the time of one command: no control socket, no boot */
    bool
        open_with_privileges; /* embedded, for `grove learn`: its open containers keep what root may do, because programs
                                * that give up root by themselves do not even start without */
};

struct linux_machine {
    struct linux_options options;
    struct loop *loop;
    struct core *core;
    bool rootless;
    uid_t user;
    gid_t group;
    uint64_t boot_id;
    uint64_t layers_enforced; /* found by container_probe */
    uint32_t cgroup_version; /* 0, 1, 2 */
    uint32_t landlock_version;
};

/* The one machine of this process. Set before the core is created. */
extern struct linux_machine *linux_machine;

/*
 * container/: called by groved. `container_probe` finds out once, by trying in a child process, which layers work here
 * and fills in layers_enforced, cgroup_version, landlock_version. For each layer that does not work, container_advice
 * has a sentence on how to get it.
 */
int container_probe(struct linux_machine *machine);
const char *container_advice(enum grove_layer layer, char *buffer, size_t size_bytes);
int container_start_up(struct linux_machine *machine); /* shared empty network namespace, cgroup root, process set-up */
void container_shut_down(struct linux_machine *machine);
/* Identity of a container's first process for the broker: a process descriptor and number, -1 when none. */
int container_process_descriptor(machine_container container, pid_t *process);
/* Something arrived on its port, so its program runs: the core hears of that first. */
void container_heard(machine_container container);
const struct grove_spec *container_spec(machine_container container);
/* Through which its connections go; NULL: it has no limit on the network. */
struct traffic;
struct traffic *container_traffic(machine_container container);
/* Children made before a start needs them: how many there are, how many of them are ready, how many were used so far. */
struct container_spares {
    uint32_t all, ready;
    uint64_t used;
};
struct container_spares container_spares(void);

/*
 * port/: the container part calls this when it has made the socket pair of a native service; the port takes over
 * `kernel_end`. It stays connected for one instance and is then closed with port_close.
 */
int port_open(machine_container container, int kernel_end);
void port_close(machine_container container);

/*
 * broker/: the container part calls broker_attach with the seccomp listener it received from the starting process (taken
 * over), before the program's first instruction. broker_calls lists the system calls that the filter must notify.
 */
struct broker_call {
    const char *name; /* as libseccomp knows it */
    bool (*wanted)(const struct grove_spec *spec); /* for this spec? */
    int skip_if_zero_argument; /* -1, or: allow without asking when this argument is 0 (sendto's address) */
};
extern const struct broker_call broker_calls[];
extern const unsigned broker_call_count;
int broker_attach(machine_container container, int listener);
void broker_detach(machine_container container);
/* traffic/: the relay has done what was asked of it for a call; the descriptor (-1: none) is taken over. */
struct relay_answer;
void broker_relayed(machine_container container, const struct relay_answer *answer, int descriptor);
/* Does this spec give the container sockets of the host network? */
bool broker_spec_has_network(const struct grove_spec *spec);

/* recovery/: end processes, cgroups and mounts that an earlier kernel with this run folder left; audited. */
int recovery_run(struct linux_machine *machine);

/*
 * The embedded kernel: forks a process that runs a kernel for one client, and gives the client's end of the port (a
 * session of libgrove takes it). It ends, with all it started, when that end is closed.
 */
int groved_embedded(const struct linux_options *options, int *port, pid_t *process);

#endif
