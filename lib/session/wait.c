/*
 * The one place that sleeps.
 *
 * Four ways, from the cheapest:
 *   - in a call, one word: the peer's signal. The kernel closes a dead peer's segment through that same word, and what
 *     comes next (its next instance, or the end of the channel) changes the kernel page, on which we then sleep;
 *   - in a run loop of a service with one client, one word as well: the client's signal, which the kernel changes
 *     too after each packet to the service (abi/channel.h, "One word for two wakers");
 *   - in a run loop with few channels and no descriptors, futex_waitv over the kernel page and the peers' signals;
 *   - otherwise epoll over the port, the doorbells and the watched descriptors.
 *
 * No wake-up is lost: an end says that it is about to sleep, looks once more, then sleeps on a value that it read before
 * (channel_end_prepare_sleep); the kernel page's counter is compared in the same way. In epoll a channel that has said
 * that it sleeps stays out of the active list until its bell rings, so that a turn costs what is active and not what is
 * connected.
 *
 * Who hears that the kernel is gone. A service dies with its kernel. Any other program (ring 3) waits in epoll, where the
 * port reports it at once, or is in a call, whose sleep looks at the port once a second: only while something is
 * outstanding, so nobody who waits for nothing wakes up.
 *
 * What a peer writes decides only how often we look: each wake-up leads to checked reads of the lanes.
 */
#include "lib/session/attachment.h"
#include "lib/session/hand_over.h"
#include "lib/session/session.h"

#include <errno.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449 /* the same on every processor; older C libraries do not name it */
#endif

/* Programs that outlive their kernel. */
#define RING_EXTERNAL 3u
/* Words in one futex_waitv: the kernel page and as many channels. More are cheaper by epoll. */
#define WAIT_WORDS_MAX 16u
#define WAIT_EVENTS_MAX 32
#define BELL_READS_MAX 16
/* A sleep on one channel looks at the port this often: a kernel that was killed can no longer change a word. */
#define LOOK_AT_PORT_NS GROVE_SECOND

/* What an epoll event stands for: a tag in the low bits; attachments are pointers, aligned, with tag 0. */
enum wait_tag { WAIT_ATTACHMENT = 0, WAIT_PORT = 1, WAIT_AGAIN = 2, WAIT_ALARM = 3, WAIT_DESCRIPTOR = 4 };
#define WAIT_TAG_MASK UINT64_C(7)
#define WAIT_TAG_BITS 3

static const struct timespec *to_timespec(uint64_t time_ns, struct timespec *time) {
    if (time_ns == GROVE_FOREVER)
        return NULL;
    *time = (struct timespec){.tv_sec = (time_t)(time_ns / GROVE_SECOND), .tv_nsec = (long)(time_ns % GROVE_SECOND)};
    return time;
}

static int after_sleep(int result) {
    if (result >= 0 || errno == EAGAIN || errno == EINTR)
        return 0;
    if (errno == ETIMEDOUT)
        return GROVE_TIMED_OUT;
    return error_set(GROVE_IO, "sleeping failed: %s", strerror(errno));
}

/* The word of the peer that is owed its wake-up, which the next sleep pays; there is one. */
static const uint32_t *take_owed(struct grove_session *session) {
    const uint32_t *word = channel_end_own_signal(session->owed->end);
    session->owed = NULL;
    return word;
}

/* Sleep while *word is `value`, until an absolute deadline; in a call, for somebody. */
static int sleep_on_word(struct grove_session *session, const uint32_t *word, uint32_t value, uint64_t deadline_ns,
                         bool is_call) {
    struct timespec limit;
    if (session->owed != NULL)
        return after_sleep(hand_over_on_word(take_owed(session), word, value, deadline_ns, is_call));
    return after_sleep((int)syscall(SYS_futex, word, FUTEX_WAIT_BITSET, value, to_timespec(deadline_ns, &limit), NULL,
                                    FUTEX_BITSET_MATCH_ANY));
}

/* Is there a live instance of the peer whose signal word can be slept on? */
static bool has_live_peer(const struct attachment *attachment) {
    return attachment->peer != NULL && !attachment->is_peer_gone && attachment->status == 0 &&
           !channel_end_peer_is_closed(attachment->end);
}

