/*
 * What containers need of the rest of the kernel, handed in when they are set up, so that all of it is tested on any
 * computer: memory that programs map, and programs. Files, pipes and the clock come from the file system layer.
 *
 * Answers are 0 or the negative of an enum linux_error. All is called with the lock of containers held (inside.h) and without
 * spin locks, and may sleep, but for no longer than memory or a lock takes: never for a program.
 */
#ifndef GROVE_CONTAINERS_HOST_H
#define GROVE_CONTAINERS_HOST_H

#include "grove/abi/spec.h"
#include "kernel/machine/bare/mm/account.h"
#include "kernel/machine/bare/sched/sched.h"
#include "kernel/services/vfs/descriptors.h"

/* fcntl(2)'s seals. */
#define LINUX_F_SEAL_SEAL 0x01u
#define LINUX_F_SEAL_SHRINK 0x02u
#define LINUX_F_SEAL_GROW 0x04u
#define LINUX_F_SEAL_WRITE 0x08u
#define LINUX_F_SEAL_FUTURE_WRITE 0x10u

/* Memory files, as memfd_create(2) makes them: programs map them, and see their size and their seals. */
struct host_memory {
    /* Zeros, one reference; its pages are charged to the account. -LINUX_ENOMEM, EFBIG. */
    int (*create)(void *context, uint64_t size_bytes, struct memory_account *account, struct open_file **memory);
    /* The same with what `from`, which is one, begins with; pages that are not there stay so. */
    int (*clone)(void *context, struct open_file *from, uint64_t size_bytes, struct memory_account *account,
                 struct open_file **memory);
    /* Any open file: -LINUX_EINVAL if it is no memory file. */
    int (*get_seals)(void *context, struct open_file *file, uint32_t *seals);
    int (*add_seals)(void *context, struct open_file *memory, uint32_t seals);
    /* From its beginning. Any open file, of which get_seals told seals. -LINUX_EINVAL: it is shorter. */
    int (*read)(void *context, struct open_file *memory, void *buffer, size_t size_bytes);
    /*
     * Its first page as the kernel sees it, whatever its seals, made if it is a hole; it stays until it is released, even if the
     * file has another by then. NULL without memory.
     */
    void *(*hold_page)(void *context, struct open_file *memory);
    void (*release_page)(void *context, void *page);
    /* Wake all programs that sleep on the word at this offset. */
    void (*wake)(void *context, struct open_file *memory, uint64_t offset_bytes);
};

/* Where a program finds its readiness socket, if its spec wants one: NOTIFY_SOCKET in its environment says so. */
#define NOTIFY_PLACE "/run/notify"

struct instance;
struct program;

/* What a program begins with. All of it but the spec is the host's from a successful begin on. */
struct program_plan {
    struct instance *instance; /* what its processes carry, those that it forks too; for the calls below */
    /* Executable, arguments, environment, directory, flags that add to the environment; stays as long as the instance. */
    const struct grove_spec *spec;
    struct caller caller; /* root and folder are counted */
    struct descriptors *descriptors;
    struct memory_account *memory,
        *processes; /* each thread is one page of the latter, and each process that nobody waited for */
    struct sched_group *group;
    struct grove_schedule schedule;
    uint64_t file_bytes; /* RLIMIT_FSIZE; 0: no limit */
    uint32_t user, group_id;
};

/*
 * Programs of containers. What becomes of one is told by instance_runs, instance_failed, instance_frozen and instance_ended
 * (containers.h). Its first process takes all others of the instance with it when it ends.
 */
struct host_programs {
    /*
     * Its first process, which loads the program in its own time. *program stays until `forget`. -LINUX_ENOMEM, EAGAIN.
     */
    int (*begin)(void *context, const struct program_plan *plan, struct program **program);
    /* All processes of the instance. */
    void (*kill)(void *context, struct program *program);
    /* The first process. -LINUX_EINVAL, ESRCH. */
    int (*signal)(void *context, struct program *program, uint32_t signal);
    /* instance_frozen follows. -LINUX_ENOSYS: it cannot be done here. */
    int (*freeze)(void *context, struct program *program);
    void (*thaw)(void *context, struct program *program);
    /* Every thread of it, and what comes of them. -LINUX_EINVAL, EPERM, EBUSY: a deadline that there is no room for. */
    int (*schedule)(void *context, struct program *program, const struct grove_schedule *schedule);
    /* Number of its first process, for people. */
    int32_t (*number)(void *context, const struct program *program);
    /*
     * Whose program the current thread belongs to; NULL: to none. *call is the number of the system call that it is in. The instance
     * stays as long as the thread does. With any locks held.
     */
    struct instance *(*current)(void *context, uint16_t *call);
    /* It has ended, and instance_ended or instance_failed was called. */
    void (*forget)(void *context, struct program *program);
};

struct containers_host {
    struct host_memory memory;
    struct host_programs programs;
    struct scheduler *scheduler;
    void *context;
};

#endif
