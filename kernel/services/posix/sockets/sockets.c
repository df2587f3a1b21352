/* Making, naming and connecting sockets: see sockets.h. */
#include "kernel/services/posix/sockets/sockets.h"

#define TYPE_MASK 0xfu

struct unix_domain sockets_unix;
struct inet_domain sockets_inet;

static void look(struct socket_credentials *credentials) {
    struct files files = files_of_current();
    *credentials = (struct socket_credentials){
        .process = files.process, .user = files.caller->identity.user, .group = files.caller->identity.group};
}

void sockets_prepare(struct vfs *vfs) {
    unix_domain_init(&sockets_unix, vfs, look);
    inet_domain_init(&sockets_inet, vfs, INET_BYTES_MAX);
}

int sockets_find(const struct files *files, uint64_t descriptor, struct open_file **file, struct socket **socket) {
    int status = get_usable_file(files, descriptor, file);
    if (status != 0)
        return status;
    *socket = socket_of(*file);
    if (*socket != NULL)
        return 0;
    file_unref(*file);
    return -LINUX_ENOTSOCK;
}

int64_t sockets_add(const struct files *files, struct socket *socket, uint32_t flags) {
    uint32_t number;
    struct open_file *file = socket_open(socket, (flags & LINUX_SOCK_NONBLOCK) != 0 ? LINUX_O_NONBLOCK : 0);
    if (file == NULL) {
        socket->operations->close(socket);
        return -LINUX_ENOMEM;
    }
    int status = descriptors_add(files->descriptors, file, 0, (flags & LINUX_SOCK_CLOEXEC) != 0, &number);
    if (status != 0)
        file_unref(file);
    return status != 0 ? status : (int64_t)number;
}

int sockets_read_name(uint64_t address, uint64_t size_bytes, struct socket_name *name) {
    uint32_t size = (uint32_t)size_bytes;
    if (size > SOCKET_NAME_BYTES)
        return -LINUX_EINVAL;
    *name = (struct socket_name){.size_bytes = size};
    return size == 0 || process_read(name->bytes, address, size) ? 0 : -LINUX_EFAULT;
}

int sockets_write_name(const struct socket_name *name, uint64_t address, uint64_t size_address) {
    int32_t room;
    if (!process_read(&room, size_address, sizeof(room)))
        return -LINUX_EFAULT;
    if (room < 0)
        return -LINUX_EINVAL;
    uint32_t size = (uint32_t)room < name->size_bytes ? (uint32_t)room : name->size_bytes;
    if (size > 0 && !process_write(address, name->bytes, size))
        return -LINUX_EFAULT;
    return process_write(size_address, &name->size_bytes, sizeof(name->size_bytes)) ? 0 : -LINUX_EFAULT;
}

static bool flags_are_known(uint64_t flags) {
    return ((uint32_t)flags & ~(LINUX_SOCK_NONBLOCK | LINUX_SOCK_CLOEXEC)) == 0;
}

static int create(const struct files *files, uint32_t family, uint32_t type, uint32_t protocol,
                  struct socket **created) {
    switch (family) {
    case LINUX_AF_UNIX:
        return unix_create(&sockets_unix, type, protocol, created);
    case LINUX_AF_INET:
    case LINUX_AF_INET6:
        return inet_create(&sockets_inet, files->caller, family, type, protocol, created);
    default:
        return -LINUX_EAFNOSUPPORT;
    }
}

int64_t system_call_socket(const uint64_t arguments[6]) {
    struct files files = files_of_current();
    uint32_t type = (uint32_t)arguments[1];
    struct socket *socket;
    if (!flags_are_known(type & ~TYPE_MASK))
        return -LINUX_EINVAL;
    int status = create(&files, (uint32_t)arguments[0], type & TYPE_MASK, (uint32_t)arguments[2], &socket);
    return status != 0 ? status : sockets_add(&files, socket, type);
}

int64_t system_call_socketpair(const uint64_t arguments[6]) {
    struct files files = files_of_current();
    uint32_t type = (uint32_t)arguments[1];
    struct socket *pair[2];
    if (!flags_are_known(type & ~TYPE_MASK))
        return -LINUX_EINVAL;
    if ((uint32_t)arguments[0] == LINUX_AF_INET || (uint32_t)arguments[0] == LINUX_AF_INET6)
        return -LINUX_EOPNOTSUPP;
    if ((uint32_t)arguments[0] != LINUX_AF_UNIX)
        return -LINUX_EAFNOSUPPORT;
    int status = unix_create_pair(&sockets_unix, type & TYPE_MASK, (uint32_t)arguments[2], pair);
    if (status != 0)
        return status;
    int64_t first = sockets_add(&files, pair[0], type);
    if (first < 0) {
        pair[1]->operations->close(pair[1]);
        return first;
    }
    int64_t second = sockets_add(&files, pair[1], type);
    int32_t numbers[2] = {(int32_t)first, (int32_t)second};
    if (second >= 0 && process_write(arguments[3], numbers, sizeof(numbers)))
        return 0;
    (void)descriptors_close(files.descriptors, (uint32_t)first);
    if (second < 0)
        return second;
    (void)descriptors_close(files.descriptors, (uint32_t)second);
    return -LINUX_EFAULT;
}

static bool may_wait(const struct open_file *file) {
    return (file_flags(file) & LINUX_O_NONBLOCK) == 0;
}

