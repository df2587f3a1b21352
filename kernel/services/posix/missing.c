/* Calls that are missing: see missing.h. */
#include "kernel/services/posix/missing.h"

#include "kernel/services/posix/inside.h"

#include <string.h>

#define ENTRIES_MAX 256u

static struct spinlock lock; /* inside of nothing, and nothing inside of it */
static struct missing_call entries[ENTRIES_MAX];
static uint32_t entry_count;
static uint64_t overflow;

static struct missing_call *find_or_add(const char *name, uint32_t call) {
    for (uint32_t i = 0; i < entry_count; i++)
        if (entries[i].call == call && strcmp(entries[i].name, name) == 0)
            return &entries[i];
    if (entry_count == ENTRIES_MAX)
        return NULL;
    struct missing_call *entry = &entries[entry_count++];
    *entry = (struct missing_call){.call = call};
    memcpy(entry->name, name, sizeof(entry->name));
    return entry;
}

void missing_count(uint32_t call) {
    spinlock_lock(&lock);
    struct missing_call *entry = find_or_add(process_current()->name, call);
    if (entry != NULL)
        entry->count++;
    else
        overflow++;
    spinlock_unlock(&lock);
}

bool missing_entry(uint32_t index, struct missing_call *entry) {
    spinlock_lock(&lock);
    bool is_there = index < entry_count;
    if (is_there)
        *entry = entries[index];
    spinlock_unlock(&lock);
    return is_there;
}

uint64_t missing_overflow(void) {
    spinlock_lock(&lock);
    uint64_t count = overflow;
    spinlock_unlock(&lock);
    return count;
}
