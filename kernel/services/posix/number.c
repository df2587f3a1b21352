/* Numbers of processes: see number.h. */
#include "kernel/services/posix/number.h"

#include "kernel/services/posix/program.h"
#include "kernel/services/vfs/errors.h"

#define BUCKETS 256u /* a power of two */

static struct list buckets[BUCKETS];
static uint64_t used[NUMBERS_MAX / 64]; /* a bit for each value */
static int32_t last; /* the value that was given out last */

static struct list *bucket_of(int32_t value) {
    return &buckets[(uint32_t)value & (BUCKETS - 1)];
}

/* The next free value behind the last one, or 0. */
static int32_t find_free(void) {
    for (int32_t i = 0; i < NUMBERS_MAX; i++) {
        int32_t value = (last + i) % (NUMBERS_MAX - 1) + 1;
        if ((used[value / 64] >> (value % 64) & 1) == 0)
            return value;
        if (used[value / 64] == UINT64_MAX)
            i += 63 - value % 64; /* none in this word */
    }
    return 0;
}

int number_take(uint64_t program, struct number **number) {
    int32_t value = find_free();
    if (value == 0)
        return -LINUX_EAGAIN;
    struct number *made = machine_take(processes.vfs->machine, sizeof(*made));
    if (made == NULL)
        return -LINUX_ENOMEM;
    *made = (struct number){.value = value, .program = program, .references = 1};
    list_init(&made->group);
    list_init(&made->session);
    struct list *bucket = bucket_of(value);
    if (bucket->next == NULL)
        list_init(bucket);
    list_append(bucket, &made->link);
    used[value / 64] |= UINT64_C(1) << (value % 64);
    last = value;
    *number = made;
    return 0;
}

void numbers_init(void) {
    last = 0;
    used[0] |= 1; /* 0 is no number */
}

struct number *number_ref(struct number *number) {
    number->references++;
    return number;
}

void number_unref(struct number *number) {
    if (--number->references > 0)
        return;
    list_remove(&number->link);
    used[number->value / 64] &= ~(UINT64_C(1) << (number->value % 64));
    machine_give_back(processes.vfs->machine, number, sizeof(*number));
}

struct number *number_find(int32_t value) {
    struct list *bucket = bucket_of(value);
    if (bucket->next == NULL)
        return NULL;
    for (struct list *link = bucket->next; link != bucket; link = link->next) {
        struct number *number = list_item(link, struct number, link);
        if (number->value == value)
            return number;
    }
    return NULL;
}

struct number *number_see(int32_t value) {
    const struct process *process = process_current();
    uint64_t program = process != NULL ? program_id_of(process) : 0;
    struct number *number = number_find(value);
    return number != NULL && (program == 0 || program == number->program) ? number : NULL;
}
