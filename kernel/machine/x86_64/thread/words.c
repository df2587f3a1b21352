/*
 * Words of programs for futexes: see words.h. With spin locks held, they are read and changed where they lie; if the page is
 * not there, the fault handler says so at once. The memory of another process is looked at with its tables loaded, for a few
 * instructions.
 */
#include "kernel/machine/x86_64/thread/words.h"

#include "grove/abi/status.h"
#include "kernel/machine/bare/process/user_memory.h"
#include "kernel/machine/x86_64/boot/layout.h"
#include "kernel/machine/x86_64/process/space.h"
#include "kernel/machine/x86_64/thread/machine.h"

bool user_load(const uint32_t *from, uint32_t *value);
bool user_exchange(uint32_t *to, uint32_t *expected, uint32_t wanted);

static bool is_word(uint64_t address) {
    return address % sizeof(uint32_t) == 0 && address <= LAYOUT_USER_END - sizeof(uint32_t);
}

/* A word of a memory that nobody shares is known by the space it lies in. */
static int identify(struct futex_space *space, uint64_t address, struct futex_key *key) {
    if (!is_word(address))
        return GROVE_INVALID;
    *key = (struct futex_key){(uint64_t)space, address};
    return GROVE_OK;
}

/* Holding, so that nothing else comes in between. Returns what was loaded before. */
static struct space *look_at(struct futex_space *space) {
    struct space *loaded = processor_here()->space;
    if ((struct space *)space != loaded)
        space_use((struct space *)space);
    return loaded;
}

static void look_back(const struct futex_space *space, const struct space *loaded) {
    if ((const struct space *)space != loaded)
        space_use(loaded);
}

static int load(struct futex_space *space, uint64_t address, uint32_t *value) {
    hold_begin();
    const struct space *loaded = look_at(space);
    bool is_there = user_load((const uint32_t *)address, value);
    look_back(space, loaded);
    hold_end();
    machine_thread_of(thread_current())->has_failed_write = false;
    return is_there ? GROVE_OK : GROVE_WRONG_STATE;
}

static int exchange(struct futex_space *space, uint64_t address, uint32_t *expected, uint32_t wanted) {
    hold_begin();
    const struct space *loaded = look_at(space);
    bool is_there = user_exchange((uint32_t *)address, expected, wanted);
    look_back(space, loaded);
    hold_end();
    machine_thread_of(thread_current())->has_failed_write = !is_there;
    return is_there ? GROVE_OK : GROVE_WRONG_STATE;
}

/* Memory that may only be read will do for those who wait. */
static int touch(struct futex_space *space, uint64_t address) {
    const struct machine_thread *self = machine_thread_of(thread_current());
    uint32_t value = 0;
    if ((struct space *)space != self->space || !user_load((const uint32_t *)address, &value))
        return GROVE_INVALID;
    bool is_writable = user_exchange((uint32_t *)address, &value, value);
    return is_writable || !self->has_failed_write ? GROVE_OK : GROVE_INVALID;
}

static int load_long(struct futex_space *space, uint64_t address, uint64_t *value) {
    if ((struct space *)space != machine_thread_of(thread_current())->space)
        return GROVE_INVALID;
    return process_read(value, address, sizeof(*value)) ? GROVE_OK : GROVE_INVALID;
}

static struct futex_thread *find(struct futex_space *space, uint32_t number) {
    struct thread *self = thread_current();
    if ((struct space *)space != machine_thread_of(self)->space || self->process == NULL)
        return NULL;
    struct thread *found = process_thread_of(self->process, (int32_t)number);
    return found != NULL ? &found->futex : NULL;
}

const struct futex_memory space_words = {
    .identify = identify, .load = load, .exchange = exchange, .touch = touch, .load_long = load_long, .find = find};
