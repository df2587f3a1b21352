/*
 * config: gives services their configuration, checks what is to change in it, and remembers what has.
 *
 * config.h says who does what. What a crash leaves: the state file as of the last change that was answered, or of one more;
 * maps in the hands of services, who read on; and the requests that were not answered, which come again.
 */
#include "servers/config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static const struct {
    uint32_t number;
    grove_handler *handler;
} methods[] = {
    {GROVE_CONFIG_ATTACH, on_attach},     {GROVE_CONFIG_WATCH, on_watch},   {GROVE_CONFIG_VOTE, on_vote},
    {GROVE_CONFIG_GET, on_get},           {GROVE_CONFIG_CHANGE, on_change}, {GROVE_CONFIG_HISTORY, on_history},
    {GROVE_CONFIG_ROLLBACK, on_rollback}, {GROVE_CONFIG_SOURCE, on_source}, {GROVE_CONFIG_RELOAD, on_reload},
};

/* Tags of maps and numbers of proposals begin where no earlier instance has been. */
static void begin_numbers(struct config *config) {
    const struct grove_notice_init *self = grove_session_identity(config->session);
    struct grove_message message = {.operation = GROVE_REQUEST_KERNEL_READ};
    memcpy(&config->next_tag, self->random, sizeof config->next_tag);
    memcpy(&config->next_proposal, self->random + 8, sizeof config->next_proposal);
    config->next_proposal |= 1;
    if (grove_kernel_request(config->session, &message, NULL, 0, NULL, NULL, CONFIG_KERNEL_TIMEOUT_NS) == 0)
        config->boot_id = message.body.kernel.boot_id;
}

static int on_init(struct grove_service *service, enum grove_start_reason reason, void *context) {
    struct config *config = context;
    (void)reason;
    config->service = service;
    config->session = grove_service_session(service);
    begin_numbers(config);
    maps_forget_earlier(config);
    int status = state_load(&config->state, config->folder);
    if (status == 0)
        status = files_open(config);
    if (status < 0) {
        (void)fprintf(stderr, "config: the state cannot be read: %s\n", grove_status_text(status));
        return status;
    }
    files_rescan(config, NULL);
    stored_open(config);
    lookup_restarts(config);
    return 0;
}

static int serve(struct config *config) {
    struct grove_service_options options = {.on_init = on_init, .context = config};
    struct grove_service *service;
    if (grove_service_create(&options, &service) < 0)
        return grove_report("config");
    for (size_t index = 0; index < sizeof methods / sizeof methods[0]; index++)
        if (grove_service_on(service, GROVE_CONFIG_ENDPOINT, methods[index].number, methods[index].handler, config) < 0)
            return grove_report("config");
    metrics_serve(config, service);
    return grove_service_run(service) < 0 ? grove_report("config") : 0;
}

int main(int argument_count, char **arguments) {
    static struct config config;
    if (argument_count != 4) {
        (void)fprintf(stderr, "usage: config STATE-FOLDER FILES-FOLDER BOOT-FOLDER (started by init; see "
                              "servers/config/manifest.yaml)\n");
        return 2;
    }
    config.folder = open(arguments[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    config.files_path = arguments[2];
    config.boot_path = arguments[3];
    if (config.folder < 0) {
        (void)fprintf(stderr, "config: cannot open the state folder %s: %s\n", arguments[1], strerror(errno));
        return 1;
    }
    return serve(&config);
}
