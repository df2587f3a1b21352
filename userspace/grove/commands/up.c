/*
 * grove up: make a project run.
 *
 * Nothing is done after another that need not be: the kernel boots while the project's manifests are compiled; all
 * services are registered and started in one go, and the registry starts what is independent in parallel while it is
 * still writing its files.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "servers/common/names.h"
#include "userspace/grove/commands/config_command.h"
#include "userspace/grove/commands/system_boot.h"
#include "userspace/grove/commands/system_faults.h"

#define INLINE_BYTES 16384u
#define WINDOW 64u /* registrations under way at a time; the library keeps track of twice as many calls */
#define LOOK_NS (500 * GROVE_MILLISECOND) /* how often it is looked whether waiting is in vain */

static const struct command_option options[] = {
    COMMAND_MANIFEST_OPTIONS,
    {"timeout", 't', "TIME", "wait no longer than this until all is ready (30s)"},
    {"no-wait", 'n', NULL, "do not wait until the services are ready"},
    {"optional", 'O', "LAYER,...",
     "sandbox layers that may be missing on this machine, if the kernel is started; else $GROVE_OPTIONAL_LAYERS"},
    {"gateway", 'g', "NAME=ADDRESS",
     "start the system with this gateway, now and from now on: nats=127.0.0.1:4222, metrics=127.0.0.1:9464; =off ends "
     "that; may be given several times"},
    {0},
};

struct up {
    const struct invocation *invocation;
    uint64_t begin_ns, timeout_ns;
    uint64_t began_ns; /* begin_ns as the audit log tells time */
    struct project **projects;
    unsigned count;
    bool kernel_started;
    json_t *services;
};

/* One registration under way. */
struct registration {
    const char *name;
    int status;
    bool is_answered;
    char sentence[400];
};

/* ---- projects ---- */

static int load(struct up *up, const struct manifest_options *manifest_options, const char *path) {
    struct manifest_errors errors = {0};
    int status = project_load(path, manifest_options, &up->projects[up->count], &errors);
    if (status < 0)
        status = command_fail_manifest(up->invocation, &errors);
    else
        up->count++;
    manifest_errors_deinit(&errors);
    return status;
}

static int load_all(struct up *up) {
    const struct invocation *invocation = up->invocation;
    struct manifest_options manifest_options;
    int status = command_manifest_options(invocation, &manifest_options);
    up->projects = calloc(invocation->argument_count + 1, sizeof(struct project *));
    if (status != 0 || up->projects == NULL)
        return status != 0 ? status : command_fail(invocation, "memory is exhausted");
    for (unsigned index = 0; status == 0 && index < invocation->argument_count; index++)
        status = load(up, &manifest_options, invocation->arguments[index]);
    if (invocation->argument_count == 0 && access("grove.yaml", F_OK) == 0)
        status = load(up, &manifest_options, ".");
    else if (invocation->argument_count == 0)
        command_remark(invocation, "there is no grove.yaml here: only the system itself is started");
    return status;
}

/* ---- registering ---- */

static void registered(int status, const struct grove_answer *answer, void *context) {
    struct registration *registration = context;
    (void)answer;
    registration->is_answered = true;
    registration->status = status;
    if (status < 0)
        (void)snprintf(registration->sentence, sizeof registration->sentence, "%s", grove_last_error());
}

static int send_spec(struct grove_channel *channel, const void *spec, size_t bytes, struct registration *registration) {
    static union {
        struct registry_register head;
        char bytes[sizeof(struct registry_register) + INLINE_BYTES];
    } message;
    struct grove_loan loan;
    bool is_lent = bytes > INLINE_BYTES;
    struct grove_call call = {.method = REGISTRY_REGISTER,
                              .data = &message,
                              .length_bytes = sizeof message.head + (is_lent ? 0 : bytes),
                              .timeout_ns = SYSTEM_TIMEOUT_NS};
    message.head = (struct registry_register){.version = REGISTRY_PROTOCOL_VERSION, .spec_bytes = (uint32_t)bytes};
    if (!is_lent) {
        memcpy(message.bytes + sizeof message.head, spec, bytes);
    } else {
        int status = grove_loan(channel, bytes, SYSTEM_TIMEOUT_NS, &loan);
        if (status < 0)
            return status;
        memcpy(loan.data, spec, bytes);
        call.loan = &loan;
    }
    int status = grove_call_start(channel, &call, registered, registration);
    if (status < 0 && is_lent)
        grove_loan_return(&loan);
    return status;
}