static int read_news(struct grove_session *session) {
    if (session->is_closed)
        return error_set(GROVE_CLOSED, "the kernel has closed this program's port");
    return session_has_news(session) ? session_read(session) : 0;
}

/* ---- one channel, in a call ---- */

/* Has the peer completed anything since the last look? Brings what this end knows of every lane up to date. */
static bool has_new_room(struct attachment *attachment) {
    uint64_t pending_bytes = 0;
    for (unsigned lane = 0; lane < GROVE_LANES; lane++) {
        uint64_t bytes = 0;
        if (channel_end_pending(attachment->end, (enum grove_lane)lane, &bytes) < 0)
            return true;
        pending_bytes += bytes;
    }
    bool has_changed = pending_bytes != attachment->room_seen;
    attachment->room_seen = pending_bytes;
    return has_changed;
}

/* Announce a sleep. False: there is something to do after all. */
static bool announce(struct attachment *attachment, enum grove_waiting how, enum channel_sleep what) {
    if ((what & CHANNEL_FOR_ROOM) != 0 && has_new_room(attachment))
        return false;
    return channel_end_prepare_sleep(attachment->end, how, what, &attachment->signal);
}

static int sleep_on_peer(struct attachment *attachment, enum channel_sleep what, uint64_t deadline_ns) {
    attachment_activate(attachment); /* it may have been asleep with its bell, which this sleep takes back */
    if (!announce(attachment, GROVE_WAITING_FUTEX, what))
        return 0;
    int status = 0;
    if ((attachment->signal & GROVE_SIGNAL_CLOSED) == 0) /* else it died just now: the next look finds that */
        status = sleep_on_word(attachment->session, channel_end_peer_signal(attachment->end), attachment->signal,
                               deadline_ns, true);
    channel_end_awake(attachment->end);
    return status;
}

int session_wait_one(struct attachment *attachment, enum channel_sleep what, uint64_t deadline_ns) {
    struct grove_session *session = attachment->session;
    if (session->is_closed || session_has_news(session))
        return read_news(session);
    uint64_t look_ns = deadline_after(LOOK_AT_PORT_NS);
    uint64_t end_ns = deadline_ns < look_ns ? deadline_ns : look_ns;
    int status = has_live_peer(attachment)
                     ? sleep_on_peer(attachment, what, end_ns)
                     : sleep_on_word(session, &session->page->notices, session->notices_seen, end_ns, false);
    if (status != GROVE_TIMED_OUT)
        return status;
    if (has_live_peer(attachment))
        attachment_wake_sleeper(attachment); /* if it still sleeps, the wake-up did not reach it */
    status = session_read(session);
    return status == 0 && end_ns == deadline_ns ? GROVE_TIMED_OUT : status;
}

/* ---- all of them, by futex_waitv ---- */

static bool is_waitv_missing; /* found out once; every thread finds the same */

bool session_sleeps_by_bell(const struct grove_session *session) {
    return session->is_embedded || session->watch_count > 0 || session->attachment_count >= WAIT_WORDS_MAX ||
           session->identity.ring >= RING_EXTERNAL || __atomic_load_n(&is_waitv_missing, __ATOMIC_RELAXED);
}

/* The only channel, if the kernel wakes this program through its peer's signal word as well. */
static struct attachment *only_channel(const struct grove_session *session) {
    struct attachment *only = session->attachments;
    if (session->attachment_count != 1 || !has_live_peer(only) || !channel_end_peer_steps(only->end) ||
        only->owner->waits_for(only) == 0)
        return NULL;
    return __atomic_load_n(&session->page->woken_through, __ATOMIC_RELAXED) == only->id ? only : NULL;
}

/*
 * The look for news comes after the peer's word was read: a packet that came before that look is seen by it, one that
 * comes later changes the word. If another channel takes this one's place in the kernel, this peer's segment was closed.
 */
static int wait_on_only(struct attachment *only, uint64_t deadline_ns) {
    int status = 0;
    if (announce(only, GROVE_WAITING_FUTEX, only->owner->waits_for(only)) && !session_has_news(only->session) &&
        (only->signal & GROVE_SIGNAL_CLOSED) == 0)
        status = sleep_on_word(only->session, channel_end_peer_signal(only->end), only->signal, deadline_ns, false);
    channel_end_awake(only->end);
    attachment_activate(only);
    return status;
}

