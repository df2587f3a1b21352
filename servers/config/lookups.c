/*
 * Schemas, whether a service runs, and restarts: what the registry knows of user services, and boot specs and init of system
 * services. Asked each time anew, so nothing here is ever out of date and nothing wakes up when services come and go. All
 * calls are asynchronous; a registry that is being restarted answers when it is back, within the deadline. The registry
 * itself is configured here without asking it, so neither waits for the other when the system starts.
 */
#include "servers/config/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/config/schema.h"
#include "servers/common/boot_specs.h"
#include "servers/common/names.h"
#include "servers/init/protocol.h"
#include "servers/registry/protocol.h"

#define SYSTEM_PREFIX "system."

struct lookup {
    struct config *config;
    struct grove_name service;
    lookup_handler *handler;
    running_handler *running;
    void *context;
    int status;
};

static bool is_of_the_system(const char *service) {
    return strncmp(service, SYSTEM_PREFIX, strlen(SYSTEM_PREFIX)) == 0;
}

static int ask(struct config *config, uint32_t method, const char *service, grove_answer_handler *done, void *context) {
    struct registry_target target = {.version = REGISTRY_PROTOCOL_VERSION};
    name_set(&target.service, service);
    int status = config->registry == NULL ? grove_connect(REGISTRY_ENDPOINT, &config->registry) : 0;
    if (status < 0)
        return status;
    return grove_call_start(config->registry,
                            &(struct grove_call){.method = method,
                                                 .priority = GROVE_PRIORITY_MEDIUM,
                                                 .data = &target,
                                                 .length_bytes = sizeof target,
                                                 .timeout_ns = CONFIG_REGISTRY_TIMEOUT_NS},
                            done, context);
}

static int ask_init_to_restart(struct config *config, const char *service, grove_answer_handler *done, void *context) {
    struct init_request target = {.version = INIT_PROTOCOL_VERSION};
    name_set(&target.service, service);
    int status = config->init == NULL ? grove_connect(INIT_ENDPOINT, &config->init) : 0;
    if (status < 0)
        return status;
    return grove_call_start(config->init,
                            &(struct grove_call){.method = INIT_RESTART,
                                                 .priority = GROVE_PRIORITY_MEDIUM,
                                                 .data = &target,
                                                 .length_bytes = sizeof target,
                                                 .timeout_ns = CONFIG_REGISTRY_TIMEOUT_NS},
                            done, context);
}

static struct lookup *lookup_create(struct config *config, const char *service, void *context) {
    struct lookup *lookup = calloc(1, sizeof *lookup);
    if (lookup == NULL)
        return NULL;
    lookup->config = config;
    lookup->context = context;
    name_set(&lookup->service, service);
    return lookup;
}

/* ---- schemas ---- */

/* Out of a checked spec, malloc'ed. */
static int schema_of(const struct grove_spec *spec, const char *service, struct config_schema **schema, char *problem,
                     size_t problem_bytes) {
    const char *fault = "";
    uint32_t section_bytes = 0;
    const void *section = grove_spec_section(spec, GROVE_SECTION_CONFIG, &section_bytes);
    if (section == NULL) {
        (void)snprintf(problem, problem_bytes,
                       "%s has no configuration: its manifest declares none; add its keys below 'config:' there",
                       service);
        return GROVE_NOT_FOUND;
    }
    int status = config_schema_check(section, section_bytes, &fault);
    if (status < 0) {
        (void)snprintf(problem, problem_bytes, "the spec of %s cannot be used: %s", service, fault);
        return status;
    }
    *schema = malloc(section_bytes);
    if (*schema == NULL)
        return GROVE_NO_MEMORY;
    memcpy(*schema, section, section_bytes);
    return 0;
}

static int copy_schema(const struct grove_answer *answer, const char *service, struct config_schema **schema,
                       char *problem, size_t problem_bytes) {
    const void *blob = answer->slice != NULL ? answer->slice : answer->data;
    size_t bytes = answer->slice != NULL ? answer->slice_bytes : answer->length_bytes;
    const char *fault = "it is no spec";
    struct grove_spec *spec = bytes <= GROVE_SPEC_BYTES_MAX ? malloc(bytes + 1) : NULL;
    if (spec == NULL)
        return GROVE_NO_MEMORY;
    memcpy(spec, blob, bytes);
    int status = grove_spec_check(spec, bytes, &fault);
    if (status == 0)
        status = schema_of(spec, service, schema, problem, problem_bytes);
    else
        (void)snprintf(problem, problem_bytes, "the spec of %s cannot be used: %s", service, fault);
    free(spec);
    return status;
}

static void schema_came(int status, const struct grove_answer *answer, void *context) {
    struct lookup *lookup = context;
    struct config_schema *schema = NULL;
    char problem[GROVE_CONFIG_REASON_MAX + 1] = "";
    if (status == 0)
        status = copy_schema(answer, lookup->service.text, &schema, problem, sizeof problem);
    else
        (void)snprintf(problem, sizeof problem, "%s", grove_last_error());
    lookup->handler(status, schema, problem, lookup->context);
    free(lookup);
}

