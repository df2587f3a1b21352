/*
 * What start, stop and restart share: finding out what is meant, asking, and waiting.
 */
#include "userspace/grove/commands/change.h"

#include <string.h>

#include "servers/common/names.h"

static uint32_t flags_of(const struct invocation *invocation) {
    return command_has(invocation, "tree") ? REGISTRY_TREE : 0;
}

static int wait_for(struct invocation *invocation, const struct grove_name *service, const struct grove_name *project,
                    uint64_t begin_ns) {
    uint64_t timeout_ns;
    if (command_has(invocation, "no-wait"))
        return 0;
    int status = command_duration(invocation, "timeout", 30 * GROVE_SECOND, &timeout_ns);
    if (status == 0 && service != NULL && flags_of(invocation) != 0)
        return system_wait_for_tree(invocation, service, begin_ns, timeout_ns);
    return status != 0 ? status : system_wait_until_ready(invocation, service, project, 0, begin_ns, timeout_ns);
}

static int restart_own(const struct invocation *invocation, const struct grove_name *name) {
    struct init_page page;
    struct init_record records[INIT_SERVICES_MAX + 1];
    return system_init(invocation, INIT_RESTART, name->text, &page, records);
}

static int refuse_own(const struct invocation *invocation, const struct grove_name *name) {
    return command_fail(invocation,
                        "%s is a system service, which is always running; \"grove restart\" restarts it, "
                        "\"grove down --all\" ends the whole system",
                        name->text);
}

static int change_one(struct invocation *invocation, uint32_t method, const char *text, bool waits) {
    struct grove_name name;
    uint64_t begin_ns = grove_now_ns();
    int status = system_known_name(invocation, text, &name);
    if (status != 0)
        return status;
    if (system_is_own(&name))
        return method == REGISTRY_RESTART ? restart_own(invocation, &name) : refuse_own(invocation, &name);
    const struct registry_target target = {
        .version = REGISTRY_PROTOCOL_VERSION, .flags = flags_of(invocation), .service = name};
    status = system_change_target(invocation, method, &target, NULL, NULL);
    return status == 0 && waits ? wait_for(invocation, &name, NULL, begin_ns) : status;
}

static int change_many(struct invocation *invocation, uint32_t method, const char *done, bool waits) {
    struct grove_name project;
    const char *text = command_value(invocation, "project");
    uint64_t begin_ns = grove_now_ns();
    uint32_t count;
    name_set(&project, text == NULL ? "" : text);
    const struct registry_target target = {
        .version = REGISTRY_PROTOCOL_VERSION, .flags = flags_of(invocation), .project = project};
    int status = system_change_target(invocation, method, &target, &count, NULL);
    if (status != 0)
        return status;
    if (count == 0 && text != NULL)
        return command_fail(invocation, "no service of a project %s is registered; \"grove up FOLDER\" registers one",
                            text);
    status = waits ? wait_for(invocation, NULL, &project, begin_ns) : 0;
    if (status == 0)
        command_remark(invocation, "%u service%s %s", count, count == 1 ? "" : "s", done);
    return status;
}

int change_run(struct invocation *invocation, uint32_t method, const char *done, bool waits) {
    bool many = command_has(invocation, "project") || command_has(invocation, "all");
    if (many == (invocation->argument_count > 0))
        return command_misused(invocation, "name services, or a project with --project, or everything with --all");
    if (many)
        return change_many(invocation, method, done, waits);
    json_t *names = json_array();
    int worst = COMMAND_OK;
    for (unsigned index = 0; index < invocation->argument_count; index++) {
        int status = change_one(invocation, method, invocation->arguments[index], waits);
        if (status != 0)
            worst = status;
        else
            (void)json_array_append_new(names, json_string(invocation->arguments[index]));
    }
    if (invocation->json)
        output_json(json_pack("{s:o}", done, names));
    else
        json_decref(names);
    return worst;
}
