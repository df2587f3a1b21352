/* What the attacks of hostile.c and hostile_greed.c share. An attack is a function that returns one of these. */
#ifndef GROVE_TESTS_HOSTILE_H
#define GROVE_TESTS_HOSTILE_H

enum { STOPPED = 0, WORKED = 1, STRANGE = 2, IMPOSSIBLE = 3 };

extern const char *hostile_parameter; /* the last word of the command line, or "" */

/* What the result of a call that should have failed, with one of these errors, says. */
int judge(long result, int expected, int also);
/* The path of a name in the folder that the program was given; valid for the next call. */
const char *in_folder(const char *name);

int fork_bomb(void);
int memory_hog(void);
int hold_memory(void);
int sway_memory(void);
int breathe_memory(void);
int hold_processes(void);
int spin(void);
int descriptors(void);
int large_file(void);

#endif
