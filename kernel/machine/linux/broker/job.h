/*
 * Jobs: what may have to wait, or needs the caller's identity, is done by a short-lived child process of the kernel on
 * its own duplicates of descriptors. So the loop never waits (law 10), a job is cancelled by killing it, and credentials
 * are never changed in the kernel itself.
 */
#ifndef GROVE_LINUX_BROKER_JOB_H
#define GROVE_LINUX_BROKER_JOB_H

#include "kernel/machine/linux/broker/broker.h"

#define JOB_DESCRIPTORS_MAX 300

/* Runs in the child: returns the value of the call, or a negative error number. */
typedef int64_t job_work(void *context);
/* Runs in the kernel when the work is done and before the answer: may change the value. Optional. */
typedef int64_t job_finish(const struct broker_request *request, int64_t value, const void *context);

struct job_start {
    job_work *work;
    job_finish *finish;
    void *context; /* copied for `finish` when finish_bytes says so; the child has its own copy of everything */
    size_t finish_bytes;
    const int *descriptors; /* that the child keeps; all others are closed in it */
    unsigned descriptor_count;
};

/* LATER, or the error that the caller is to see (EAGAIN: too many jobs; ENOMEM). Descriptors stay the caller's. */
struct outcome job_start(const struct broker_request *request, const struct job_start *start);
/* End the jobs of a container whose broker goes. */
void job_cancel_all(const struct broker *broker);

#endif
