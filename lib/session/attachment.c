/*
 * One end of a channel in this process: mapping, attaching, waking the peer.
 *
 * Order of attaching (docs/architecture.md, "Connecting"): the own segment is mapped for writing, then CHANNEL_ATTACHED
 * is sent; the kernel seals the segment and shows it to the peer. A segment that is received is looked at before it is
 * mapped: it must be as large as the layout says and sealed against shrinking, or a peer could cut it short under us.
 *
 * A peer that dies is followed by its next instance in a new segment with the same contents. Records taken from the old
 * mapping stay valid there until they are completed, so the old mapping goes only when nothing in it is read.
 *
 * A crash here leaves nothing but what the segments hold; the kernel hands them to the next instance.
 */
#include "lib/session/attachment.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef F_GET_SEALS
#define F_GET_SEALS 1034
#define F_SEAL_SHRINK 0x0002
#endif

struct old_segment {
    struct old_segment *next;
    const void *segment;
};

/* ---- mapping ---- */

static int segment_check(int segment, uint64_t total_bytes) {
    struct stat facts;
    if (fstat(segment, &facts) < 0)
        return error_set(GROVE_INVALID, "a channel came without its memory: %s", strerror(errno));
    if (facts.st_size < 0 || (uint64_t)facts.st_size < total_bytes)
        return error_set(GROVE_CORRUPT, "a channel's memory is smaller than its layout says");
    int seals = fcntl(segment, F_GET_SEALS);
    if (seals < 0 || (seals & F_SEAL_SHRINK) == 0)
        return error_set(GROVE_CORRUPT, "a channel's memory is not sealed against shrinking");
    return 0;
}

/* Takes over the descriptor. */
static int segment_map(int segment, uint64_t total_bytes, int protection, void **mapping) {
    int status = segment_check(segment, total_bytes);
    void *place = MAP_FAILED;
    if (status == 0) {
        place = mmap(NULL, total_bytes, protection, MAP_SHARED, segment, 0);
        if (place == MAP_FAILED)
            status = error_set(GROVE_NO_MEMORY, "a channel's memory could not be mapped: %s", strerror(errno));
    }
    if (segment >= 0)
        close(segment);
    if (status == 0)
        *mapping = place;
    return status;
}

static void segment_unmap(const struct attachment *attachment, const void *segment) {
    if (segment != NULL)
        munmap((void *)(uintptr_t)segment, attachment->layout.total_bytes);
}

/* ---- lists ---- */

static void list_insert(struct attachment *attachment) {
    struct attachment **head = &attachment->session->attachments;
    attachment->next = *head;
    attachment->link = head;
    if (*head != NULL)
        (*head)->link = &attachment->next;
    *head = attachment;
    attachment->session->attachment_count++;
}

static void list_remove(struct attachment *attachment) {
    *attachment->link = attachment->next;
    if (attachment->next != NULL)
        attachment->next->link = attachment->link;
    attachment->session->attachment_count--;
}

void attachment_activate(struct attachment *attachment) {
    struct grove_session *session = attachment->session;
    if (attachment->active_link != NULL)
        return;
    attachment->next_active = NULL;
    attachment->active_link = session->active_tail;
    *session->active_tail = attachment;
    session->active_tail = &attachment->next_active;
}

void attachment_deactivate(struct attachment *attachment) {
    struct grove_session *session = attachment->session;
    if (attachment->active_link == NULL)
        return;
    if (session->cursor == attachment)
        session->cursor = attachment->next_active;
    *attachment->active_link = attachment->next_active;
    if (attachment->next_active != NULL)
        attachment->next_active->active_link = attachment->active_link;
    else
        session->active_tail = attachment->active_link;
    attachment->active_link = NULL;
}

void attachment_took(struct attachment *attachment) {
    attachment->session->last_served = attachment;
    if (attachment->next_active == NULL || attachment->active_link == NULL)
        return;
    attachment_deactivate(attachment);
    attachment_activate(attachment);
}

struct attachment *attachment_find(struct grove_session *session, grove_handle handle) {
    struct attachment *attachment = session->attachments;
    while (attachment != NULL && attachment->handle != handle)
        attachment = attachment->next;
    return attachment;
}

/* ---- life ---- */

