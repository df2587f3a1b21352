/*
 * Checks of a service's own: registered with system.health, asked by it over the service's endpoint, or reported.
 *
 * Each function gets a method number of its own, from GROVE_HEALTH_METHOD_FIRST on, in the order of registration. What is
 * registered counts for this instance; the next one registers again, as it runs the same code.
 */
#include "grove/health.h"

#include "lib/session/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REGISTER_TIMEOUT_NS (5 * GROVE_SECOND)
#define REPORT_PATIENCE_NS (100 * GROVE_MILLISECOND)
#define INTERVAL_DEFAULT_NS (10 * GROVE_SECOND)
#define TIMEOUT_DEFAULT_NS (2 * GROVE_SECOND)
#define FAILURES_DEFAULT 3u

struct own_check {
    grove_health_function *function;
    void *context;
};
static unsigned used_methods; /* a service has one session, and a process one service */
static struct grove_channel *monitor;

static int connect_monitor(void) {
    struct grove_connect_options options = {.tag = GROVE_HEALTH_REGISTER, .arena_bytes = GROVE_ARENA_NONE};
    return monitor != NULL ? 0 : grove_connect_with(GROVE_HEALTH_ENDPOINT, &options, &monitor);
}

/* A channel that was closed is made anew the next time. */
static int closed(int status) {
    if (status == GROVE_CLOSED && monitor != NULL) {
        grove_channel_close(monitor);
        monitor = NULL;
    }
    return status;
}

static int answer(struct grove_request *request, void *context) {
    const struct own_check *check = context;
    char sentence[GROVE_HEALTH_SENTENCE_BYTES] = "";
    int status = check->function(sentence, sizeof sentence, check->context);
    if (status == 0)
        return 0;
    if (status > 0)
        status = GROVE_HANDLER_FAILED;
    return grove_fail(request, status, "%s", sentence[0] != '\0' ? sentence : grove_status_text(status));
}

static int serve(struct grove_service *service, const char *endpoint, grove_health_function *function, void *context,
                 struct grove_health_plan *plan) {
    struct grove_name full;
    if (endpoint == NULL)
        return error_set(GROVE_INVALID,
                         "a check with a function needs an endpoint of this service, over which it is asked");
    int status = session_full_name(grove_service_session(service), endpoint, &full);
    if (status < 0)
        return status;
    if (used_methods == GROVE_HEALTH_METHODS)
        return error_set(GROVE_EXHAUSTED, "a service registers at most %u checks with functions", GROVE_HEALTH_METHODS);
    struct own_check *check = malloc(sizeof *check); /* for as long as the service */
    if (check == NULL)
        return error_set(GROVE_NO_MEMORY, "no memory is left for a check");
    *check = (struct own_check){.function = function, .context = context};
    uint32_t method = GROVE_HEALTH_METHOD_FIRST + used_methods;
    status = grove_service_on(service, full.text, method, answer, check);
    if (status < 0) {
        free(check);
        return status;
    }
    used_methods++;
    (void)snprintf(plan->argument, sizeof plan->argument, "%s %u", full.text, method);
    return 0;
}

static int send_registration(const struct grove_health_plan *plan) {
    struct grove_health_extension extension = {.version = GROVE_HEALTH_VERSION, .plan = *plan};
    struct grove_call call = {.method = GROVE_HEALTH_REGISTER,
                              .data = &extension,
                              .length_bytes = sizeof extension,
                              .timeout_ns = REGISTER_TIMEOUT_NS};
    struct grove_answer reply;
    int status = connect_monitor();
    if (status < 0)
        return status;
    status = grove_call(monitor, &call, &reply);
    if (status == 0)
        grove_answer_release(&reply);
    return closed(status);
}

int grove_health_register(struct grove_service *service, const struct grove_health_registration *registration,
                          grove_health_function *function, void *context) {
    struct grove_health_plan plan = {.kind = function == NULL ? GROVE_CHECK_REPORT : GROVE_CHECK_CALL,
                                     .severity = registration->severity,
                                     .failures = registration->failures,
                                     .timeout_ns = registration->timeout_ns,
                                     .interval_ns = registration->interval_ns};
    if (registration->name == NULL || strlen(registration->name) >= sizeof plan.name)
        return error_set(GROVE_INVALID, "a check has a name of at most %u bytes", GROVE_HEALTH_CHECK_NAME_BYTES - 1);
    memcpy(plan.name, registration->name, strlen(registration->name));
    plan.severity = plan.severity < GROVE_SEVERITY_WARNING ? GROVE_SEVERITY_WARNING : plan.severity;
    plan.failures = plan.failures == 0 ? FAILURES_DEFAULT : plan.failures;
    plan.timeout_ns = plan.timeout_ns == 0 ? TIMEOUT_DEFAULT_NS : plan.timeout_ns;
    plan.interval_ns = plan.interval_ns == 0 ? INTERVAL_DEFAULT_NS : plan.interval_ns;
    int status = function == NULL ? 0 : serve(service, registration->endpoint, function, context, &plan);
    return status < 0 ? status : send_registration(&plan);
}

int grove_health_report(const char *check, int status, const char *sentence) {
    struct grove_health_report_message report = {.version = GROVE_HEALTH_VERSION, .status = status};
    struct grove_call call = {.method = GROVE_HEALTH_REPORT,
                              .data = &report,
                              .length_bytes = sizeof report,
                              .timeout_ns = REPORT_PATIENCE_NS};
    if (check == NULL || strlen(check) >= sizeof report.check || status > 0)
        return error_set(GROVE_INVALID, "a report has the name of a check, and a status that is 0 or negative");
    memcpy(report.check, check, strlen(check));
    (void)snprintf(report.sentence, sizeof report.sentence, "%s", sentence == NULL ? "" : sentence);
    int connected = connect_monitor();
    return connected < 0 ? connected : closed(grove_send(monitor, &call));
}
