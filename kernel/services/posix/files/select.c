/* select(2) and pselect6(2): three sets of descriptors, as bits, in and out. */
#include "kernel/machine/bare/thread/thread.h"
#include "kernel/services/posix/files/watch.h"

#include <string.h>

#define SETS 3u
#define NS_PER_US 1000
#define US_PER_S 1000000
#define WORD_BITS 64u

/* A number without contents to look at (O_PATH) is all of it. */
static const uint32_t meanings[SETS] = {
    LINUX_POLLIN | LINUX_POLLRDNORM | LINUX_POLLRDBAND | LINUX_POLLHUP | LINUX_POLLERR | LINUX_POLLNVAL,
    LINUX_POLLOUT | LINUX_POLLWRNORM | LINUX_POLLWRBAND | LINUX_POLLERR | LINUX_POLLNVAL,
    LINUX_POLLPRI | LINUX_POLLNVAL};

/* One call. The sets lie one after the other, `words` words each. */
struct selection {
    uint32_t count; /* numbers below this are looked at */
    uint32_t words;
    uint64_t addresses[SETS]; /* 0: that set is not given */
    uint64_t *sets;
    struct watch_item *items;
    uint32_t item_count;
};

static uint64_t *word_of(const struct selection *selection, uint32_t set, uint32_t number) {
    return &selection->sets[set * selection->words + number / WORD_BITS];
}

static bool has(const struct selection *selection, uint32_t set, uint32_t number) {
    return (*word_of(selection, set, number) >> number % WORD_BITS & 1) != 0;
}

static size_t set_bytes(const struct selection *selection) {
    return selection->words * sizeof(uint64_t);
}

static int read_sets(const struct selection *selection) {
    for (uint32_t set = 0; set < SETS; set++) {
        uint64_t *words = word_of(selection, set, 0);
        if (selection->addresses[set] == 0)
            memset(words, 0, set_bytes(selection));
        else if (!process_read(words, selection->addresses[set], set_bytes(selection)))
            return -LINUX_EFAULT;
    }
    return 0;
}

static uint16_t wanted_of(const struct selection *selection, uint32_t number) {
    uint32_t wanted = 0;
    for (uint32_t set = 0; set < SETS; set++)
        wanted |= has(selection, set, number) ? meanings[set] : 0;
    return (uint16_t)wanted;
}

/* An item for each number that is in any set. -LINUX_EBADF: one is not open. */
static int make_items(const struct files *files, struct selection *selection) {
    for (uint32_t number = 0; number < selection->count; number++) {
        uint16_t wanted = wanted_of(selection, number);
        bool mark;
        if (wanted == 0)
            continue;
        if (descriptors_read_mark(files->descriptors, number, &mark) != 0)
            return -LINUX_EBADF;
        selection->items[selection->item_count++] =
            (struct watch_item){.descriptor = (int32_t)number, .wanted = wanted};
    }
    return 0;
}

/* The sets become what was found. Returns how many bits there are. */
static int64_t put_found(const struct selection *selection) {
    int64_t bits = 0;
    for (uint32_t i = 0; i < selection->item_count; i++) {
        const struct watch_item *item = &selection->items[i];
        uint32_t number = (uint32_t)item->descriptor;
        for (uint32_t set = 0; set < SETS; set++) {
            bool is_set = has(selection, set, number) && (item->found & meanings[set]) != 0;
            if (!is_set)
                *word_of(selection, set, number) &= ~(UINT64_C(1) << number % WORD_BITS);
            bits += is_set;
        }
    }
    uint32_t in_word = selection->count % WORD_BITS;
    for (uint32_t set = 0; set < SETS && in_word != 0; set++) /* what was not looked at is not so */
        *word_of(selection, set, selection->count) &= (UINT64_C(1) << in_word) - 1;
    return bits;
}

static int64_t write_sets(const struct selection *selection, int64_t answer) {
    for (uint32_t set = 0; set < SETS; set++)
        if (selection->addresses[set] != 0 &&
            !process_write(selection->addresses[set], word_of(selection, set, 0), set_bytes(selection)))
            return -LINUX_EFAULT;
    return answer;
}

static int64_t carry_out(const struct files *files, struct selection *selection, uint64_t until_ns) {
    int status = read_sets(selection);
    if (status == 0)
        status = make_items(files, selection);
    if (status == 0)
        status = watch_items(files, selection->items, selection->item_count, until_ns);
    if (status < 0)
        return status;
    return write_sets(selection, put_found(selection));
}

static int64_t select(const struct files *files, const uint64_t arguments[6], uint64_t until_ns) {
    const struct vfs_machine *machine = files->vfs->machine;
    struct selection selection = {.addresses = {arguments[1], arguments[2], arguments[3]}};
    if ((int32_t)arguments[0] < 0)
        return -LINUX_EINVAL;
    uint32_t end = descriptors_end(files->descriptors);
    end = end < WORD_BITS ? WORD_BITS : end; /* so many numbers a process of Linux has at least */
    selection.count = (uint32_t)arguments[0] < end ? (uint32_t)arguments[0] : end;
    selection.words = (selection.count + WORD_BITS - 1) / WORD_BITS;
    size_t bytes = SETS * set_bytes(&selection) + selection.count * sizeof(*selection.items);
    selection.sets = machine_take(machine, bytes + 1);
    if (selection.sets == NULL)
        return -LINUX_ENOMEM;
    selection.items = (struct watch_item *)(selection.sets + (size_t)SETS * selection.words);
    int64_t answer = carry_out(files, &selection, until_ns);
    machine_give_back(machine, selection.sets, bytes + 1);
    return answer;
}

int64_t system_call_select(const uint64_t arguments[6]) {
    struct files files = files_of_current();
    uint64_t until_ns = WAIT_FOREVER;
    int64_t span[2];
    if (arguments[4] != 0) {
        if (!process_read(span, arguments[4], sizeof(span)))
            return -LINUX_EFAULT;
        if (span[1] < 0 || !watch_until(span[0] + span[1] / US_PER_S, span[1] % US_PER_S * NS_PER_US, &until_ns))
            return -LINUX_EINVAL;
    }
    int64_t answer = select(&files, arguments, until_ns);
    if (arguments[4] != 0) {
        watch_left(until_ns, span);
        span[1] /= NS_PER_US;
        (void)process_write(arguments[4], span, sizeof(span));
    }
    return answer;
}

/* The last argument is the address of two words, since six arguments are all there are: a set of signals and its size. */
int64_t system_call_pselect6(const uint64_t arguments[6]) {
    struct files files = files_of_current();
    uint64_t until_ns = WAIT_FOREVER, signals[2] = {0, 0};
    int64_t span[2];
    if (arguments[5] != 0 && !process_read(signals, arguments[5], sizeof(signals)))
        return -LINUX_EFAULT;
    if (arguments[4] != 0) {
        if (!process_read(span, arguments[4], sizeof(span)))
            return -LINUX_EFAULT;
        if (!watch_until(span[0], span[1], &until_ns))
            return -LINUX_EINVAL;
    }
    int status = files_block_signals(signals[0], signals[1]);
    if (status != 0)
        return status;
    int64_t answer = select(&files, arguments, until_ns);
    if (arguments[4] != 0) {
        watch_left(until_ns, span);
        (void)process_write(arguments[4], span, sizeof(span));
    }
    return answer;
}
