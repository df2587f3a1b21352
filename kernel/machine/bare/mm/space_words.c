/* Words of a program's memory, for futexes: see futex.h. */
#include "grove/abi/status.h"
#include "kernel/machine/bare/mm/space_inside.h"
#include "kernel/machine/bare/process/user_memory.h"
#include "kernel/machine/bare/thread/thread.h"
#include "kernel/services/vfs/errors.h"

static struct space *space_of(struct futex_space *futex) {
    return list_item(futex, struct space, futex);
}

/* Who waits for a word of others and wakes them by one of its own does so again and again. */
static bool is_known(const struct thread *thread, const struct space *space, uint64_t address, struct futex_key *key) {
    for (uint32_t i = 0; i < THREAD_WORDS; i++) {
        const struct thread_word *word = &thread->words[i];
        if (word->address == address && word->space == space && word->changes == share_lock_changes(&space->lock)) {
            *key = word->key;
            return true;
        }
    }
    return false;
}

/* What a word lies in: an object where it is shared, else the space itself, whose address is unique too. */
static int identify(struct futex_space *futex, uint64_t address, struct futex_key *key) {
    struct space *space = space_of(futex);
    struct thread *self = thread_current();
    int status = GROVE_INVALID;
    if (address % sizeof(uint32_t) != 0)
        return status;
    if (self->has_private_words) {
        *key = (struct futex_key){.object = (uintptr_t)space, .offset = address};
        return 0;
    }
    if (is_known(self, space, address, key))
        return 0;
    share_lock_take(&space->lock);
    const uint32_t changes = share_lock_changes(&space->lock);
    const struct area *area = areas_find(&space->areas, address);
    if (area != NULL && (area->object == NULL || (area->object->flags & PAGE_KEPT) == 0)) {
        bool is_shared = (area->flags & AREA_SHARED) != 0;
        *key = (struct futex_key){.object = is_shared ? (uintptr_t)area->object : (uintptr_t)space,
                                  .offset = is_shared ? area->offset + (address - area->start) : address};
        status = 0;
    }
    share_lock_give_up(&space->lock);
    if (status == 0)
        self->words[self->next_word++ % THREAD_WORDS] =
            (struct thread_word){.space = space, .address = address, .key = *key, .changes = changes};
    return status;
}

/* tables_lock is held, so the page stays while the word is used. NULL: it is not there, or must not be used so. */
static void *find_word(struct space *space, uint64_t address, unsigned flags) {
    struct page_mapping found;
    if (address >= SPACE_END || !page_find(&space->tables, address, &found) || (found.flags & flags) != flags ||
        (found.flags & PAGE_KEPT) != 0)
        return NULL;
    return memory_view(found.physical);
}

static int load(struct futex_space *futex, uint64_t address, uint32_t *value) {
    struct space *space = space_of(futex);
    if (address < SPACE_END && process_load_present(address, value))
        return 0;
    spinlock_lock(&space->tables_lock);
    const uint32_t *word = find_word(space, address, PAGE_USER);
    if (word != NULL)
        *value = __atomic_load_n(word, __ATOMIC_SEQ_CST);
    spinlock_unlock(&space->tables_lock);
    return word != NULL ? 0 : GROVE_WRONG_STATE;
}

static int exchange(struct futex_space *futex, uint64_t address, uint32_t *expected, uint32_t wanted) {
    struct space *space = space_of(futex);
    spinlock_lock(&space->tables_lock);
    uint32_t *word = find_word(space, address, PAGE_USER | PAGE_WRITE);
    if (word != NULL)
        (void)__atomic_compare_exchange_n(word, expected, wanted, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    spinlock_unlock(&space->tables_lock);
    return word != NULL ? 0 : GROVE_WRONG_STATE;
}

/* A word that can only be read is brought in once, for those who only read; then that is no way to write to it. */
static int touch(struct futex_space *futex, uint64_t address) {
    struct space *space = space_of(futex);
    uint32_t value;
    int status = space_fault(space, address, AREA_WRITE | SPACE_FAULT_PRESENT);
    if (status == -LINUX_EACCES && load(futex, address, &value) != 0)
        status = space_fault(space, address, AREA_READ);
    return status == 0 ? 0 : GROVE_INVALID;
}

/* Eight bytes aligned to four may lie in two pages. */
static int load_long(struct futex_space *futex, uint64_t address, uint64_t *value) {
    uint32_t halves[2] = {0};
    for (unsigned i = 0; i < 2; i++) {
        uint64_t at = address + i * sizeof(uint32_t);
        int status = at % sizeof(uint32_t) == 0 ? load(futex, at, &halves[i]) : GROVE_INVALID;
        while (status == GROVE_WRONG_STATE) {
            status = touch(futex, at);
            if (status == 0)
                status = load(futex, at, &halves[i]);
        }
        if (status < 0)
            return GROVE_INVALID;
    }
    *value = halves[0] | (uint64_t)halves[1] << 32;
    return 0;
}

/* Words that inherit are looked after in the program of who waits. */
static struct futex_thread *find(struct futex_space *futex, uint32_t number) {
    struct process *process = thread_current()->process;
    (void)futex;
    struct thread *thread = process != NULL ? process_thread_of(process, (int32_t)number) : NULL;
    return thread != NULL ? &thread->futex : NULL;
}

const struct futex_memory space_futex_memory = {
    .identify = identify, .load = load, .exchange = exchange, .touch = touch, .load_long = load_long, .find = find};
