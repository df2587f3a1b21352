/*
 * log: reads the streams of every container and keeps them.
 *
 * It is told of containers by init and registry (ATTACH), and looks for all of them itself when it starts, so a message
 * lost with an earlier instance is no matter. It never makes anybody wait: a pipe that is full blocks its writer, as for
 * any program, until this process (or its next instance) has read it. Disk trouble drops bytes and says how many.
 */
#include "servers/log/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "servers/common/names.h"
#include "servers/common/own_config.h"

#define KERNEL_TIMEOUT_NS (5 * GROVE_SECOND)

static struct source *make_source(struct logger *logger, const char *name, bool must_exist) {
    if (must_exist && faccessat(logger->folder, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
        return NULL;
    struct source *source = calloc(1, sizeof *source);
    int status = source == NULL ? GROVE_NO_MEMORY : 0;
    if (status == 0) {
        (void)snprintf(source->name, sizeof source->name, "%s", name);
        source->logger = logger;
        for (unsigned index = 0; index < LOG_STREAMS; index++)
            source->streams[index] = (struct stream){.source = source, .descriptor = -1, .kind = index};
        status = kept_open(&source->kept, logger->folder, name, &logger->limits);
    }
    if (status == 0) {
        status = name_table_add(&logger->sources, source->name, source);
        if (status < 0)
            kept_close(&source->kept);
    }
    if (status == 0) {
        changes_note(source); /* what an earlier instance kept may be new to those who follow */
        return source;
    }
    (void)fprintf(stderr, "log: cannot keep what %s writes: %s\n", name, grove_status_text(status));
    free(source);
    return NULL;
}

struct source *source_find(struct logger *logger, const char *name, bool is_wanted) {
    struct source *source = name_table_find(&logger->sources, name);
    return source != NULL ? source : make_source(logger, name, !is_wanted);
}

static void attach(struct logger *logger, const char *name) {
    int descriptors[GROVE_PORT_OBJECTS] = {-1, -1, -1, -1};
    unsigned count = LOG_STREAMS;
    struct grove_message message = {.operation = GROVE_REQUEST_CONTAINER_STREAMS};
    name_set(&message.body.container_read.name, name);
    int status = grove_kernel_request(logger->session, &message, NULL, 0, descriptors, &count, KERNEL_TIMEOUT_NS);
    if (status < 0 || count == 0)
        return; /* gone again, or its streams go elsewhere */
    struct source *source = source_find(logger, name, true);
    if (source != NULL) {
        streams_take(source, descriptors);
        return;
    }
    for (unsigned index = 0; index < count; index++)
        (void)close(descriptors[index]);
}

static int on_attach(struct grove_request *request, void *context) {
    struct log_attach told;
    if (grove_request_client_ring(request) != 1)
        return grove_fail(request, GROVE_DENIED, "only init and the registry tell the log service of containers");
    if (grove_request_bytes(request) < sizeof told)
        return grove_fail(request, GROVE_INVALID, "the message is too short");
    memcpy(&told, grove_request_data(request), sizeof told);
    if (told.version != LOG_PROTOCOL_VERSION || !service_name_is_valid(&told.name))
        return grove_fail(request, GROVE_INVALID, "the message is malformed");
    attach(context, told.name.text);
    return 0;
}

static int attach_all(struct logger *logger) {
    struct grove_container_record record;
    uint32_t cursor = 0;
    int status;
    while ((status = grove_container_next(logger->session, &cursor, &record)) == 0) {
        if (record.ring != 3)
            attach(logger, record.name.text);
        if (cursor == 0)
            return 0;
    }
    return status == GROVE_NOT_FOUND ? 0 : status;
}

/* ---- what can be configured ---- */

/* The same as in manifest.yaml. */
static void settings_begin(struct logger *logger, const char *folder) {
    static struct own_key keys[2];
    logger->limits = (struct kept_limits){.keep_bytes = KEPT_BYTES};
    keys[0] = (struct own_key){"keep-size", GROVE_CONFIG_SIZE, {.amount = &logger->limits.keep_bytes}};
    keys[1] = (struct own_key){"keep-age", GROVE_CONFIG_DURATION, {.amount = &logger->limits.keep_ns}};
    own_config_begin(folder, keys, sizeof keys / sizeof keys[0]);
}

static void settings_changed(void *context) {
    struct logger *logger = context;
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    for (struct source *source = logger->changed_first; source != NULL; source = source->changed_next)
        kept_limit(&source->kept, (uint64_t)now.tv_sec * GROVE_SECOND + (uint64_t)now.tv_nsec);
}

static int on_init(struct grove_service *service, enum grove_start_reason reason, void *context) {
    struct logger *logger = context;
    (void)reason;
    logger->service = service;
    logger->session = grove_service_session(service);
    changes_begin(logger);
    own_config_follow(logger->session, settings_changed, logger);
    return attach_all(logger);
}

static int open_folder(const char *path) {
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        (void)fprintf(stderr, "log: cannot open the state folder %s: %s\n", path, strerror(errno));
    return folder;
}

int main(int argument_count, char **arguments) {
    static struct logger logger;
    struct grove_service *service;
    if (argument_count != 2) {
        (void)fprintf(stderr, "usage: log STATE-FOLDER (started by init; see servers/log/manifest.yaml)\n");
        return 2;
    }
    settings_begin(&logger, arguments[1]);
    logger.folder = open_folder(arguments[1]);
    if (logger.folder < 0)
        return 1;
    if (streams_open_scratch(&logger) < 0) {
        (void)fprintf(stderr, "log: no descriptor is left for a pipe: %s\n", strerror(errno));
        return 1;
    }
    if (!order_open(&logger.order, logger.folder))
        (void)fprintf(stderr,
                      "log: the last time in %s/%s is not known: a clock that was set back since is not noticed\n",
                      arguments[1], ORDER_FILE);
    struct grove_service_options options = {.on_init = on_init, .context = &logger};
    if (grove_service_create(&options, &service) < 0 ||
        grove_service_on(service, LOG_ENDPOINT, LOG_ATTACH, on_attach, &logger) < 0 ||
        grove_service_on(service, LOG_ENDPOINT, LOG_READ, log_read, &logger) < 0 ||
        grove_service_on(service, LOG_ENDPOINT, LOG_NAMES, log_names, &logger) < 0 ||
        grove_service_on(service, LOG_ENDPOINT, LOG_CHANGES, log_changes, &logger) < 0)
        return grove_report("log");
    metrics_serve(&logger, service);
    return grove_service_run(service) < 0 ? grove_report("log") : 0;
}
