/* Sending and receiving: sendto(2), recvfrom(2), sendmsg(2), recvmsg(2), sendmmsg(2), recvmmsg(2). See sockets.h. */
#include "kernel/services/posix/sockets/control_data.h"
#include "kernel/services/posix/sockets/sockets.h"

#include <string.h>

#define CAP_SETGID 6u
#define CAP_SETUID 7u
#define CAP_SYS_ADMIN 21u
#define MANY_MAX 1024u
#define RECEIVED_CONTROL_BYTES 2048u /* more than credentials and all files that can come take up */
#define SECOND_NS UINT64_C(1000000000)

/* struct msghdr. */
struct linux_message {
    uint64_t name, name_bytes; /* of the second the lower half; the rest is not looked at */
    uint64_t segments, segment_count;
    uint64_t control, control_bytes;
    uint32_t flags, unused;
};

struct linux_many {
    struct linux_message message;
    uint32_t done_bytes, unused;
};

/* One call in work: too large for a stack. */
struct call {
    struct files files;
    struct open_file *file;
    struct socket *socket;
    struct buffers buffers;
    struct socket_message message;
    struct linux_message header;
    uint8_t control[RECEIVED_CONTROL_BYTES];
};

/* ---- beginning and end ---- */

static int call_begin(struct call **begun, uint64_t descriptor, uint64_t flags) {
    struct files files = files_of_current();
    struct open_file *file;
    struct socket *socket;
    int status = sockets_find(&files, descriptor, &file, &socket);
    if (status != 0)
        return status;
    struct call *call = machine_take(files.vfs->machine, sizeof(*call));
    if (call == NULL) {
        file_unref(file);
        return -LINUX_ENOMEM;
    }
    memset(call, 0, sizeof(*call));
    call->files = files;
    call->file = file;
    call->socket = socket;
    call->message.flags = (uint32_t)flags;
    call->message.transfer = &call->buffers.transfer;
    call->message.caller = files.caller;
    call->message.may_wait = (file_flags(file) & LINUX_O_NONBLOCK) == 0 && ((uint32_t)flags & LINUX_MSG_DONTWAIT) == 0;
    *begun = call;
    return 0;
}

static void drop_files(struct call *call) {
    for (uint32_t i = 0; i < call->message.file_count; i++)
        file_unref(call->message.files[i]);
    call->message.file_count = 0;
}

static int64_t call_end(struct call *call, int64_t result) {
    struct vfs *vfs = call->files.vfs;
    drop_files(call);
    file_unref(call->file);
    machine_give_back(vfs->machine, call, sizeof(*call));
    return result;
}

static int64_t send_now(struct call *call) {
    int status = call->socket->operations->send(call->socket, &call->message);
    if (status == -LINUX_EPIPE && call->socket->type == LINUX_SOCK_STREAM &&
        (call->message.flags & LINUX_MSG_NOSIGNAL) == 0)
        files_send_broken_pipe();
    return status != 0 ? status : (int64_t)call->message.done_bytes;
}

static int64_t receive_now(struct call *call) {
    int status = call->socket->operations->receive(call->socket, &call->message);
    return status != 0 ? status : (int64_t)call->message.done_bytes;
}

/* ---- one buffer ---- */

int64_t system_call_sendto(const uint64_t arguments[6]) {
    struct call *call;
    int64_t result = call_begin(&call, arguments[0], arguments[3]);
    if (result != 0)
        return result;
    buffers_begin(&call->buffers, arguments[1], arguments[2], false);
    if (arguments[4] != 0)
        result = sockets_read_name(arguments[4], arguments[5], &call->message.name);
    if (result == 0)
        result = send_now(call);
    return call_end(call, result);
}

int64_t system_call_recvfrom(const uint64_t arguments[6]) {
    struct call *call;
    int64_t result = call_begin(&call, arguments[0], arguments[3]);
    if (result != 0)
        return result;
    buffers_begin(&call->buffers, arguments[1], arguments[2], true);
    result = receive_now(call);
    if (result >= 0 && arguments[4] != 0) {
        int status = sockets_write_name(&call->message.name, arguments[4], arguments[5]);
        result = status != 0 ? status : result;
    }
    return call_end(call, result);
}

/* ---- what travels along, sent ---- */

static int take_files(struct call *call, const struct control_item *item) {
    struct socket_message *message = &call->message;
    size_t count = item->size_bytes / sizeof(int32_t);
    if (message->file_count + count > LINUX_SCM_MAX_FD)
        return -LINUX_EINVAL;
    for (size_t i = 0; i < count; i++) {
        int32_t number;
        memcpy(&number, item->contents + i * sizeof(number), sizeof(number));
        int status = descriptors_get(call->files.descriptors, (uint32_t)number, &message->files[message->file_count]);
        if (status != 0)
            return status;
        message->file_count++;
    }
    return 0;
}