static int attachment_map(struct attachment *attachment, const struct grove_channel_reply *channel, int segment) {
    int status = segment_map(segment, channel->layout.total_bytes, PROT_READ | PROT_WRITE, &attachment->own);
    if (status < 0)
        return status;
    attachment->end = calloc(1, channel_end_bytes());
    status = attachment->end == NULL ? GROVE_NO_MEMORY
                                     : channel_end_init(attachment->end, channel->role, &channel->layout,
                                                        attachment->own, attachment->is_resumed);
    if (status == GROVE_NO_MEMORY)
        error_set(status, "no memory is left for a channel");
    else if (status == GROVE_CORRUPT)
        error_set(status,
                  "an earlier instance of this program left a channel in a state that makes no sense; it is closed");
    else if (status == GROVE_INVALID)
        error_set(status, "the kernel described a channel whose layout makes no sense");
    if (status < 0) {
        free(attachment->end);
        segment_unmap(attachment, attachment->own);
    }
    return status;
}

int attachment_init(struct attachment *attachment, struct grove_session *session, const struct attachment_owner *owner,
                    const struct grove_channel_reply *channel, int segment, int bell) {
    *attachment = (struct attachment){
        .session = session,
        .owner = owner,
        .handle = channel->channel,
        .id = channel->id,
        .layout = channel->layout,
        .is_resumed = (channel->flags & GROVE_CHANNEL_RESUMED) != 0,
        .bell = bell,
    };
    spin_init(&attachment->spin);
    int status = attachment_map(attachment, channel, segment);
    if (status < 0) {
        if (bell >= 0)
            close(bell);
        session_post_handle(session, GROVE_REQUEST_CHANNEL_CLOSE, channel->channel);
        return status;
    }
    list_insert(attachment);
    attachment_activate(attachment);
    status = session_post_handle(session, GROVE_REQUEST_CHANNEL_ATTACHED, attachment->handle);
    if (status < 0)
        attachment_deinit(attachment, false);
    return status;
}

/* The kernel holds the same open bell, so closing it here does not take it out of the epoll set. */
static void close_bell(struct attachment *attachment) {
    if (attachment->bell < 0)
        return;
    if (attachment->is_bell_watched)
        session_forget(attachment->session, attachment->bell);
    attachment->is_bell_watched = false;
    close(attachment->bell);
}

void attachment_deinit(struct attachment *attachment, bool tell_kernel) {
    if (tell_kernel && attachment->status == 0)
        session_post_handle(attachment->session, GROVE_REQUEST_CHANNEL_CLOSE, attachment->handle);
    if (attachment->session->owed == attachment)
        session_settle(attachment->session);
    attachment_deactivate(attachment);
    if (attachment->session->last_served == attachment)
        attachment->session->last_served = NULL;
    list_remove(attachment);
    channel_end_deinit(attachment->end);
    free(attachment->end);
    while (attachment->older != NULL) {
        struct old_segment *old = attachment->older;
        attachment->older = old->next;
        segment_unmap(attachment, old->segment);
        free(old);
    }
    segment_unmap(attachment, attachment->peer);
    segment_unmap(attachment, attachment->own);
    close_bell(attachment);
}

static int keep_old_segment(struct attachment *attachment) {
    if (attachment->peer == NULL)
        return 0;
    struct old_segment *old = malloc(sizeof *old);
    if (old == NULL)
        return error_set(GROVE_NO_MEMORY, "no memory is left to follow a channel's peer to its next instance");
    *old = (struct old_segment){.next = attachment->older, .segment = attachment->peer};
    attachment->older = old;
    return 0;
}

static void replace_bell(struct attachment *attachment, int bell) {
    if (bell < 0)
        return;
    close_bell(attachment);
    attachment->bell = bell;
}

