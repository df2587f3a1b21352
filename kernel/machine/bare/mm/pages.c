/* Counted and charged page frames: see pages.h. */
#include "kernel/machine/bare/mm/pages.h"

#include "kernel/core/machine.h"
#include "kernel/machine/bare/mm/buddy.h"
#include "kernel/services/vfs/errors.h"

int page_take(struct memory_account *account, enum page_contents contents, uint64_t *physical) {
    uint64_t taken = 0;
    if (memory_account_charge(account, 1) != 0)
        return -LINUX_ENOMEM;
    int status = contents == PAGE_ZEROED ? memory_take_zeroed_frame(&taken) : memory_take_frame(&taken);
    if (status < 0) {
        memory_account_discharge(account, 1);
        return -LINUX_ENOMEM;
    }
    struct frame *frame = memory_frame(taken);
    frame->account = account;
    __atomic_store_n(&frame->references, 1, __ATOMIC_RELAXED);
    *physical = taken;
    return 0;
}

void page_ref(uint64_t physical) {
    __atomic_add_fetch(&memory_frame(physical)->references, 1, __ATOMIC_RELAXED);
}

void page_unref(uint64_t physical) {
    struct frame *frame = memory_frame(physical);
    /* Whoever takes the last one gives the frame back after all that others did with its contents. */
    uint32_t before = __atomic_fetch_sub(&frame->references, 1, __ATOMIC_ACQ_REL);
    if (before == 0)
        machine_panic("a page was given up that nobody had");
    if (before > 1)
        return;
    struct memory_account *account = frame->account;
    memory_give_frame_back(physical);
    memory_account_discharge(account, 1);
}

uint32_t page_references(uint64_t physical) {
    return __atomic_load_n(&memory_frame(physical)->references, __ATOMIC_ACQUIRE);
}