int64_t system_call_bind(const uint64_t arguments[6]) {
    struct files files = files_of_current();
    struct open_file *file;
    struct socket *socket;
    struct socket_name name;
    int status = sockets_find(&files, arguments[0], &file, &socket);
    if (status != 0)
        return status;
    status = sockets_read_name(arguments[1], arguments[2], &name);
    if (status == 0)
        status = socket->operations->bind(socket, files.caller, &name);
    file_unref(file);
    return status;
}

int64_t system_call_connect(const uint64_t arguments[6]) {
    struct files files = files_of_current();
    struct open_file *file;
    struct socket *socket;
    struct socket_name name;
    int status = sockets_find(&files, arguments[0], &file, &socket);
    if (status != 0)
        return status;
    status = sockets_read_name(arguments[1], arguments[2], &name);
    if (status == 0)
        status = socket->operations->connect(socket, files.caller, &name, may_wait(file));
    file_unref(file);
    return status;
}

int64_t system_call_listen(const uint64_t arguments[6]) {
    struct files files = files_of_current();
    struct open_file *file;
    struct socket *socket;
    int status = sockets_find(&files, arguments[0], &file, &socket);
    if (status != 0)
        return status;
    status = socket->operations->listen(socket, (uint32_t)arguments[1]);
    file_unref(file);
    return status;
}

int64_t system_call_shutdown(const uint64_t arguments[6]) {
    struct files files = files_of_current();
    struct open_file *file;
    struct socket *socket;
    int status = sockets_find(&files, arguments[0], &file, &socket);
    if (status != 0)
        return status;
    status = socket->operations->shut_down(socket, (uint32_t)arguments[1]);
    file_unref(file);
    return status;
}

/* ---- accepting ---- */

static int64_t add_accepted(const struct files *files, struct socket *accepted, const uint64_t arguments[6],
                            uint32_t flags) {
    struct socket_name name;
    if (arguments[1] != 0) {
        int status = accepted->operations->get_name(accepted, true, &name);
        if (status == -LINUX_ENOTCONN)
            status = -LINUX_ECONNABORTED;
        if (status == 0)
            status = sockets_write_name(&name, arguments[1], arguments[2]);
        if (status != 0) {
            accepted->operations->close(accepted);
            return status;
        }
    }
    return sockets_add(files, accepted, flags);
}

static int64_t accept_with(const uint64_t arguments[6], uint32_t flags) {
    struct files files = files_of_current();
    struct open_file *file;
    struct socket *socket, *accepted;
    if (!flags_are_known(flags))
        return -LINUX_EINVAL;
    int status = sockets_find(&files, arguments[0], &file, &socket);
    if (status != 0)
        return status;
    status = socket->operations->accept(socket, may_wait(file), &accepted);
    file_unref(file);
    return status != 0 ? status : add_accepted(&files, accepted, arguments, flags);
}

int64_t system_call_accept(const uint64_t arguments[6]) {
    return accept_with(arguments, 0);
}

int64_t system_call_accept4(const uint64_t arguments[6]) {
    return accept_with(arguments, (uint32_t)arguments[3]);
}

/* ---- what is asked ---- */

static int64_t tell_name(const uint64_t arguments[6], bool of_peer) {
    struct files files = files_of_current();
    struct open_file *file;
    struct socket *socket;
    struct socket_name name;
    int status = sockets_find(&files, arguments[0], &file, &socket);
    if (status != 0)
        return status;
    status = socket->operations->get_name(socket, of_peer, &name);
    if (status == 0)
        status = sockets_write_name(&name, arguments[1], arguments[2]);
    file_unref(file);
    return status;
}

int64_t system_call_getsockname(const uint64_t arguments[6]) {
    return tell_name(arguments, false);
}

int64_t system_call_getpeername(const uint64_t arguments[6]) {
    return tell_name(arguments, true);
}

#define OPTION_BYTES 256u

int64_t system_call_getsockopt(const uint64_t arguments[6]) {
    struct files files = files_of_current();
    struct open_file *file;
    struct socket *socket;
    uint8_t value[OPTION_BYTES];
    int32_t room;
    int status = sockets_find(&files, arguments[0], &file, &socket);
    if (status != 0)
        return status;
    status = process_read(&room, arguments[4], sizeof(room)) ? 0 : -LINUX_EFAULT;
    if (status == 0 && room < 0)
        status = -LINUX_EINVAL;
    if (status == 0) {
        uint32_t size = (uint32_t)room < OPTION_BYTES ? (uint32_t)room : OPTION_BYTES;
        status = socket_get_option(socket, (uint32_t)arguments[1], (uint32_t)arguments[2], value, &size);
        if (status == 0 &&
            (!process_write(arguments[3], value, size) || !process_write(arguments[4], &size, sizeof(size))))
            status = -LINUX_EFAULT;
    }
    file_unref(file);
    return status;
}

int64_t system_call_setsockopt(const uint64_t arguments[6]) {
    struct files files = files_of_current();
    struct open_file *file;
    struct socket *socket;
    uint8_t value[OPTION_BYTES];
    int32_t room = (int32_t)arguments[4];
    if (room < 0)
        return -LINUX_EINVAL;
    int status = sockets_find(&files, arguments[0], &file, &socket);
    if (status != 0)
        return status;
    uint32_t size = (uint32_t)room < OPTION_BYTES ? (uint32_t)room : OPTION_BYTES;
    if (process_read(value, arguments[3], size))
        status = socket_set_option(socket, (uint32_t)arguments[1], (uint32_t)arguments[2], value, size);
    else
        status = -LINUX_EFAULT;
    file_unref(file);
    return status;
}
