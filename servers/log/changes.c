/*
 * NAMES: of whom something is kept. CHANGES: who has written since, and waiting until somebody does.
 *
 * Sources are kept in the order of their latest line, so what has changed since a moment is the end of that list. Moments
 * are numbers that only grow, from one instance of this process to the next as well: they begin with the clock, and no line
 * takes less than a nanosecond.
 */
#include "servers/log/log.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "servers/common/names.h"
#include "servers/log/protocol.h"

struct watcher {
    struct watcher *next;
    struct grove_request *request;
    struct logger *logger;
    uint64_t sequence;
    uint32_t timer; /* 0 none */
};

static struct {
    struct log_names_page head;
    struct grove_name names[LOG_NAMES_MAX];
} page;

static int answer(struct grove_request *request) {
    return grove_reply(request, &page, sizeof page.head + page.head.count * sizeof page.names[0]);
}

static int check(struct grove_request *request, void *wanted, size_t bytes) {
    uint32_t version;
    if (grove_request_client_ring(request) == 2)
        return grove_fail(request, GROVE_DENIED, "%s may read its own log only; shells may read all",
                          grove_request_client(request));
    if (grove_request_bytes(request) < bytes)
        return grove_fail(request, GROVE_INVALID, "the request has %zu bytes, and %zu are needed",
                          grove_request_bytes(request), bytes);
    memcpy(wanted, grove_request_data(request), bytes);
    memcpy(&version, wanted, sizeof version);
    if (version != LOG_PROTOCOL_VERSION)
        return grove_fail(request, GROVE_VERSION, "the log service speaks version %u of its protocol, not %u",
                          LOG_PROTOCOL_VERSION, version);
    return 0;
}

/* ---- names ---- */

/* The page holds the smallest names seen so far, in order. */
static void put_name(const char *name) {
    uint32_t place = page.head.count;
    while (place > 0 && strcmp(name, page.names[place - 1].text) < 0)
        place--;
    if (place == LOG_NAMES_MAX)
        return;
    uint32_t kept = page.head.count < LOG_NAMES_MAX ? page.head.count : LOG_NAMES_MAX - 1;
    memmove(&page.names[place + 1], &page.names[place], (kept - place) * sizeof page.names[0]);
    memset(&page.names[place], 0, sizeof page.names[0]);
    name_set(&page.names[place], name);
    page.head.count = kept + 1;
}

int log_names(struct grove_request *request, void *context) {
    struct logger *logger = context;
    struct log_names wanted = {0};
    const struct dirent *entry;
    int status = check(request, &wanted, sizeof wanted);
    if (status < 0)
        return status;
    wanted.after.text[GROVE_NAME_MAX] = '\0';
    int descriptor = openat(logger->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = descriptor < 0 ? NULL : fdopendir(descriptor);
    if (folder == NULL) {
        if (descriptor >= 0)
            (void)close(descriptor);
        return grove_fail(request, GROVE_NO_DESCRIPTORS, "the folder of all logs cannot be read");
    }
    page.head = (struct log_names_page){.version = LOG_PROTOCOL_VERSION};
    while ((entry = readdir(folder)) != NULL) {
        struct grove_name name = {""};
        if (entry->d_name[0] == '.' || strlen(entry->d_name) > GROVE_NAME_MAX)
            continue;
        name_set(&name, entry->d_name);
        if (service_name_is_valid(&name) && strcmp(entry->d_name, wanted.after.text) > 0)
            put_name(entry->d_name);
    }
    (void)closedir(folder);
    page.head.sequence = logger->sequence;
    return answer(request);
}

/* ---- changes ---- */

void changes_begin(struct logger *logger) {
    logger->sequence = grove_now_ns();
}

void changes_note(struct source *source) {
    struct logger *logger = source->logger;
    if (source->changed != 0) {
        *(source->changed_previous != NULL ? &source->changed_previous->changed_next : &logger->changed_first) =
            source->changed_next;
        *(source->changed_next != NULL ? &source->changed_next->changed_previous : &logger->changed_last) =
            source->changed_previous;
    }
    source->changed = ++logger->sequence;
    source->changed_previous = logger->changed_last;
    source->changed_next = NULL;
    *(logger->changed_last != NULL ? &logger->changed_last->changed_next : &logger->changed_first) = source;
    logger->changed_last = source;
}

/* The names that changed after `sequence`, the longest ago first; the page's sequence is that of its last one. */
static void fill(const struct logger *logger, uint64_t sequence) {
    const struct source *source = logger->changed_last;
    while (source != NULL && source->changed_previous != NULL && source->changed_previous->changed > sequence)
        source = source->changed_previous;
    page.head = (struct log_names_page){.version = LOG_PROTOCOL_VERSION, .sequence = sequence};
    for (; source != NULL && page.head.count < LOG_NAMES_MAX; source = source->changed_next) {
        if (source->changed <= sequence)
            continue;
        memset(&page.names[page.head.count], 0, sizeof page.names[0]);
        name_set(&page.names[page.head.count++], source->name);
        page.head.sequence = source->changed;
    }
}

static void answer_watcher(struct watcher *watcher) {
    struct watcher **link = &watcher->logger->watchers;
    fill(watcher->logger, watcher->sequence);
    (void)answer(watcher->request);
    while (*link != watcher)
        link = &(*link)->next;
    *link = watcher->next;
    if (watcher->timer != 0)
        grove_service_cancel(watcher->logger->service, watcher->timer);
    grove_request_finish(watcher->request);
    free(watcher);
}

void changes_tell(struct logger *logger) {
    for (struct watcher *watcher = logger->watchers, *next; watcher != NULL; watcher = next) {
        next = watcher->next;
        if (logger->sequence > watcher->sequence)
            answer_watcher(watcher);
    }
}

static void waited_enough(struct grove_service *service, void *context) {
    (void)service;
    struct watcher *watcher = context;
    watcher->timer = 0;
    answer_watcher(watcher);
}

int log_changes(struct grove_request *request, void *context) {
    struct logger *logger = context;
    struct log_changes wanted = {0};
    int status = check(request, &wanted, sizeof wanted);
    if (status < 0)
        return status;
    if (wanted.sequence > logger->sequence)
        wanted.sequence = 0; /* not one of ours */
    fill(logger, wanted.sequence);
    if (page.head.count > 0 || wanted.wait_ms == 0)
        return answer(request);
    struct watcher *watcher = calloc(1, sizeof *watcher);
    if (watcher == NULL || grove_request_defer(request) < 0) {
        free(watcher);
        return grove_fail(request, GROVE_NO_MEMORY, "the log service has no memory for another reader");
    }
    *watcher =
        (struct watcher){.next = logger->watchers, .request = request, .logger = logger, .sequence = wanted.sequence};
    logger->watchers = watcher;
    uint32_t wait_ms = wanted.wait_ms < LOG_WAIT_MS_MAX ? wanted.wait_ms : LOG_WAIT_MS_MAX;
    return grove_service_after(logger->service, wait_ms * GROVE_MILLISECOND, waited_enough, watcher, &watcher->timer);
}
