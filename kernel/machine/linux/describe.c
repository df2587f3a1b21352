/* What the linux machine says about itself in KERNEL_READ. */
#include "kernel/machine/linux/audit/audit.h"
#include "kernel/machine/linux/linux.h"

#define MACHINE_LINUX 1u

void machine_describe(struct grove_kernel_record *record) {
    const struct linux_machine *machine = linux_machine;
    record->machine = MACHINE_LINUX;
    record->rootless = machine->rootless ? 1 : 0;
    record->layers_enforced = machine->layers_enforced;
    record->layers_optional = machine->options.optional_layers;
    record->cgroup_version = machine->cgroup_version;
    record->landlock_version = machine->landlock_version;
    record->prepared = container_spares().all;
    audit_file_describe(record);
}
