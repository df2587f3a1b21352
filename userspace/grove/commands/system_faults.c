/*
 * The last failure of each system service. The audit log knows the layer and the error; where a sentence can say more (which
 * path, what to do), groved writes it to its log as "SERVICE: ...", and the last such line is shown below.
 */
#include "userspace/grove/commands/system_faults.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "servers/common/exit_text.h"
#include "servers/common/names.h"

#define FAULT_TIMEOUT_NS (2 * GROVE_SECOND)
#define LINE_BYTES 1024u
#define FAULTS_MAX 3u /* a start that failed that often will fail again */

static const char *const services[] = {"system.init", "system.registry", "system.log"};

uint64_t system_faults_clock_ns(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * GROVE_SECOND + (uint64_t)now.tv_nsec;
}

/* A start that failed is told twice, as itself with its layer and as an end; it counts once. */
static bool is_fault(const struct grove_audit_record *record) {
    if (record->event != GROVE_AUDIT_EXIT)
        return record->event == GROVE_AUDIT_START_FAILED;
    return record->cause != GROVE_EXIT_STOPPED && record->cause != GROVE_EXIT_KILLED &&
           record->cause != GROVE_EXIT_START_FAILED && !exit_is_clean(record->cause, record->detail);
}

/* How many faults of a service since then; the last one in *last. */
static unsigned read_faults(struct grove_session *session, const char *service, uint64_t since_ns,
                            struct grove_audit_record *last) {
    unsigned count = 0;
    for (uint64_t sequence = 0;;) {
        struct grove_message message = {.operation = GROVE_REQUEST_AUDIT_READ};
        struct grove_audit_record record;
        message.body.audit_read.sequence = sequence;
        name_set(&message.body.audit_read.name, service);
        if (grove_kernel_request(session, &message, NULL, 0, NULL, NULL, FAULT_TIMEOUT_NS) < 0)
            return count;
        memcpy(&record, message.body.bytes, sizeof record);
        sequence = record.sequence + 1;
        if (record.time_ns < since_ns || !is_fault(&record))
            continue;
        *last = record;
        count++;
    }
}

bool system_faults_are_final(const struct invocation *invocation, const char *service, uint64_t since_ns) {
    struct grove_session *session;
    struct grove_audit_record last;
    return command_connect(invocation, &session) == 0 && read_faults(session, service, since_ns, &last) >= FAULTS_MAX;
}

/* The last line that begins with the service's name and a colon; empty if there is none. */
static void find_line(const struct invocation *invocation, const char *service, char line[LINE_BYTES]) {
    char path[4096], read[LINE_BYTES];
    size_t length = strlen(service);
    line[0] = '\0';
    (void)snprintf(path, sizeof path, "%s/groved.log", invocation->state_folder);
    FILE *log = fopen(path, "re");
    while (log != NULL && fgets(read, sizeof read, log) != NULL)
        if (strncmp(read, service, length) == 0 && strncmp(read + length, ": ", 2) == 0)
            memcpy(line, read + length + 2, sizeof read - length - 2);
    if (log != NULL)
        (void)fclose(log);
    line[strcspn(line, "\n")] = '\0';
}

void system_faults_print(const struct invocation *invocation, uint64_t since_ns) {
    struct grove_session *session;
    if (!command_kernel_runs(invocation) || command_connect(invocation, &session) != 0)
        return;
    for (unsigned i = 0; i < sizeof services / sizeof *services; i++) {
        struct grove_audit_record record;
        char text[256], line[LINE_BYTES];
        unsigned times = read_faults(session, services[i], since_ns, &record);
        if (times == 0)
            continue;
        bool has_started = record.event != GROVE_AUDIT_START_FAILED;
        (void)exit_text(has_started ? record.cause : GROVE_EXIT_START_FAILED, record.detail,
                        has_started ? 0 : record.cause, text, sizeof text);
        find_line(invocation, services[i], line);
        command_remark(invocation, "%s %s (%u time%s)%s%s", services[i], text, times, times == 1 ? "" : "s",
                       line[0] != '\0' ? ": " : "", line);
    }
}
