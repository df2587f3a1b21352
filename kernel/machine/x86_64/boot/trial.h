/*
 * Faults made on purpose, so that a test sees what stops them: `try=NAME` on the command line. Each ends in a panic; one
 * that comes back was stopped by nothing, which is a failure.
 */
#ifndef GROVE_X86_64_TRIAL_H
#define GROVE_X86_64_TRIAL_H

/* Do what the command line asks for; returns if it asks for nothing. */
void trial_run(const char *command_line);

#endif
