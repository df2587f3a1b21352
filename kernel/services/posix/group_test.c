#include "kernel/services/posix/test/world.h"
int main(void) { return 0; }