static void add_word(struct futex_waitv *words, unsigned *count, const uint32_t *word, uint32_t value) {
    words[(*count)++] = (struct futex_waitv){.val = value, .uaddr = (uintptr_t)word, .flags = FUTEX_32};
}

/* What lib/bus reads without a channel. False: there is something to do after all. */
static bool extension_sleeps(struct grove_session *session, struct session_word *words, unsigned *count) {
    return session->extension == NULL || session->extension->sleeps == NULL ||
           session->extension->sleeps(session, words, count);
}

static bool prepare_extension(struct grove_session *session, struct futex_waitv *words, unsigned *count) {
    struct session_word more[WAIT_WORDS_MAX] = {{0}};
    unsigned room = WAIT_WORDS_MAX - 1 - session->attachment_count, more_count = room;
    if (!extension_sleeps(session, more, &more_count))
        return false;
    for (unsigned i = 0; i < more_count && i < room; i++)
        if (more[i].word != NULL)
            add_word(words, count, more[i].word, more[i].value);
    return true;
}

/* Announce the sleep on every channel that is waited for. False: there is something to do after all. */
static bool prepare_words(struct grove_session *session, struct futex_waitv *words, unsigned *count) {
    bool may_sleep = true;
    for (struct attachment *at = session->attachments; at != NULL && may_sleep; at = at->next) {
        enum channel_sleep what = has_live_peer(at) ? at->owner->waits_for(at) : 0;
        if (what == 0)
            continue;
        may_sleep = announce(at, GROVE_WAITING_FUTEX, what);
        if (may_sleep && (at->signal & GROVE_SIGNAL_CLOSED) == 0)
            add_word(words, count, channel_end_peer_signal(at->end), at->signal);
    }
    return may_sleep;
}

static int sleep_on_words(struct grove_session *session, struct futex_waitv *words, unsigned count,
                          uint64_t deadline_ns) {
    struct timespec limit;
    if (session->owed != NULL)
        return after_sleep(hand_over_on_words(take_owed(session), words, count, deadline_ns));
    int status = (int)syscall(SYS_futex_waitv, words, count, 0, to_timespec(deadline_ns, &limit), CLOCK_MONOTONIC);
    if (status >= 0 || (errno != ENOSYS && errno != EPERM))
        return after_sleep(status);
    __atomic_store_n(&is_waitv_missing, true, __ATOMIC_RELAXED);
    return 0;
}

static int wait_on_words(struct grove_session *session, uint64_t deadline_ns) {
    struct futex_waitv words[WAIT_WORDS_MAX];
    unsigned count = 0;
    int status = 0;
    add_word(words, &count, &session->page->notices, session->notices_seen);
    if (prepare_extension(session, words, &count) && prepare_words(session, words, &count))
        status = count == 1 ? sleep_on_word(session, &session->page->notices, session->notices_seen, deadline_ns, false)
                            : sleep_on_words(session, words, count, deadline_ns);
    for (struct attachment *at = session->attachments; at != NULL; at = at->next) {
        channel_end_awake(at->end);
        attachment_activate(at);
    }
    return status;
}

/* ---- all of them, by epoll ---- */

static int epoll_add(struct grove_session *session, int descriptor, uint64_t data) {
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = data};
    if (epoll_ctl(session->epoll, EPOLL_CTL_ADD, descriptor, &event) < 0 && errno != EEXIST)
        return error_set(GROVE_IO, "a descriptor could not be watched: %s", strerror(errno));
    return 0;
}

static int open_epoll(struct grove_session *session) {
    if (session->epoll >= 0)
        return 0;
    session->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (session->epoll < 0)
        return error_set(GROVE_NO_DESCRIPTORS, "no descriptor is free to wait with: %s", strerror(errno));
    return epoll_add(session, session->port, WAIT_PORT);
}

static int watch_bell(struct attachment *attachment) {
    if (attachment->is_bell_watched || attachment->bell < 0)
        return 0;
    attachment->is_bell_watched = true;
    return epoll_add(attachment->session, attachment->bell, (uint64_t)(uintptr_t)attachment);
}

