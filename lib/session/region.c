/*
 * Regions: memory shared on purpose, with one writer.
 *
 * The owner maps the memory for writing and says so; the kernel seals it, and from then on every other mapping is for
 * reading only. A state region is the same with a longer life: the kernel gives its contents to the next instance.
 */
#include "lib/session/client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef F_GET_SEALS
#define F_GET_SEALS 1034
#define F_SEAL_SHRINK 0x0002
#endif

struct grove_region {
    struct grove_session *session;
    grove_handle handle;
    void *data;
    uint64_t size_bytes;
    bool is_writable;
};

static int memory_check(int memory, uint64_t size_bytes) {
    struct stat facts;
    int seals;
    if (size_bytes == 0 || memory < 0 || fstat(memory, &facts) < 0 || facts.st_size < 0)
        return error_set(GROVE_INVALID, "a region came without its memory");
    seals = fcntl(memory, F_GET_SEALS);
    if ((uint64_t)facts.st_size < size_bytes || seals < 0 || (seals & F_SEAL_SHRINK) == 0)
        return error_set(GROVE_CORRUPT, "a region's memory is smaller than it should be, or may shrink");
    return 0;
}

/* Takes over the descriptor. */
static int region_map(struct grove_session *session, const struct grove_region_reply *reply, int memory,
                      bool is_writable, struct grove_region **region) {
    int status = memory_check(memory, reply->size_bytes);
    struct grove_region *mapped = status == 0 ? calloc(1, sizeof *mapped) : NULL;
    void *data = MAP_FAILED;
    if (mapped != NULL)
        data = mmap(NULL, reply->size_bytes, is_writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, memory, 0);
    if (status == 0 && data == MAP_FAILED)
        status = error_set(GROVE_NO_MEMORY, "a region of %llu bytes could not be mapped",
                           (unsigned long long)reply->size_bytes);
    if (memory >= 0)
        close(memory);
    if (status != 0 || mapped == NULL) {
        free(mapped);
        return status != 0 ? status : GROVE_NO_MEMORY;
    }
    *mapped = (struct grove_region){.session = session,
                                    .handle = reply->region,
                                    .data = data,
                                    .size_bytes = reply->size_bytes,
                                    .is_writable = is_writable};
    *region = mapped;
    return 0;
}

/* Ask for memory, map it for writing, have it sealed. */
static int region_request(struct grove_session *session, struct grove_message *message, struct grove_region **region) {
    struct grove_region *mapped = NULL;
    int memory = -1;
    unsigned count = 1;
    int status = grove_kernel_request(session, message, NULL, 0, &memory, &count, SESSION_TIMEOUT_NS);
    if (status == 0)
        status = region_map(session, &message->body.region, memory, true, &mapped);
    if (status == 0)
        status = session_post_handle(session, GROVE_REQUEST_REGION_ATTACHED, message->body.region.region);
    if (status != 0) {
        grove_region_close(mapped);
        return status;
    }
    *region = mapped;
    return 0;
}

int grove_region_create(struct grove_session *session, uint64_t size_bytes, struct grove_region **region) {
    return region_create_tagged(session, size_bytes, 0, region);
}

int region_create_tagged(struct grove_session *session, uint64_t size_bytes, uint64_t tag,
                         struct grove_region **region) {
    struct grove_message message = {.operation = GROVE_REQUEST_REGION_CREATE,
                                    .body.region_create = {.size_bytes = size_bytes, .tag = tag}};
    int status = session_or_default(session, &session);
    return status < 0 ? status : region_request(session, &message, region);
}

int grove_region_state(struct grove_session *session, uint64_t size_bytes, struct grove_region **region,
                       bool *is_fresh) {
    struct grove_message message = {.operation = GROVE_REQUEST_STATE_REGION,
                                    .body.state_region.size_bytes = size_bytes};
    struct grove_region *opened = NULL;
    int status = session_or_default(session, &session);
    if (status == 0)
        status = region_request(session, &message, &opened);
    if (status != 0)
        return status;
    if (opened->size_bytes < size_bytes) {
        uint64_t found_bytes = opened->size_bytes;
        grove_region_close(opened);
        return error_set(GROVE_VERSION,
                         "the state that an earlier instance left has %llu bytes, this program wants %llu",
                         (unsigned long long)found_bytes, (unsigned long long)size_bytes);
    }
    *is_fresh = message.body.region.tag != 1;
    *region = opened;
    return 0;
}

int grove_region_accept(struct grove_session *session, const struct grove_message *notice, int descriptor,
                        struct grove_region **region) {
    int status = session_or_default(session, &session);
    if (status == 0 && notice->operation != GROVE_NOTICE_REGION_GRANTED)
        status = error_set(GROVE_INVALID, "only a REGION_GRANTED notice brings a region");
    if (status < 0) {
        if (descriptor >= 0)
            close(descriptor);
        return status;
    }
    const struct grove_region_reply *reply = &notice->body.region_granted.region;
    bool is_writable = (reply->rights & GROVE_RIGHT_WRITE) != 0;
    struct grove_region *mapped = NULL;
    status = region_map(session, reply, descriptor, is_writable, &mapped);
    if (status == 0 && is_writable)
        status = session_post_handle(session, GROVE_REQUEST_REGION_ATTACHED, reply->region);
    if (status != 0) {
        grove_region_close(mapped);
        return status;
    }
    *region = mapped;
    return 0;
}

static int grant(struct grove_region *region, grove_handle channel, uint32_t flags, grove_object_id *id) {
    struct grove_message message = {
        .operation = GROVE_REQUEST_REGION_GRANT,
        .body.region_grant = {.region = region->handle, .channel = channel, .flags = flags}};
    int status = grove_kernel_request(region->session, &message, NULL, 0, NULL, NULL, SESSION_TIMEOUT_NS);
    if (status == 0 && id != NULL)
        *id = message.body.handle_reply.id;
    return status;
}

int region_grant_over(struct grove_region *region, grove_handle channel, grove_object_id *id) {
    return grant(region, channel, 0, id);
}

int region_grant_onward(struct grove_region *region, grove_handle channel, grove_object_id *id) {
    return grant(region, channel, GROVE_REGION_ONWARD, id);
}

int grove_region_grant(struct grove_region *region, struct grove_channel *channel) {
    return region_grant_over(region, channel->base.handle, NULL);
}

void *grove_region_data(const struct grove_region *region, uint64_t *size_bytes) {
    if (size_bytes != NULL)
        *size_bytes = region->size_bytes;
    return region->data;
}

bool grove_region_is_writable(const struct grove_region *region) {
    return region->is_writable;
}

void grove_region_close(struct grove_region *region) {
    if (region == NULL)
        return;
    session_post_handle(region->session, GROVE_REQUEST_REGION_DESTROY, region->handle);
    munmap(region->data, region->size_bytes);
    free(region);
}
