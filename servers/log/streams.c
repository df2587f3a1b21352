/*
 * From the pipes into the files.
 *
 * The kernel holds both ends of every pipe, so a death of this process loses nothing that is still in one. What is read
 * must not get lost either: bytes are duplicated with tee(2) and consumed only when they are written. A death in between
 * writes them twice, never not at all. One turn takes at most one chunk from each stream that is ready, so a service that
 * writes without end delays the others by one chunk and otherwise only itself.
 */
#include "servers/log/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char chunk[KEPT_CHUNK_MAX];

static uint64_t wall_clock_ns(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * GROVE_SECOND + (uint64_t)now.tv_nsec;
}

static struct order_stamp stamp_of_now(struct logger *logger) {
    uint64_t before_ns = logger->order.last.time_ns;
    struct order_stamp stamp;
    if (order_next(&logger->order, wall_clock_ns(), &stamp))
        (void)fprintf(stderr,
                      "log: the clock was set back by %" PRIu64
                      " s; what is written from now on stands behind what was "
                      "written before\n",
                      (before_ns - stamp.time_ns) / GROVE_SECOND);
    return stamp;
}

static void close_stream(struct stream *stream) {
    (void)grove_service_watch(stream->source->logger->service, stream->descriptor, 0, NULL, NULL);
    (void)close(stream->descriptor);
    stream->descriptor = -1;
    stream->pipe = 0;
}

/* All of `bytes`, which are known to be in the pipe. */
static void consume(int descriptor, ssize_t bytes) {
    while (bytes > 0) {
        ssize_t taken = read(descriptor, chunk, (size_t)bytes);
        if (taken <= 0 && errno != EINTR)
            return;
        bytes -= taken > 0 ? taken : 0;
    }
}

static ssize_t peek(struct logger *logger, int descriptor) {
    ssize_t bytes = tee(descriptor, logger->scratch[1], sizeof chunk, SPLICE_F_NONBLOCK);
    if (bytes <= 0)
        return bytes;
    for (ssize_t done = 0; done < bytes;) {
        ssize_t taken = read(logger->scratch[0], chunk + done, (size_t)(bytes - done));
        if (taken <= 0)
            return done;
        done += taken;
    }
    return bytes;
}

static void take_chunk(struct stream *stream) {
    struct source *source = stream->source;
    struct logger *logger = source->logger;
    ssize_t bytes = -1;
    bool is_peeked = logger->can_tee;
    if (is_peeked) {
        bytes = peek(logger, stream->descriptor);
        if (bytes < 0 && (errno == ENOSYS || errno == EPERM || errno == EINVAL))
            is_peeked = logger->can_tee = false; /* then bytes go straight from the pipe to the file */
    }
    if (!is_peeked)
        bytes = read(stream->descriptor, chunk, sizeof chunk);
    if (bytes > 0) {
        int status = kept_append(&source->kept, stamp_of_now(logger), stream->kind, chunk, (uint32_t)bytes);
        *(status == 0 ? &logger->written_bytes : &logger->lost_bytes) += (uint64_t)bytes;
        if (is_peeked)
            consume(stream->descriptor, bytes);
        reads_tell(source);
    } else if (bytes == 0 || (errno != EAGAIN && errno != EINTR)) {
        close_stream(stream);
    }
}

static void stream_ready(struct grove_service *service, int descriptor, short events, void *context) {
    (void)service;
    (void)descriptor;
    struct stream *stream = context;
    if ((events & POLLIN) != 0)
        take_chunk(stream);
    else
        close_stream(stream);
}

static void take(struct stream *stream, int descriptor) {
    struct stat facts;
    if (fstat(descriptor, &facts) < 0 || !S_ISFIFO(facts.st_mode) || facts.st_ino == stream->pipe) {
        (void)close(descriptor);
        return;
    }
    if (stream->descriptor >= 0)
        close_stream(stream);
    if (grove_service_watch(stream->source->logger->service, descriptor, POLLIN, stream_ready, stream) < 0) {
        (void)fprintf(stderr, "log: cannot watch a stream of %s: %s\n", stream->source->name, grove_last_error());
        (void)close(descriptor);
        return;
    }
    stream->descriptor = descriptor;
    stream->pipe = facts.st_ino;
}

void streams_take(struct source *source, const int descriptors[LOG_STREAMS]) {
    for (unsigned index = 0; index < LOG_STREAMS; index++)
        if (descriptors[index] >= 0)
            take(&source->streams[index], descriptors[index]);
}

int streams_open_scratch(struct logger *logger) {
    logger->can_tee = pipe2(logger->scratch, O_CLOEXEC) == 0;
    return logger->can_tee ? 0 : GROVE_NO_DESCRIPTORS;
}