/* Only who may be somebody else may say so. */
static int take_credentials(struct call *call, const struct control_item *item) {
    const struct identity *identity = &call->files.caller->identity;
    struct socket_credentials *credentials = &call->message.credentials;
    if (item->size_bytes != sizeof(*credentials))
        return -LINUX_EINVAL;
    memcpy(credentials, item->contents, sizeof(*credentials));
    bool is_own = (credentials->process == call->files.process || identity_has(identity, CAP_SYS_ADMIN)) &&
                  (credentials->user == identity->user || credentials->user == call->files.real_user ||
                   identity_has(identity, CAP_SETUID)) &&
                  (credentials->group == identity->group || credentials->group == call->files.real_group ||
                   identity_has(identity, CAP_SETGID));
    call->message.has_credentials = true;
    return is_own ? 0 : -LINUX_EPERM;
}

static int take_item(struct call *call, const struct control_item *item) {
    if ((uint32_t)item->level != LINUX_SOL_SOCKET)
        return 0;
    if (call->socket->family != LINUX_AF_UNIX)
        return -LINUX_EINVAL;
    if ((uint32_t)item->kind == LINUX_SCM_RIGHTS)
        return take_files(call, item);
    return (uint32_t)item->kind == LINUX_SCM_CREDENTIALS ? take_credentials(call, item) : -LINUX_EINVAL;
}

static int take_control(struct call *call) {
    const struct vfs_machine *machine = call->files.vfs->machine;
    size_t size = call->header.control_bytes, at = 0;
    struct control_item item;
    int status = 0, found = 1;
    if (size < CONTROL_HEADER_BYTES)
        return 0;
    if (size > CONTROL_BYTES_MAX)
        return -LINUX_ENOBUFS;
    uint8_t *bytes = machine_take(machine, size);
    if (bytes == NULL)
        return -LINUX_ENOMEM;
    if (!process_read(bytes, call->header.control, size))
        status = -LINUX_EFAULT;
    while (status == 0 && (found = control_next(bytes, size, &at, &item)) > 0)
        status = take_item(call, &item);
    machine_give_back(machine, bytes, size);
    return found < 0 ? -LINUX_EINVAL : status;
}

/* ---- what travelled along, received ---- */

static void tell_credentials(struct call *call, size_t room, size_t *used) {
    struct control_item item = {.level = (int32_t)LINUX_SOL_SOCKET,
                                .kind = (int32_t)LINUX_SCM_CREDENTIALS,
                                .contents = (const uint8_t *)&call->message.credentials,
                                .size_bytes = sizeof(call->message.credentials)};
    if (!control_add(call->control, room, used, &item))
        call->message.told |= LINUX_MSG_CTRUNC;
}

/* Descriptors for as many files as there is room to tell of; the others are closed. */
static void tell_files(struct call *call, size_t room, size_t *used) {
    struct socket_message *message = &call->message;
    bool closes = (message->flags & LINUX_MSG_CMSG_CLOEXEC) != 0;
    int32_t numbers[LINUX_SCM_MAX_FD];
    size_t left = room - *used, most = left > CONTROL_HEADER_BYTES ? (left - CONTROL_HEADER_BYTES) / 4 : 0;
    uint32_t count = 0;
    while (count < message->file_count && count < most) {
        uint32_t number;
        if (descriptors_add(call->files.descriptors, message->files[count], 0, closes, &number) != 0)
            break;
        numbers[count++] = (int32_t)number;
    }
    if (count < message->file_count)
        message->told |= LINUX_MSG_CTRUNC;
    struct control_item item = {.level = (int32_t)LINUX_SOL_SOCKET,
                                .kind = (int32_t)LINUX_SCM_RIGHTS,
                                .contents = (const uint8_t *)numbers,
                                .size_bytes = count * sizeof(numbers[0])};
    if (count > 0)
        (void)control_add(call->control, room, used, &item);
    message->file_count -= count;
    memmove(message->files, message->files + count, message->file_count * sizeof(message->files[0]));
}

/* Where the program's header is, its results go: the address, what travelled along, and flags. */
static int tell_header(struct call *call, uint64_t address) {
    struct linux_message *header = &call->header;
    struct socket_message *message = &call->message;
    size_t room = header->control_bytes < RECEIVED_CONTROL_BYTES ? header->control_bytes : RECEIVED_CONTROL_BYTES;
    size_t used = 0;
    if (message->has_credentials)
        tell_credentials(call, room, &used);
    if (message->file_count > 0)
        tell_files(call, room, &used);
    if (header->name != 0) {
        int status =
            sockets_write_name(&message->name, header->name, address + offsetof(struct linux_message, name_bytes));
        if (status != 0)
            return status;
    }
    header->control_bytes = used;
    header->flags = message->told | (message->flags & LINUX_MSG_CMSG_CLOEXEC);
    bool is_told =
        process_write(header->control, call->control, used) &&
        process_write(address + offsetof(struct linux_message, control_bytes), &header->control_bytes,
                      sizeof(header->control_bytes)) &&
        process_write(address + offsetof(struct linux_message, flags), &header->flags, sizeof(header->flags));
    return is_told ? 0 : -LINUX_EFAULT;
}

