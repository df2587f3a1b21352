/*
 * A service that looks at starts and registrations, for the tests of hooks: `guard [POINT PATTERN]...`, which it sets for
 * itself. How it answers is told to it: yes, no, late (never), nonsense, or die; with -no it begins by saying no.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "grove/hooks.h"

enum { METHOD_BECOME = 1, METHOD_SEEN = 2 };

static char manner[64] = "yes";
static char seen[8192];
static int argument_count;
static char **arguments;

static int look(struct grove_request *request, void *context) {
    struct grove_hook_call call;
    (void)context;
    int status = grove_hook_read(request, &call);
    if (status < 0)
        return status;
    size_t length = strlen(seen);
    (void)snprintf(seen + length, sizeof seen - length, "%s %s %s %llu;", grove_hook_point_text(call.point),
                   call.subject, call.who[0] != '\0' ? "asked" : "-", (unsigned long long)call.total_bytes);
    if (strcmp(manner, "late") == 0)
        return grove_request_defer(request);
    if (strcmp(manner, "die") == 0)
        _exit(3);
    if (strcmp(manner, "nonsense") == 0)
        return grove_reply(request, "?", 1);
    if (strcmp(manner, "change") == 0)
        return grove_hook_change(request, "other", 5);
    return strcmp(manner, "no") == 0 ? grove_hook_veto(request, "not today") : grove_hook_continue(request);
}

static int become(struct grove_request *request, void *context) {
    (void)context;
    (void)snprintf(manner, sizeof manner, "%.*s", (int)grove_request_bytes(request),
                   (const char *)grove_request_data(request));
    return 0;
}

static int say_seen(struct grove_request *request, void *context) {
    (void)context;
    return grove_reply(request, seen, strlen(seen));
}

static int on_init(struct grove_service *service, enum grove_start_reason reason, void *context) {
    (void)reason;
    (void)context;
    if (argument_count > 1 && strcmp(arguments[1], "-no") == 0) {
        (void)snprintf(manner, sizeof manner, "no");
        argument_count--;
        arguments++;
    }
    for (int index = 1; index + 1 < argument_count; index += 2)
        for (uint32_t point = 0; point < GROVE_HOOK_POINTS; point++) {
            struct grove_hook hook = {
                .point = (enum grove_hook_point)point, .endpoint = "guard", .pattern = arguments[index + 1]};
            if (strcmp(grove_hook_point_text(point), arguments[index]) == 0 &&
                grove_hook_set(grove_service_session(service), &hook) < 0)
                (void)grove_report("guard"); /* and goes on, for the test of what is refused */
        }
    struct grove_extension extension = {.kind = GROVE_EXTENSION_PROTOCOL,
                                        .version = {.major = 1, .minor = 2},
                                        .name = {"guarding"},
                                        .endpoint = {"guard"},
                                        .detail = "port=7"};
    if (argument_count > 1 && grove_extension_register(grove_service_session(service), &extension) < 0)
        return grove_report("guard");
    return 0;
}

int main(int count, char **given) {
    struct grove_service *service;
    struct grove_service_options options = {.on_init = on_init};
    argument_count = count;
    arguments = given;
    if (grove_service_create(&options, &service) < 0 ||
        grove_service_on(service, "guard", GROVE_HOOK_METHOD, look, NULL) < 0 ||
        grove_service_on(service, "guard", METHOD_BECOME, become, NULL) < 0 ||
        grove_service_on(service, "guard", METHOD_SEEN, say_seen, NULL) < 0)
        return grove_report("guard");
    return grove_service_run(service) < 0 ? grove_report("guard") : 0;
}