int attachment_set_peer(struct attachment *attachment, uint32_t epoch, int segment, int bell) {
    if (attachment->status < 0 || (attachment->peer != NULL && epoch <= attachment->peer_epoch)) {
        if (segment >= 0)
            close(segment);
        if (bell >= 0)
            close(bell);
        return 0;
    }
    replace_bell(attachment, bell);
    void *mapping = NULL;
    int status = segment_map(segment, attachment->layout.total_bytes, PROT_READ, &mapping);
    if (status == 0)
        status = keep_old_segment(attachment);
    if (status == 0)
        status = channel_end_attach_peer(attachment->end, mapping);
    if (status < 0) {
        segment_unmap(attachment, mapping);
        return attachment_fail(attachment, status);
    }
    attachment->peer = mapping;
    attachment->peer_epoch = epoch;
    attachment_sweep(attachment);
    channel_end_awake(attachment->end);
    attachment_activate(attachment);
    /* What was published before could not wake a peer that was not here to be seen. */
    attachment_wake_sleeper(attachment);
    return 0;
}

void attachment_sweep(struct attachment *attachment) {
    for (struct old_segment **place = &attachment->older; *place != NULL;) {
        struct old_segment *old = *place;
        if (channel_end_is_reading(attachment->end, old->segment)) {
            place = &old->next;
            continue;
        }
        *place = old->next;
        segment_unmap(attachment, old->segment);
        free(old);
    }
}

static bool is_inside(const struct attachment *attachment, const void *segment, const void *place) {
    uintptr_t start = (uintptr_t)segment, at = (uintptr_t)place;
    return segment != NULL && at >= start && at - start < attachment->layout.total_bytes;
}

int attachment_peer_offset(const struct attachment *attachment, const void *record, const void *place,
                           uint64_t *offset_bytes) {
    const void *segment = attachment->peer;
    for (const struct old_segment *old = attachment->older; old != NULL && !is_inside(attachment, segment, record);
         old = old->next)
        segment = old->segment;
    if (!is_inside(attachment, segment, record) || !is_inside(attachment, segment, place))
        return GROVE_INVALID;
    uint64_t offset = (uintptr_t)place - (uintptr_t)segment;
    if (offset < attachment->layout.arena_offset_bytes ||
        offset - attachment->layout.arena_offset_bytes >= attachment->layout.arena_bytes)
        return GROVE_INVALID;
    *offset_bytes = offset - attachment->layout.arena_offset_bytes;
    return 0;
}

int attachment_fail(struct attachment *attachment, int status) {
    if (attachment->status == 0) {
        attachment->status = status;
        session_post_handle(attachment->session, GROVE_REQUEST_CHANNEL_CLOSE, attachment->handle);
    }
    return status;
}

/* ---- waking the peer ---- */

void attachment_wake(struct attachment *attachment, enum grove_waiting waiting) {
    channel_end_signal(attachment->end);
    if (attachment->session->owed == attachment)
        attachment->session->owed = NULL;
    if (waiting == GROVE_WAITING_FUTEX)
        syscall(SYS_futex, channel_end_own_signal(attachment->end), FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
    else if (attachment->bell >= 0)
        while (write(attachment->bell, "", 1) < 0 && errno == EINTR)
            continue; /* a full bell has been rung already, and one without a listener needs no ring */
}

void attachment_wake_sleeper(struct attachment *attachment) {
    enum grove_waiting waiting = GROVE_AWAKE;
    if (channel_end_must_wake(attachment->end, &waiting))
        attachment_wake(attachment, waiting);
}

void attachment_publish(struct attachment *attachment, enum grove_lane lane) {
    enum grove_waiting waiting = GROVE_AWAKE;
    if (channel_end_publish(attachment->end, lane, &waiting))
        attachment_wake(attachment, waiting);
}

void attachment_publish_and_wait(struct attachment *attachment, enum grove_lane lane) {
    struct grove_session *session = attachment->session;
    enum grove_waiting waiting = GROVE_AWAKE;
    if (!channel_end_publish(attachment->end, lane, &waiting))
        return;
    if (!session->hands_over || waiting != GROVE_WAITING_FUTEX) {
        attachment_wake(attachment, waiting);
        return;
    }
    if (session->owed != attachment)
        session_settle(session);
    channel_end_signal(attachment->end);
    session->owed = attachment;
}

void attachment_complete(struct attachment *attachment, const struct channel_taken *taken) {
    enum grove_waiting waiting = GROVE_AWAKE;
    if (channel_end_complete(attachment->end, taken, &waiting))
        attachment_wake(attachment, waiting);
    if (attachment->older != NULL)
        attachment_sweep(attachment);
}
