/*
 * A service that writes lines of log at an even pace: `bench-writer RATE LINES`, lines a second and in all, and one more,
 * "done", which says how many found no room. It never waits for anybody who reads.
 */
#include <grove/grove.h>
#include <stdio.h>
#include <stdlib.h>

enum { TURNS = 100 }; /* a second */

static struct { uint64_t rate, lines, begun_ns, written, lost; } writer;

static int write_line(void) {
    static const char text[] = "a line such as services write, with a number and a few words more";
    return GROVE_LOG(GROVE_LOG_INFO, text, grove_log_unsigned("number", writer.written));
}

/* As many as are due: after a late turn more than one turn's. */
static void turn(struct grove_service *service, void *context) {
    uint32_t timer;
    (void)context;
    uint64_t due = (grove_now_ns() - writer.begun_ns) * writer.rate / GROVE_SECOND;
    if (due > writer.lines)
        due = writer.lines;
    for (; writer.written < due; writer.written++)
        writer.lost += write_line() < 0;
    if (writer.written < writer.lines)
        (void)grove_service_after(service, GROVE_SECOND / TURNS, turn, NULL, &timer);
    else
        (void)GROVE_LOG(GROVE_LOG_INFO, "done", grove_log_unsigned("lost", writer.lost));
}

static int on_init(struct grove_service *service, enum grove_start_reason reason, void *context) {
    uint32_t timer;
    (void)reason;
    (void)context;
    writer.begun_ns = grove_now_ns();
    return grove_service_after(service, GROVE_SECOND / TURNS, turn, NULL, &timer);
}

int main(int count, char **words) {
    struct grove_service *service;
    struct grove_service_options options = {.on_init = on_init};
    if (count != 3) {
        fprintf(stderr, "usage: bench-writer RATE LINES\n");
        return 2;
    }
    writer.rate = strtoull(words[1], NULL, 10);
    writer.lines = strtoull(words[2], NULL, 10);
    if (grove_service_create(&options, &service) < 0)
        return grove_report("bench-writer");
    return grove_service_run(service) < 0 ? grove_report("bench-writer") : 0;
}
