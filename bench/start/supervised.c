/* What runit and s6 supervise in the comparison: says its process number through a FIFO and waits. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv) {
    char text[32];
    int fifo = argc > 1 ? open(argv[1], O_WRONLY | O_CLOEXEC) : -1;
    int length = snprintf(text, sizeof text, "%d\n", (int)getpid());
    if (fifo < 0 || write(fifo, text, (size_t)length) != length) {
        return 1;
    }
    for (;;) {
        pause();
    }
}