/* Announce the sleep on every active channel; *may_sleep is false if one of them has something to do. */
static int prepare_bells(struct grove_session *session, bool *may_sleep) {
    struct attachment *next;
    *may_sleep = true;
    for (struct attachment *at = session->active; at != NULL; at = next) {
        next = at->next_active;
        enum channel_sleep what = has_live_peer(at) ? at->owner->waits_for(at) : 0;
        if (what != 0) {
            int status = watch_bell(at);
            if (status < 0)
                return status;
            if (!announce(at, GROVE_WAITING_BELL, what)) {
                *may_sleep = false;
                continue;
            }
        }
        attachment_deactivate(at);
    }
    return 0;
}

static void drain(int descriptor, struct grove_session *session) {
    char bytes[64];
    ssize_t size = sizeof bytes;
    for (int i = 0; i < BELL_READS_MAX && size == sizeof bytes; i++) /* what is left, or comes now, rings again */
        size = read(descriptor, bytes, sizeof bytes);
    if (size == 0) /* the peer's side is gone: it would stay readable for ever */
        session_forget(session, descriptor);
}

static void bell_rang(struct attachment *attachment) {
    drain(attachment->bell, attachment->session);
    channel_end_awake(attachment->end);
    attachment_activate(attachment);
}

static int handle_event(struct grove_session *session, const struct epoll_event *event) {
    switch ((enum wait_tag)(event->data.u64 & WAIT_TAG_MASK)) {
    case WAIT_ATTACHMENT:
        bell_rang((struct attachment *)(uintptr_t)event->data.u64);
        return 0;
    case WAIT_PORT:
        return session_read(session);
    case WAIT_AGAIN:
    case WAIT_ALARM: {
        uint64_t count;
        int descriptor = event->data.u64 == WAIT_AGAIN ? session->again : session->alarm;
        return read(descriptor, &count, sizeof count) < 0 && errno != EAGAIN && errno != EINTR ? GROVE_IO : 0;
    }
    case WAIT_DESCRIPTOR:
        session->on_descriptor(session->host_context, (int)(event->data.u64 >> WAIT_TAG_BITS), event->events);
        return 0;
    }
    return 0;
}

/* epoll_pwait2 where the kernel and the sandbox have it; otherwise whole milliseconds, rounded up. */
static int wait_for_events(struct grove_session *session, struct epoll_event *events, uint64_t deadline_ns) {
    static bool is_pwait2_missing;
    uint64_t left_ns = GROVE_FOREVER;
    if (deadline_ns != GROVE_FOREVER) {
        uint64_t now_ns = deadline_ns == 0 ? 0 : grove_now_ns();
        left_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
    }
    if (!is_pwait2_missing) {
        struct timespec left;
        int count = (int)syscall(SYS_epoll_pwait2, session->epoll, events, WAIT_EVENTS_MAX, to_timespec(left_ns, &left),
                                 NULL, 0);
        if (count >= 0 || (errno != ENOSYS && errno != EPERM))
            return count;
        is_pwait2_missing = true;
    }
    uint64_t left_ms = left_ns / GROVE_MILLISECOND + (left_ns % GROVE_MILLISECOND != 0);
    int timeout_ms = left_ns == GROVE_FOREVER ? -1 : left_ms < 86400000 ? (int)left_ms : 86400000;
    return epoll_wait(session->epoll, events, WAIT_EVENTS_MAX, timeout_ms);
}

static int wait_on_bells(struct grove_session *session, uint64_t deadline_ns) {
    struct epoll_event events[WAIT_EVENTS_MAX];
    bool may_sleep = true;
    session_settle(session);
    int status = open_epoll(session);
    bool has_more = status == 0 && !extension_sleeps(session, NULL, NULL);
    if (status == 0)
        status = prepare_bells(session, &may_sleep);
    if (status < 0)
        return status;
    may_sleep = may_sleep && !has_more;
    int count = wait_for_events(session, events, may_sleep ? deadline_ns : 0);
    for (int i = 0; i < count && status == 0; i++)
        status = handle_event(session, &events[i]);
    if (count < 0)
        return after_sleep(count);
    return count == 0 && may_sleep && status == 0 ? GROVE_TIMED_OUT : status;
}