/* The budget of a folder's project, before its services: the first of the registrations. */
static int send_project(const struct up *up, struct grove_channel *channel, const struct project *project,
                        struct registration *registration) {
    struct registry_project message = {.version = REGISTRY_PROTOCOL_VERSION, .budget = project->budget};
    *registration = (struct registration){.name = project->name, .is_answered = project->path[0] == '\0'};
    if (registration->is_answered)
        return 0;
    name_set(&message.name, project->name);
    const struct grove_call call = {
        .method = REGISTRY_PROJECT, .data = &message, .length_bytes = sizeof message, .timeout_ns = SYSTEM_TIMEOUT_NS};
    int status = grove_call_start(channel, &call, registered, registration);
    return status < 0 ? command_fail_library(up->invocation, "project %s cannot be registered", project->name) : 0;
}

static int register_one(const struct up *up, struct grove_channel *channel, const struct manifest *manifest,
                        struct registration *registration) {
    struct manifest_errors errors = {0};
    void *spec = NULL;
    size_t bytes = 0;
    registration->name = manifest_name(manifest);
    int status = manifest_compile(manifest, &spec, &bytes, &errors);
    if (status < 0)
        status = command_fail_manifest(up->invocation, &errors);
    else if (send_spec(channel, spec, bytes, registration) < 0)
        status = command_fail_library(up->invocation, "%s cannot be registered", registration->name);
    free(spec);
    manifest_errors_deinit(&errors);
    return status;
}

static unsigned open_of(const struct registration *registrations, unsigned count) {
    unsigned open = 0;
    for (unsigned index = count > WINDOW ? count - WINDOW : 0; index < count; index++)
        open += !registrations[index].is_answered;
    return open;
}

/*
 * Wait until at most `most` of the answers are still out. They come in the order of the calls. A registry that cannot be
 * started is not waited for.
 */
static int wait_for_answers(const struct up *up, const struct registration *registrations, unsigned count,
                            unsigned most) {
    struct grove_session *session;
    int status = command_connect(up->invocation, &session);
    uint64_t deadline_ns = grove_now_ns() + SYSTEM_TIMEOUT_NS;
    while (status == 0 && open_of(registrations, count) > most) {
        uint64_t now_ns = grove_now_ns();
        if (now_ns >= deadline_ns)
            return command_fail(up->invocation, "the registry does not answer; \"grove status registry\" may tell why");
        status = grove_session_dispatch(session, deadline_ns - now_ns < LOOK_NS ? deadline_ns - now_ns : LOOK_NS);
        if (status < 0 && status != GROVE_TIMED_OUT)
            return command_fail_kernel(up->invocation);
        status = 0;
        if (grove_now_ns() - now_ns >= LOOK_NS && open_of(registrations, count) > most &&
            system_faults_are_final(up->invocation, REGISTRY_ENDPOINT, up->began_ns))
            return command_fail(up->invocation, "the registry cannot be started");
    }
    return status;
}

/*
 * What the services were promised before may not fit into a budget that was made smaller together with them: so the
 * budget has a second try when they are changed and those that are gone have been removed.
 */
static int settle_budget(const struct up *up, struct grove_channel *channel, const struct project *project,
                         struct registration *registration) {
    if (registration->status >= 0)
        return 0;
    int status = send_project(up, channel, project, registration);
    if (status == 0)
        status = wait_for_answers(up, registration, 1, 0);
    if (status == 0 && registration->status < 0)
        status =
            command_fail(up->invocation, "project %s cannot be registered: %s", project->name, registration->sentence);
    return status;
}

/* Wait for the answers that are still out; print those that are errors, but for the project's. */
static int collect(const struct up *up, const struct registration *registrations, unsigned count) {
    int worst = wait_for_answers(up, registrations, count, 0);
    for (unsigned index = 1; index < count; index++)
        if (registrations[index].is_answered && registrations[index].status < 0)
            worst = command_fail(up->invocation, "%s cannot be registered: %s", registrations[index].name,
                                 registrations[index].sentence);
    return worst;
}