static void schema_failed(struct grove_service *service, void *context) {
    struct lookup *lookup = context;
    (void)service;
    lookup->handler(lookup->status, NULL, "the registry cannot be asked now", lookup->context);
    free(lookup);
}

static void read_boot_spec(struct grove_service *service, void *context) {
    struct lookup *lookup = context;
    struct config_schema *schema = NULL;
    struct grove_spec *spec = NULL;
    char problem[GROVE_CONFIG_REASON_MAX + 1] = "";
    (void)service;
    int status = boot_spec_find(lookup->config->boot_path, lookup->service.text, &spec);
    if (status < 0)
        (void)snprintf(problem, sizeof problem, "no system service is named %s; `grove ps` lists them",
                       lookup->service.text);
    else
        status = schema_of(spec, lookup->service.text, &schema, problem, sizeof problem);
    free(spec);
    lookup->handler(status, schema, problem, lookup->context);
    free(lookup);
}

static void soon(struct lookup *lookup, grove_timer_handler *handler) {
    uint32_t timer;
    if (grove_service_after(lookup->config->service, 0, handler, lookup, &timer) < 0)
        handler(lookup->config->service, lookup);
}

void lookup_schema(struct config *config, const char *service, lookup_handler *handler, void *context) {
    struct lookup *lookup = lookup_create(config, service, context);
    if (lookup == NULL) {
        handler(GROVE_NO_MEMORY, NULL, "memory is exhausted", context);
        return;
    }
    lookup->handler = handler;
    if (is_of_the_system(service)) {
        soon(lookup, read_boot_spec);
        return;
    }
    lookup->status = ask(config, REGISTRY_SPEC, service, schema_came, lookup);
    if (lookup->status < 0)
        soon(lookup, schema_failed);
}

/* ---- does it run ---- */

static bool runs(const struct grove_answer *answer) {
    struct registry_record record;
    if (answer->length_bytes < sizeof record)
        return false;
    memcpy(&record, answer->data, sizeof record);
    return record.state == REGISTRY_STATE_STARTING || record.state == REGISTRY_STATE_READY ||
           record.state == REGISTRY_STATE_STOPPING;
}

static void tell_running(struct lookup *lookup, bool is_running) {
    lookup->running(is_running, lookup->context);
    free(lookup);
}

/* What is not known counts as running: the careful answer for a key that must not change then. */
static void state_came(int status, const struct grove_answer *answer, void *context) {
    tell_running(context, status == 0 ? runs(answer) : status != GROVE_NOT_FOUND);
}

static void state_failed(struct grove_service *service, void *context) {
    (void)service;
    tell_running(context, true);
}

/* System services always run, or are about to: init sees to it. */
void lookup_running(struct config *config, const char *service, running_handler *handler, void *context) {
    struct lookup *lookup = lookup_create(config, service, context);
    if (lookup == NULL) {
        handler(true, context);
        return;
    }
    lookup->running = handler;
    if (is_of_the_system(service) || ask(config, REGISTRY_STATUS, service, state_came, lookup) < 0)
        soon(lookup, state_failed);
}

/* ---- restarts ---- */

static void restart_forget(struct config *config, const char *service) {
    struct state *state = &config->state;
    for (uint32_t index = 0; index < state->restart_count; index++)
        if (strcmp(state->restarts[index].text, service) == 0) {
            state->restarts[index] = state->restarts[--state->restart_count];
            break;
        }
    if (state_save(state, config->folder) < 0)
        (void)fprintf(stderr, "config: that %s was restarted cannot be written down\n", service);
}

static void restart_came(int status, const struct grove_answer *answer, void *context) {
    struct lookup *lookup = context;
    (void)answer;
    if (status < 0)
        (void)fprintf(stderr, "config: %s could not be restarted for its new configuration: %s\n", lookup->service.text,
                      grove_last_error());
    restart_forget(lookup->config, lookup->service.text);
    free(lookup);
}

static int restart(struct lookup *lookup) {
    const char *service = lookup->service.text;
    return is_of_the_system(service) ? ask_init_to_restart(lookup->config, service, restart_came, lookup)
                                     : ask(lookup->config, REGISTRY_RESTART, service, restart_came, lookup);
}

void lookup_restarts(struct config *config) {
    for (uint32_t index = 0; index < config->state.restart_count; index++) {
        const char *service = config->state.restarts[index].text;
        struct lookup *lookup = lookup_create(config, service, NULL);
        if (lookup == NULL || restart(lookup) < 0) {
            (void)fprintf(stderr, "config: nobody can be asked to restart %s: %s\n", service, grove_last_error());
            free(lookup);
        }
    }
}
