/*
 * Checks that services register themselves. Each is about its own service and no other, and it is the kernel that says who
 * speaks. It counts for the instance that registered it; the next instance registers again.
 */
#include "servers/health/monitor.h"

#include <stdio.h>
#include <string.h>

#include "servers/common/health_plan.h"
#include "servers/common/names.h"

#define EXTENSIONS_MAX 64u /* of one service */

void extension_mark(struct check *check) {
    check->is_extension = true;
    check->kept->plan = check->plan;
    check->kept->extension_generation = check->watched->generation;
}

static void recall(struct monitor *monitor, struct kept_check *kept) {
    struct watched *watched = services_add(monitor, kept->service.text);
    if (watched == NULL || !services_look(watched))
        return;
    bool is_current = watched->container == kept->container && watched->generation == kept->extension_generation;
    struct check *check = is_current && health_plan_mend(&kept->plan) == NULL ? check_add(watched, &kept->plan) : NULL;
    if (check == NULL) {
        kept_check_release(kept);
        return;
    }
    check->is_extension = true;
    if (check->plan.kind == GROVE_CHECK_CALL || check->plan.kind == GROVE_CHECK_REPORT)
        offer_check(check);
    judge(watched);
}

void extensions_recall(struct monitor *monitor) {
    for (unsigned index = 0; index < KEPT_CHECKS_MAX && monitor->kept->checks[index].was_used != 0; index++) {
        struct kept_check *kept = &monitor->kept->checks[index];
        if (kept->service.text[0] != '\0' && kept->extension_generation != 0 &&
            text_is_terminated(kept->service.text, sizeof kept->service.text))
            recall(monitor, kept);
    }
}

static unsigned count_extensions(const struct watched *watched) {
    unsigned count = 0;
    for (const struct check *check = watched->checks; check != NULL; check = check->next)
        count += check->is_extension;
    return count;
}

/* A CALL must go to the caller: a channel to somebody else's endpoint would make this service speak in the caller's stead. */
static int check_endpoint(struct grove_request *request, struct monitor *monitor, const char *argument) {
    struct grove_message message = {.operation = GROVE_REQUEST_ENDPOINT_READ};
    const char *space = strrchr(argument, ' ');
    if (space == NULL || (size_t)(space - argument) > GROVE_NAME_MAX)
        return grove_fail(request, GROVE_INVALID, "a check of kind call has the argument ENDPOINT NUMBER");
    (void)snprintf(message.body.endpoint_read.name.text, sizeof message.body.endpoint_read.name.text, "%.*s",
                   (int)(space - argument), argument);
    int status = grove_kernel_request(monitor->session, &message, NULL, 0, NULL, NULL, HEALTH_KERNEL_TIMEOUT_NS);
    if (status < 0)
        return grove_fail(request, status, "there is no endpoint %.*s", (int)(space - argument), argument);
    if (message.body.endpoint_record.container != grove_request_client_id(request))
        return grove_fail(request, GROVE_DENIED, "the endpoint %.*s is not one of %s", (int)(space - argument),
                          argument, grove_request_client(request));
    return 0;
}

static int check_extension(struct grove_request *request, struct monitor *monitor,
                           struct grove_health_extension *extension) {
    if (grove_request_client_ring(request) == 3)
        return grove_fail(request, GROVE_DENIED, "checks are registered by services, about themselves");
    const char *problem = health_plan_mend(&extension->plan);
    if (problem != NULL)
        return grove_fail(request, GROVE_INVALID, "the check cannot be registered: %s", problem);
    if (extension->plan.kind != GROVE_CHECK_CALL && extension->plan.kind != GROVE_CHECK_REPORT)
        return grove_fail(request, GROVE_INVALID,
                          "a service registers checks of the kinds call and report; others stand in its manifest, "
                          "below health:");
    return extension->plan.kind == GROVE_CHECK_CALL ? check_endpoint(request, monitor, extension->plan.argument) : 0;
}

static int put(struct grove_request *request, struct watched *watched, const struct grove_health_plan *plan) {
    struct check *known = check_find(watched, plan->name);
    if (known != NULL && !known->is_extension)
        return grove_fail(request, GROVE_EXISTS, "the manifest of %s has a check %s already", watched->name.text,
                          plan->name);
    if (known != NULL && memcmp(&known->plan, plan, sizeof *plan) == 0) {
        extension_mark(known);
        return 0;
    }
    if (known == NULL && count_extensions(watched) >= EXTENSIONS_MAX)
        return grove_fail(request, GROVE_EXHAUSTED, "%s has %u checks of its own, which is the limit",
                          watched->name.text, EXTENSIONS_MAX);
    if (known != NULL)
        check_remove(known);
    struct check *check = check_add(watched, plan);
    if (check == NULL)
        return grove_fail(request, GROVE_EXHAUSTED, "%u checks are registered, which is the limit", KEPT_CHECKS_MAX);
    extension_mark(check);
    offer_check(check);
    return 0;
}

int extension_register(struct grove_request *request, void *context) {
    struct monitor *monitor = context;
    struct grove_health_extension extension;
    int status = query_copy(request, &extension, sizeof extension);
    if (status == 0)
        status = check_extension(request, monitor, &extension);
    if (status < 0)
        return status;
    struct watched *watched = services_add(monitor, grove_request_client(request));
    if (watched == NULL)
        return grove_fail(request, GROVE_NO_MEMORY, "there is no memory for another service");
    if (!services_look(watched))
        return grove_fail(request, GROVE_NOT_FOUND, "%s is gone", grove_request_client(request));
    struct check *known = check_find(watched, extension.plan.name);
    if (extension.remove != 0 && known != NULL && known->is_extension)
        check_remove(known);
    else if (extension.remove == 0)
        status = put(request, watched, &extension.plan);
    judge(watched);
    checks_schedule(monitor);
    return status;
}

int extension_report(struct grove_request *request, void *context) {
    struct monitor *monitor = context;
    struct grove_health_report_message report;
    int status = query_copy(request, &report, sizeof report);
    if (status < 0)
        return status;
    struct watched *watched = services_find(monitor, grove_request_client(request));
    bool is_text = text_is_terminated(report.check, sizeof report.check) &&
                   text_is_terminated(report.sentence, sizeof report.sentence);
    struct check *check = watched == NULL || !is_text ? NULL : check_find(watched, report.check);
    if (check == NULL || check->plan.kind != GROVE_CHECK_REPORT)
        return grove_fail(request, GROVE_NOT_FOUND, "%s has registered no check of that name and of the kind report",
                          grove_request_client(request));
    check->asked_ns = grove_now_ns();
    check->due_ns = check->asked_ns + check->plan.interval_ns + check->plan.timeout_ns;
    if (!services_look(watched))
        return 0;
    check_result(check, report.status == 0 ? GROVE_CAUSE_NONE : GROVE_CAUSE_FAILED_CHECK, 0,
                 report.sentence[0] != '\0' ? report.sentence : grove_status_text(report.status));
    checks_schedule(monitor);
    return 0;
}