/* ---- what is no longer in the project ---- */

struct leftovers {
    const struct project *project;
    struct grove_name names[64];
    unsigned count;
};

static int check_leftover(const struct registry_record *record, void *context) {
    struct leftovers *leftovers = context;
    for (unsigned index = 0; index < leftovers->project->count; index++)
        if (strcmp(manifest_name(leftovers->project->manifests[index]), record->name.text) == 0)
            return 0;
    if (strcmp(record->project.text, leftovers->project->name) == 0 && leftovers->count < 64)
        leftovers->names[leftovers->count++] = record->name;
    return 0;
}

static int remove_leftovers(const struct up *up, const struct project *project) {
    struct registry_query query = {.version = REGISTRY_PROTOCOL_VERSION};
    struct leftovers leftovers = {.project = project};
    if (project->path[0] == '\0')
        return 0;
    name_set(&query.project, project->name);
    int status = system_query(up->invocation, &query, check_leftover, &leftovers);
    for (unsigned index = 0; status == 0 && index < leftovers.count; index++) {
        command_remark(up->invocation, "%s is no longer part of the project and is removed",
                       leftovers.names[index].text);
        status = system_change(up->invocation, REGISTRY_UNREGISTER, &leftovers.names[index], NULL, NULL, NULL);
    }
    return status;
}

/* ---- starting ---- */

static int start_project(const struct up *up, const struct project *project) {
    struct grove_name name;
    int status = 0;
    if (project->path[0] != '\0') {
        name_set(&name, project->name);
        return system_change(up->invocation, REGISTRY_START, NULL, &name, NULL, NULL);
    }
    for (unsigned index = 0; status == 0 && index < project->count; index++) {
        name_set(&name, manifest_name(project->manifests[index]));
        status = system_change(up->invocation, REGISTRY_START, &name, NULL, NULL, NULL);
    }
    return status;
}

static int wait_for_project(const struct up *up, const struct project *project) {
    struct grove_name name;
    int status = 0;
    if (project->path[0] != '\0') {
        name_set(&name, project->name);
        return system_wait_until_ready(up->invocation, NULL, &name, 1, up->begin_ns, up->timeout_ns);
    }
    for (unsigned index = 0; status == 0 && index < project->count; index++) {
        name_set(&name, manifest_name(project->manifests[index]));
        status = system_wait_until_ready(up->invocation, &name, NULL, 1, up->begin_ns, up->timeout_ns);
    }
    return status;
}

/* The project and its services, in a window of calls. `registrations` has room for one more than there are services. */
static int register_all(const struct up *up, struct grove_channel *channel, const struct project *project,
                        struct registration *registrations) {
    int status = send_project(up, channel, project, &registrations[0]);
    unsigned sent = 1;
    for (; status == 0 && sent <= project->count; sent++) {
        status = wait_for_answers(up, registrations, sent, WINDOW - 1);
        if (status == 0)
            status = register_one(up, channel, project->manifests[sent - 1], &registrations[sent]);
    }
    /* Schemas are known when all are registered, and values before anything starts. */
    if (status == 0 && config_has_project_file(project)) {
        status = collect(up, registrations, sent);
        if (status == 0)
            status = config_send_project(up->invocation, project);
    }
    /* The first answer says that there is a registry: changes are waited for much longer. */
    if (status == 0 && open_of(registrations, sent) > 0)
        status = wait_for_answers(up, registrations, sent, open_of(registrations, sent) - 1);
    /* Behind the registrations in the same lane, so it is handled after them. */
    int start_status = status == 0 ? start_project(up, project) : 0;
    if (status == 0)
        status = collect(up, registrations, sent);
    return status == 0 ? start_status : status;
}

