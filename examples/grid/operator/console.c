/* The prompt and the window; see console.h. One console in a process: readline's callbacks carry no context. */
#include "examples/grid/operator/console.h"

#include <stdio.h>

#include <readline/history.h>
#include <readline/readline.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS_MAX 32
#define PROMPT_ROWS_LEAST 4u

static struct console *the_console;

static int command_trip(struct console *console, int count, char **words);
static int command_reset(struct console *console, int count, char **words);
static int command_acknowledge(struct console *console, int count, char **words);
static int command_help(struct console *console, int count, char **words);
static int command_quit(struct console *console, int count, char **words);
static void window_measure(struct console *console);
static void window_set(const struct console *console);

static const struct {
    const char *name, *help;
    int (*run)(struct console *console, int count, char **words);
} commands[] = {
    {"trip", "trip N        open the breaker of feeder N", command_trip},
    {"reset", "reset [N]     close the tripped breaker of feeder N, or all, and arm the shedding stages",
     command_reset},
    {"ack", "ack [N]       acknowledge alarm N, or all", command_acknowledge},
    {"help", "help          this list; any other word is a command of grove: ps, logs NAME, kill NAME, why NAME ...",
     command_help},
    {"quit", "quit          end the run", command_quit},
};
#define COMMAND_COUNT (sizeof commands / sizeof commands[0])

/* The number after the command; `otherwise` if there is none. False and a sentence if it is no number. */
static bool number_of(int count, char **words, long otherwise, uint32_t *number) {
    char *end = NULL;
    long value = count > 1 ? strtol(words[1], &end, 10) : otherwise;
    if ((count > 1 && (*end != 0 || end == words[1])) || value < 0 || value > 65535) {
        printf("%s: write a number after it\n", words[0]);
        return false;
    }
    *number = (uint32_t)value;
    return true;
}

static int call_with_number(struct console *console, enum source source, uint32_t method, int count, char **words,
                            long otherwise) {
    uint32_t number;
    if (!number_of(count, words, otherwise, &number))
        return GROVE_INVALID;
    int status = snapshot_call(console->snapshot, source, method, &number, sizeof number);
    if (status < 0)
        printf("%s: %s\n", words[0], grove_last_error());
    return status;
}

static int command_trip(struct console *console, int count, char **words) {
    return call_with_number(console, SOURCE_PROTECT, PROTECT_TRIP, count, words, -1);
}

static int command_reset(struct console *console, int count, char **words) {
    return call_with_number(console, SOURCE_PROTECT, PROTECT_RESET, count, words, 0);
}

static int command_acknowledge(struct console *console, int count, char **words) {
    return call_with_number(console, SOURCE_ALARM, ALARM_ACKNOWLEDGE, count, words, 0);
}

static int command_help(struct console *console, int count, char **words) {
    (void)console, (void)count, (void)words;
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        puts(commands[i].help);
    return 0;
}

/* Without its handler readline shows no further prompt. */
static void end_console(struct console *console) {
    console->must_end = true;
    rl_callback_handler_remove();
}

static int command_quit(struct console *console, int count, char **words) {
    (void)count, (void)words;
    end_console(console);
    return 0;
}

/* Everything else is for grove. It has the terminal meanwhile; an interrupt is for it and not for the view. */
static void run_grove(struct console *console, int count, char **words) {
    char *arguments[WORDS_MAX + 2] = {NULL};
    char grove[] = "grove";
    arguments[0] = grove;
    for (int i = 0; i < count; i++)
        arguments[i + 1] = words[i];
    bool has_name = strcmp(words[0], "grove") == 0;
    fflush(stdout);
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
    sigaction(SIGINT, &ignore, &before);
    rl_deprep_terminal();
    pid_t child = fork();
    if (child == 0) {
        struct sigaction usual = {.sa_handler = SIG_DFL};
        sigaction(SIGINT, &usual, NULL);
        execv(console->grove, has_name ? arguments + 1 : arguments);
        perror(console->grove);
        _exit(127);
    }
    if (child > 0)
        while (waitpid(child, NULL, 0) < 0)
            continue;
    rl_prep_terminal(1);
    sigaction(SIGINT, &before, NULL);
    /* What it wrote stays; readline shows the prompt below when this returns. */
    window_measure(console);
    window_set(console);
}

static void run_words(struct console *console, int count, char **words) {
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i].name, words[0]) == 0) {
            (void)commands[i].run(console, count, words); /* it has said what was wrong */
            return;
        }
    run_grove(console, count, words);
}

static void on_line(char *line) {
    char *words[WORDS_MAX + 1] = {NULL};
    int count = 0;
    if (line == NULL) {
        end_console(the_console);
        return;
    }
    if (*line)
        add_history(line);
    char *rest = NULL;
    for (char *word = strtok_r(line, " \t", &rest); word != NULL && count < WORDS_MAX;
         word = strtok_r(NULL, " \t", &rest))
        words[count++] = word;
    if (count > 0)
        run_words(the_console, count, words);
    free(line);
}

static void window_measure(struct console *console) {
    struct winsize size = {0};
    bool is_known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0;
    console->rows = is_known ? size.ws_row : 24;
    console->columns = is_known ? size.ws_col : 80;
    unsigned wanted = console->rows * 2 / 3;
    console->view_rows = wanted + PROMPT_ROWS_LEAST > console->rows ? 0 : wanted;
}

/* Keep the upper rows for the view, put the cursor to the bottom. */
static void window_set(const struct console *console) {
    printf("\033[%u;%ur\033[%u;1H", console->view_rows + 1, console->rows, console->rows);
    fflush(stdout);
}

static void window_divide(const struct console *console) {
    fputs("\033[2J", stdout);
    window_set(console);
}

void console_open(struct console *console) {
    the_console = console;
    window_measure(console);
    window_divide(console);
    rl_catch_signals = 0;
    rl_callback_handler_install("grove> ", on_line);
}

void console_close(struct console *console) {
    rl_callback_handler_remove();
    printf("\033[r\033[%u;1H\n", console->rows);
    fflush(stdout);
}

void console_read(struct console *console) {
    (void)console;
    rl_callback_read_char();
}

void console_resize(struct console *console) {
    window_measure(console);
    window_divide(console);
    rl_reset_screen_size();
    rl_on_new_line();
    rl_redisplay();
}

void console_stop(struct console *console) {
    struct sigaction usual = {.sa_handler = SIG_DFL}, before;
    rl_deprep_terminal();
    printf("\033[r\033[%u;1H\n", console->rows);
    fflush(stdout);
    sigaction(SIGTSTP, &usual, &before);
    raise(SIGTSTP);
    sigaction(SIGTSTP, &before, NULL);
    rl_prep_terminal(1);
    console_resize(console);
}

void console_draw(struct console *console, const struct grid_config *config) {
    static struct view view;
    view.columns = console->columns;
    view.has_colour = getenv("NO_COLOR") == NULL;
    view.alarms_most = console->view_rows / 3;
    view_make(&view, console->snapshot, config, grove_now_ns());
    fputs("\0337", stdout);
    for (unsigned row = 0; row < console->view_rows; row++) {
        bool is_last = row + 1 == console->view_rows;
        printf("\033[%u;1H\033[2K", row + 1);
        if (is_last)
            for (unsigned i = 0; i < console->columns; i++)
                putchar('-');
        else if (row < view.count)
            fputs(view.line[row], stdout);
    }
    fputs("\0338", stdout);
    fflush(stdout);
}
