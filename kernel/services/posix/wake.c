/* Waking who sleeps on a word of a memory file, for containers: see wake.h. */
#include "kernel/services/posix/wake.h"

#include "kernel/machine/bare/thread/thread.h"
#include "kernel/services/vfs/mapping.h"

/* A word is known by the object that it is mapped from; without one nobody has it, so nobody sleeps. */
static void wake(void *context, struct open_file *memory, uint64_t offset_bytes) {
    struct memory_object *object = mapping_find(memory->inode);
    (void)context;
    if (object == NULL)
        return;
    const struct futex_key key = {.object = (uintptr_t)object, .offset = offset_bytes};
    futex_wake_key(&thread_futexes, &key);
    memory_object_unref(object);
}

void wake_serve(struct host_memory *memory) {
    memory->wake = wake;
}
