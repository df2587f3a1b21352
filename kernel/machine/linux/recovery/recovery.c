#include "kernel/machine/linux/linux.h"

int recovery_run(struct linux_machine *machine) {
    (void)machine;
    return GROVE_OK;
}