static int bring_up(struct up *up, const struct project *project) {
    struct grove_channel *channel;
    int status = system_connect(up->invocation, REGISTRY_ENDPOINT, &channel);
    if (status != 0)
        return status;
    struct registration *registrations = calloc(project->count + 1, sizeof *registrations);
    if (registrations == NULL)
        return command_fail(up->invocation, "memory is exhausted");
    status = register_all(up, channel, project, registrations);
    if (status == 0)
        status = remove_leftovers(up, project);
    if (status == 0)
        status = settle_budget(up, channel, project, &registrations[0]);
    if (status == 0 && !config_has_project_file(project))
        status = config_send_project(up->invocation, project);
    free(registrations);
    if (status == 0 && !command_has(up->invocation, "no-wait"))
        status = wait_for_project(up, project);
    return status;
}

/* ---- the command ---- */

static int add_service(const struct registry_record *record, void *context) {
    return json_array_append_new(context, system_record_json(record, NULL));
}

static int report(const struct up *up) {
    uint64_t took_ns = grove_now_ns() - up->begin_ns;
    char took[32];
    json_t *services = json_array();
    unsigned count = 0;
    for (unsigned index = 0; index < up->count; index++) {
        struct registry_query query = {.version = REGISTRY_PROTOCOL_VERSION};
        name_set(&query.project, up->projects[index]->name);
        count += up->projects[index]->count;
        if (up->invocation->json && system_query(up->invocation, &query, add_service, services) != 0)
            return COMMAND_FAILED;
    }
    if (up->invocation->json) {
        output_json(json_pack("{s:b, s:I, s:o}", "kernel_started", up->kernel_started, "took_ns", (json_int_t)took_ns,
                              "services", services));
        return COMMAND_OK;
    }
    json_decref(services);
    command_remark(up->invocation, "%u service%s up after %s%s", count, count == 1 ? " is" : "s are",
                   output_duration(took_ns, took, sizeof took), up->kernel_started ? ", the kernel included" : "");
    return COMMAND_OK;
}

static int boot(struct up *up) {
    pid_t process = 0;
    int status = 0;
    up->kernel_started = !command_kernel_runs(up->invocation);
    if (!up->kernel_started && command_has(up->invocation, "gateway"))
        return command_fail(up->invocation,
                            "gateways are chosen when the system starts, and it runs already: end it with "
                            "\"grove down --all\" first");
    if (up->kernel_started)
        status = boot_begin(up->invocation, command_optional_layers(up->invocation), &process);
    if (status != 0)
        return status;
    int load_status = load_all(up);
    uint64_t deadline_ns = grove_now_ns() + up->timeout_ns;
    status = up->kernel_started ? boot_finish(up->invocation, process, deadline_ns)
                                : boot_reach_registry(up->invocation, deadline_ns);
    return load_status != 0 ? load_status : status;
}

static int run(struct invocation *invocation) {
    uint64_t begin_ns = grove_now_ns(), timeout_ns = 0;
    int status = command_duration(invocation, "timeout", 30 * GROVE_SECOND, &timeout_ns);
    struct up up = {
        .invocation = invocation, .begin_ns = begin_ns, .began_ns = system_faults_clock_ns(), .timeout_ns = timeout_ns};
    if (status == 0)
        status = boot(&up);
    for (unsigned index = 0; status == 0 && index < up.count; index++)
        status = bring_up(&up, up.projects[index]);
    if (status == 0)
        status = report(&up);
    else
        system_faults_print(invocation, up.began_ns);
    for (unsigned index = 0; index < up.count; index++)
        project_destroy(up.projects[index]);
    free(up.projects);
    return status;
}

const struct command command_up = {
    .name = "up",
    .summary = "start a project, and the system if it does not run",
    .usage = "[FOLDER|FILE...]",
    .description =
        "Registers the services of a project (a folder with grove.yaml, the current one by default) or of single "
        "manifests, starts them in the order of their requirements, and waits until they are ready. Services "
        "that run already with the same manifest are left alone; those whose manifest changed are restarted; "
        "those that the project no longer has are removed. If no kernel runs in the run folder, one is "
        "started with the system services.\n\n"
        "All of it comes back by itself when the system is started again.",
    .examples = "  grove up                         the project of the current folder\n"
                "  grove up examples/grid           another one\n"
                "  grove up --run /tmp/g/run --state /tmp/g/state .    a system of its own",
    .operands = COMMAND_OPERANDS_FILE,
    .options = options,
    .run = run,
};
