/*
 * NOTIFY_SOCKET (sd_notify(3)): a datagram socket in the container's view, at NOTIFY_PLACE, whose other end is the kernel. What is sent
 * there is hostile text of which one line counts, READY=1; descriptors sent with it are closed unseen. It is read at once, in the
 * context of who sends, so nothing waits there.
 *
 * One for each instance. Opened and closed with the lock of containers; messages come without it, and become news.
 */
#ifndef GROVE_CONTAINERS_NOTIFY_H
#define GROVE_CONTAINERS_NOTIFY_H

struct caller;
struct container_record;

/* `maker` sees the place where it is made. -LINUX_ENOMEM, ENFILE, and errors of making a node. */
int notify_open(struct container_record *record, const struct caller *maker);
/* Nothing that was sent there is heard of any more. Does nothing where there is none. */
void notify_close(struct container_record *record);

#endif