/* ---- with a header ---- */

static int read_header(struct call *call, uint64_t address, bool is_send) {
    struct linux_message *header = &call->header;
    if (!process_read(header, address, sizeof(*header)))
        return -LINUX_EFAULT;
    if (header->segment_count > MEMORY_SEGMENTS_MAX)
        return -LINUX_EMSGSIZE;
    if ((int32_t)header->name_bytes < 0)
        return -LINUX_EINVAL;
    uint32_t name_bytes = (uint32_t)header->name_bytes;
    if (is_send && header->name != 0) {
        int status = sockets_read_name(header->name, name_bytes < SOCKET_NAME_BYTES ? name_bytes : SOCKET_NAME_BYTES,
                                       &call->message.name);
        if (status != 0)
            return status;
    }
    return buffers_begin_vector(&call->files, &call->buffers, header->segments, header->segment_count, !is_send);
}

static int64_t send_with_header(struct call *call, uint64_t address) {
    int64_t result = read_header(call, address, true);
    if (result != 0)
        return result;
    result = take_control(call);
    if (result == 0)
        result = send_now(call);
    buffers_end(&call->files, &call->buffers);
    return result;
}

static int64_t receive_with_header(struct call *call, uint64_t address) {
    int64_t result = read_header(call, address, false);
    if (result != 0)
        return result;
    result = receive_now(call);
    buffers_end(&call->files, &call->buffers);
    int status = result >= 0 ? tell_header(call, address) : 0;
    return status != 0 ? status : result;
}

int64_t system_call_sendmsg(const uint64_t arguments[6]) {
    struct call *call;
    int status = call_begin(&call, arguments[0], arguments[2]);
    return status != 0 ? status : call_end(call, send_with_header(call, arguments[1]));
}

int64_t system_call_recvmsg(const uint64_t arguments[6]) {
    struct call *call;
    int status = call_begin(&call, arguments[0], arguments[2]);
    return status != 0 ? status : call_end(call, receive_with_header(call, arguments[1]));
}

/* ---- several ---- */

static int64_t move_one(const uint64_t arguments[6], uint64_t address, uint64_t flags, bool is_send) {
    struct call *call;
    int status = call_begin(&call, arguments[0], flags);
    if (status != 0)
        return status;
    int64_t result = call_end(call, is_send ? send_with_header(call, address) : receive_with_header(call, address));
    uint32_t done = (uint32_t)result;
    if (result >= 0 && !process_write(address + offsetof(struct linux_many, done_bytes), &done, sizeof(done)))
        return -LINUX_EFAULT;
    return result;
}

/* As many as go; an error after the first one waits for the next call. `until_ns`: when no further one is begun. */
static int64_t move_many(const uint64_t arguments[6], bool is_send, uint64_t until_ns) {
    struct files files = files_of_current();
    const struct vfs_machine *machine = files.vfs->machine;
    uint32_t count = (uint32_t)arguments[2] < MANY_MAX ? (uint32_t)arguments[2] : MANY_MAX, done = 0;
    uint64_t flags = arguments[3] & ~(uint64_t)LINUX_MSG_WAITFORONE;
    int64_t result = 0;
    while (done < count) {
        result = move_one(arguments, arguments[1] + done * sizeof(struct linux_many), flags, is_send);
        if (result < 0)
            break;
        done++;
        if ((arguments[3] & LINUX_MSG_WAITFORONE) != 0)
            flags |= LINUX_MSG_DONTWAIT;
        if (until_ns != MACHINE_FOREVER && machine->clock_ns(machine->context) >= until_ns)
            break;
    }
    return done > 0 ? (int64_t)done : result;
}

int64_t system_call_sendmmsg(const uint64_t arguments[6]) {
    return move_many(arguments, true, MACHINE_FOREVER);
}

int64_t system_call_recvmmsg(const uint64_t arguments[6]) {
    struct files files = files_of_current();
    const struct vfs_machine *machine = files.vfs->machine;
    int64_t timeout[2];
    uint64_t until_ns = MACHINE_FOREVER;
    if (arguments[4] != 0) {
        if (!process_read(timeout, arguments[4], sizeof(timeout)))
            return -LINUX_EFAULT;
        if (timeout[0] < 0 || timeout[1] < 0 || timeout[1] >= (int64_t)SECOND_NS)
            return -LINUX_EINVAL;
        if ((uint64_t)timeout[0] < UINT64_MAX / SECOND_NS / 4)
            until_ns = machine->clock_ns(machine->context) + (uint64_t)timeout[0] * SECOND_NS + (uint64_t)timeout[1];
    }
    return move_many(arguments, false, until_ns);
}
