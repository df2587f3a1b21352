/*
 * What the parts of the log service share.
 *
 *   main.c     set-up; finding containers      streams.c       from the pipes into the files
 *   reads.c    READ, over kept_read.c          kept.c          the files
 *   changes.c  NAMES, CHANGES                  old_segments.c  those of the format before
 *   metrics.c  counts                          order.c         of lines, over a clock that is set back
 */
#ifndef SERVERS_LOG_LOG_H
#define SERVERS_LOG_LOG_H

#include <sys/types.h>

#include "grove/grove.h"
#include "servers/common/name_table.h"
#include "servers/log/kept.h"
#include "servers/log/order.h"

#define LOG_STREAMS 2u

struct logger;

struct source {
    char name[GROVE_NAME_MAX + 1];
    struct logger *logger;
    struct kept kept;
    struct stream {
        struct source *source;
        int descriptor; /* -1 none */
        ino_t pipe; /* tells whether a descriptor given again is the same pipe */
        uint32_t kind; /* enum log_stream */
    } streams[LOG_STREAMS];
    uint64_t changed; /* the logger's sequence when it wrote last; 0: not in the list of changes */
    struct source *changed_previous, *changed_next;
};

struct reader; /* a READ that waits */
struct watcher; /* a CHANGES that waits */

struct logger {
    struct grove_service *service;
    struct grove_session *session;
    int folder;
    struct order order;
    struct name_table sources;
    struct reader *readers;
    struct watcher *watchers;
    uint64_t sequence;
    struct source *changed_first, *changed_last; /* by `changed` */
    bool is_tell_due;
    uint64_t written_bytes, lost_bytes; /* by this instance */
    struct kept_limits limits; /* configured */
    int scratch[2]; /* a pipe into which waiting bytes are duplicated, so that they are consumed only when written */
    bool can_tee;
};

/* The source of a name, made when `is_wanted`; NULL if there is none or it cannot be made (said on standard error). */
struct source *source_find(struct logger *logger, const char *name, bool is_wanted);
/* streams.c: take over the read ends (-1: none). One already known is closed. */
void streams_take(struct source *source, const int descriptors[LOG_STREAMS]);
int streams_open_scratch(struct logger *logger);
/* metrics.c */
void metrics_serve(struct logger *logger, struct grove_service *service);
/* reads.c */
int log_read(struct grove_request *request, void *logger);
void reads_tell(struct source *source);
/* changes.c */
int log_names(struct grove_request *request, void *logger);
int log_changes(struct grove_request *request, void *logger);
void changes_begin(struct logger *logger);
void changes_note(struct source *source); /* it has written */
void changes_tell(struct logger *logger); /* answer those who wait for that */

#endif