int session_wait(struct grove_session *session, uint64_t deadline_ns) {
    if (session->queue.count > 0)
        return 0;
    if (session->is_closed || session_has_news(session))
        return read_news(session);
    uint64_t end_ns = deadline_ns < session->expiry_ns ? deadline_ns : session->expiry_ns;
    struct attachment *only = session_sleeps_by_bell(session) ? NULL : only_channel(session);
    int status = only != NULL                      ? wait_on_only(only, end_ns)
                 : session_sleeps_by_bell(session) ? wait_on_bells(session, end_ns)
                                                   : wait_on_words(session, end_ns);
    return status == GROVE_TIMED_OUT && end_ns != deadline_ns ? 0 : status;
}

/* ---- for other event loops ---- */

static int open_counter(struct grove_session *session, int *descriptor, int opened, enum wait_tag tag) {
    if (opened < 0)
        return error_set(GROVE_NO_DESCRIPTORS, "no descriptor is free to wait with: %s", strerror(errno));
    *descriptor = opened;
    return epoll_add(session, opened, tag);
}

int session_embed(struct grove_session *session) {
    int status = open_epoll(session);
    if (status == 0 && session->again < 0)
        status = open_counter(session, &session->again, eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC), WAIT_AGAIN);
    if (status == 0 && session->alarm < 0)
        status = open_counter(session, &session->alarm, timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC),
                              WAIT_ALARM);
    if (status < 0)
        return status;
    session->is_embedded = true;
    return session->epoll;
}

int session_arm(struct grove_session *session, uint64_t deadline_ns, bool has_more) {
    bool may_sleep = true;
    has_more = !extension_sleeps(session, NULL, NULL) || has_more;
    int status = prepare_bells(session, &may_sleep);
    if (status < 0)
        return status;
    struct itimerspec when = {0};
    if (deadline_ns != GROVE_FOREVER)
        to_timespec(deadline_ns > 0 ? deadline_ns : 1, &when.it_value);
    timerfd_settime(session->alarm, TFD_TIMER_ABSTIME, &when, NULL);
    uint64_t one = 1;
    if ((has_more || !may_sleep || session->queue.count > 0) && write(session->again, &one, sizeof one) < 0 &&
        errno != EAGAIN)
        return error_set(GROVE_IO, "the event loop could not be told of more work: %s", strerror(errno));
    return 0;
}

int session_watch(struct grove_session *session, int descriptor, uint32_t events, bool is_known) {
    int status = open_epoll(session);
    if (status < 0)
        return status;
    struct epoll_event event = {.events = events,
                                .data.u64 = (uint64_t)(unsigned)descriptor << WAIT_TAG_BITS | WAIT_DESCRIPTOR};
    if (epoll_ctl(session->epoll, is_known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, descriptor, &event) < 0)
        return error_set(GROVE_INVALID, "descriptor %d cannot be watched: %s", descriptor, strerror(errno));
    session->watch_count += is_known ? 0 : 1;
    return 0;
}

void session_forget(struct grove_session *session, int descriptor) {
    epoll_ctl(session->epoll, EPOLL_CTL_DEL, descriptor, NULL);
}

void session_unwatch(struct grove_session *session, int descriptor) {
    session_forget(session, descriptor);
    session->watch_count--;
}

/* ---- dispatch ---- */

static int dispatch_once(struct grove_session *session) {
    int status = read_news(session);
    if (status < 0)
        return status;
    int count = session_handle_queue(session);
    session_expire(session);
    while (count < 64 && session_work(session) > 0)
        count++;
    return count;
}

int grove_session_dispatch(struct grove_session *session, uint64_t timeout_ns) {
    uint64_t deadline_ns = deadline_after(timeout_ns);
    int count = dispatch_once(session);
    while (count == 0) {
        if (session_spin(session))
            break;
        int status = session_wait(session, timeout_ns == 0 ? 0 : deadline_ns);
        count = status < 0 && status != GROVE_TIMED_OUT ? status : dispatch_once(session);
        if (count == 0 && (status == GROVE_TIMED_OUT || grove_now_ns() >= deadline_ns)) {
            error_set(GROVE_TIMED_OUT, "nothing happened in time");
            count = GROVE_TIMED_OUT;
        }
    }
    if (session->is_embedded && !session->is_closed) {
        int status = session_arm(session, session->expiry_ns, count >= 64);
        count = status < 0 ? status : count;
    }
    return count < 0 ? count : 0;
}

int grove_session_descriptor(struct grove_session *session) {
    return session_embed(session);
}
