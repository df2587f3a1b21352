/*
 * The benchmark's service. Started without a kernel port (by another container program, for comparison) it writes one
 * byte to standard output, which is that program's "first answer", and ends.
 */
#include "bench/grove/methods.h"

#include <grove/grove.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int echo(struct grove_request *request, void *context) {
    (void)context;
    return grove_reply(request, grove_request_data(request), grove_request_bytes(request));
}

static int sink(struct grove_request *request, void *context) {
    (void)request;
    (void)context;
    return 0;
}

static int place(struct grove_request *request, void *context) {
    (void)context;
    int processor;
    cpu_set_t set;
    if (grove_request_bytes(request) != sizeof processor) {
        return grove_fail(request, GROVE_INVALID, "send the processor's number as an int");
    }
    memcpy(&processor, grove_request_data(request), sizeof processor);
    CPU_ZERO(&set);
    CPU_SET((size_t)processor, &set);
    if (sched_setaffinity(0, sizeof set, &set) < 0) {
        return grove_fail(request, GROVE_IO, "cannot run on processor %d", processor);
    }
    return 0;
}

static int lend(struct grove_request *request, void *context) {
    (void)context;
    size_t bytes;
    const unsigned char *slice = grove_request_slice(request, &bytes);
    if (slice == NULL) {
        return grove_fail(request, GROVE_INVALID, "send a loan");
    }
    struct grove_loan loan;
    unsigned char touched = (unsigned char)(slice[0] + slice[bytes - 1]);
    int status = grove_request_loan(request, bytes, GROVE_SECOND, &loan);
    if (status < 0) {
        return status;
    }
    ((unsigned char *)loan.data)[0] = touched;
    return grove_reply_loan(request, NULL, 0, &loan);
}

static int who(struct grove_request *request, void *context) {
    (void)context;
    struct {
        int32_t process;
        uint32_t generation;
    } answer = {(int32_t)getpid(), 0};
    struct grove_session *session;
    if (grove_session_default(&session) == 0) {
        answer.generation = grove_session_identity(session)->generation;
    }
    return grove_reply(request, &answer, sizeof answer);
}

int main(void) {
    int type;
    socklen_t length = sizeof type;
    if (getsockopt(GROVE_PORT_DESCRIPTOR, SOL_SOCKET, SO_TYPE, &type, &length) < 0) {
        return write(STDOUT_FILENO, "r", 1) == 1 ? 0 : 1;
    }
    static const struct {
        uint32_t method;
        grove_handler *handler;
    } handlers[] = {{BENCH_ECHO, echo}, {BENCH_SINK, sink}, {BENCH_PLACE, place}, {BENCH_LEND, lend}, {BENCH_WHO, who}};
    struct grove_service *service;
    if (grove_service_create(NULL, &service) < 0) {
        return grove_report("bench-echo");
    }
    for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++) {
        if (grove_service_on(service, "echo", handlers[i].method, handlers[i].handler, NULL) < 0) {
            return grove_report("bench-echo");
        }
    }
    return grove_service_run(service) < 0;
}
