/* Freezing: see freeze.h. */
#include "kernel/services/posix/freeze.h"

#include "kernel/machine/bare/thread/thread.h"
#include "kernel/services/posix/inside.h"

void freezer_init(struct freezer *freezer, void (*stands)(struct freezer *freezer)) {
    *freezer = (struct freezer){.stands = stands};
}

static void look(struct freezer *freezer) {
    if (!freezer->is_frozen || freezer->is_told || freezer->threads == 0 || freezer->standing < freezer->threads)
        return;
    freezer->is_told = true;
    freezer->stands(freezer);
}

/* ---- freezing and thawing ---- */

static void call_thread(struct process_thread *part) {
    part->is_called_to_freeze = true;
    thread_interrupt(part->thread);
}

static void call_all(struct process *process) {
    for (struct list *link = process->threads.next; link != &process->threads; link = link->next)
        call_thread(list_item(link, struct process_thread, link));
}

void freezer_freeze(struct freezer *freezer) {
    processes_lock();
    bool is_new = !freezer->is_frozen;
    freezer->is_frozen = true;
    for (struct list *link = processes.all.next; is_new && link != &processes.all; link = link->next) {
        struct process *process = list_item(link, struct process, in_all);
        if (process->freezer == freezer)
            call_all(process);
    }
    look(freezer);
    processes_unlock();
}

void freezer_thaw(struct freezer *freezer) {
    processes_lock();
    freezer->is_frozen = freezer->is_told = false;
    wait_wake(&freezer->thawed);
    processes_unlock();
}

/* ---- its threads ---- */

void freezer_add_thread(struct process_thread *part) {
    struct freezer *freezer = part->process->freezer;
    if (freezer == NULL)
        return;
    freezer->threads++;
    if (freezer->is_frozen)
        call_thread(part);
}

void freezer_remove_thread(const struct process_thread *part) {
    struct freezer *freezer = part->process->freezer;
    if (freezer == NULL)
        return;
    freezer->threads--;
    look(freezer);
}

bool freezer_wants(const struct process_thread *part) {
    const struct freezer *freezer = part->process->freezer;
    return freezer != NULL && freezer->is_frozen;
}

void freezer_sleep_begin(struct process_thread *part) {
    struct freezer *freezer = part->process->freezer;
    if (freezer == NULL)
        return;
    freezer->standing++;
    look(freezer);
}

void freezer_sleep_end(struct process_thread *part) {
    if (part->process->freezer != NULL)
        part->process->freezer->standing--;
}

void freezer_stand_here(struct process_thread *part) {
    struct freezer *freezer = part->process->freezer;
    freezer_sleep_begin(part);
    while (freezer->is_frozen && !process_must_end(part)) {
        /* Signals come and wait; only what is looked at here ends it. */
        __atomic_store_n(&part->thread->is_interrupted, false, __ATOMIC_RELAXED);
        (void)thread_sleep(&freezer->thawed, &processes.lock, WAIT_FOREVER);
    }
    freezer_sleep_end(part);
}
