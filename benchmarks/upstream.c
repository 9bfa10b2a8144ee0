/* A server that answers from memory: one thread, one epoll, no allocation while it serves.
 *
 *   upstream TABLE SECONDS
 *
 * It listens on a free port of 127.0.0.1, prints that port, and ends after so many seconds or with
 * the process that started it. TABLE holds answers, one after the other: a line
 *
 *   NAME WAIT PAUSE WRITES SIZE...
 *
 * (WAIT before the first write and PAUSE before every other one, in microseconds; one SIZE for each
 * write), and then the bytes of all writes. A request for /NAME/... is given the answer of that
 * name. Its body, which must have a Content-Length, is read and thrown away.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { HEAD_LIMIT = 8192, NAME_LIMIT = 64, ANSWER_LIMIT = 128, BATCH = 256, SCRATCH = 1 << 18 };

typedef struct {
    char name[NAME_LIMIT];
    uint32_t wait, pause;
    size_t writes;
    size_t *sizes;
    const char *bytes;
} answer_t;

/* A socket and its timer are both watched; what epoll hands back is one of the two members. */
typedef struct connection connection_t;
typedef struct {
    connection_t *owner;
    int fd;
} watched_t;

struct connection {
    watched_t socket, timer;
    char head[HEAD_LIMIT];
    size_t head_length;
    size_t body_left;       /* of the request that is being read */
    const answer_t *chosen; /* for the request that is being read or answered */
    bool answering, wants_out, doomed;
    size_t write, at;       /* the write under way, and how much of it is out */
    const char *cursor;
    connection_t *next_doomed;
};

static answer_t answers[ANSWER_LIMIT];
static size_t answer_count;
static int poller;
static connection_t *doomed_list;
static char scratch[SCRATCH];

static const answer_t nothing_here = {
    .name = "",
    .writes = 1,
    .sizes = (size_t[]){45},
    .bytes = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
};

static void fail(const char *what) {
    perror(what);
    exit(EXIT_FAILURE);
}

/* --- the table --------------------------------------------------------------------------- */

static unsigned long number(char **cursor) { return strtoul(*cursor, cursor, 10); }

static void read_table(const char *path) {
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) fail(path);
    size_t length = (size_t)ftell(file);
    rewind(file);
    char *text = malloc(length + 1), *cursor = text;
    if (text == NULL || fread(text, 1, length, file) != length) fail(path);
    fclose(file);
    text[length] = '\0';
    while (cursor < text + length) {
        if (answer_count == ANSWER_LIMIT) fail("too many answers");
        answer_t *answer = &answers[answer_count++];
        size_t name_length = strcspn(cursor, " ");
        if (name_length >= NAME_LIMIT) fail("a name is too long");
        memcpy(answer->name, cursor, name_length);
        cursor += name_length;
        answer->wait = (uint32_t)number(&cursor);
        answer->pause = (uint32_t)number(&cursor);
        answer->writes = number(&cursor);
        answer->sizes = calloc(answer->writes, sizeof *answer->sizes);
        if (answer->sizes == NULL) fail("calloc");
        size_t total = 0;
        for (size_t i = 0; i < answer->writes; i++) total += answer->sizes[i] = number(&cursor);
        answer->bytes = ++cursor; /* after the line's end */
        cursor += total;
    }
}

/* --- connections ------------------------------------------------------------------------- */

static void watch(watched_t *what, int operation, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = what};
    if (epoll_ctl(poller, operation, what->fd, &event) != 0) fail("epoll_ctl");
}

/* It is freed after the batch of events, which may name it once more. */
static void doom(connection_t *connection) {
    if (connection->doomed) return;
    connection->doomed = true;
    close(connection->socket.fd);
    if (connection->timer.fd >= 0) close(connection->timer.fd);
    connection->next_doomed = doomed_list;
    doomed_list = connection;
}

static void accept_all(int listener) {
    int fd, on = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        connection_t *connection = calloc(1, sizeof *connection);
        if (connection == NULL) fail("calloc");
        connection->socket = (watched_t){connection, fd};
        connection->timer = (watched_t){connection, -1};
        watch(&connection->socket, EPOLL_CTL_ADD, EPOLLIN);
    }
}

static void want_out(connection_t *connection, bool wanted) {
    if (connection->wants_out == wanted) return;
    connection->wants_out = wanted;
    watch(&connection->socket, EPOLL_CTL_MOD, wanted ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void sleep_for(connection_t *connection, uint32_t microseconds) {
    if (connection->timer.fd < 0) {
        connection->timer.fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
        if (connection->timer.fd < 0) fail("timerfd_create");
        watch(&connection->timer, EPOLL_CTL_ADD, EPOLLIN);
    }
    struct itimerspec when = {
        .it_value = {.tv_sec = microseconds / 1000000, .tv_nsec = microseconds % 1000000 * 1000L}};
    timerfd_settime(connection->timer.fd, 0, &when, NULL);
}

/* Write until the socket is full, a pause is due, or the answer is out. */
static void go_on(connection_t *connection) {
    const answer_t *answer = connection->chosen;
    while (connection->write < answer->writes) {
        size_t left = answer->sizes[connection->write] - connection->at;
        ssize_t sent = send(connection->socket.fd, connection->cursor, left, MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno != EAGAIN) doom(connection);
            else want_out(connection, true);
            return;
        }
        connection->cursor += sent;
        connection->at += (size_t)sent;
        if ((size_t)sent < left) continue;
        connection->at = 0;
        if (++connection->write < answer->writes && answer->pause > 0) {
            want_out(connection, false);
            sleep_for(connection, answer->pause);
            return;
        }
    }
    want_out(connection, false);
    connection->answering = false;
    connection->chosen = NULL;
}

static void begin(connection_t *connection) {
    connection->answering = true;
    connection->write = connection->at = 0;
    connection->cursor = connection->chosen->bytes;
    if (connection->chosen->wait > 0) sleep_for(connection, connection->chosen->wait);
    else go_on(connection);
}

/* --- requests ---------------------------------------------------------------------------- */

static const answer_t *find(const char *head) {
    const char *name = strchr(head, '/');
    if (name == NULL) return &nothing_here;
    size_t length = strcspn(++name, "/ ?\r");
    for (size_t i = 0; i < answer_count; i++)
        if (strncmp(answers[i].name, name, length) == 0 && answers[i].name[length] == '\0')
            return &answers[i];
    return &nothing_here;
}

/* Take the head, as far as it is here; how many of these bytes were of it. */
static size_t take_head(connection_t *connection, const char *data, size_t length) {
    size_t before = connection->head_length, room = HEAD_LIMIT - 1 - before;
    size_t taken = length < room ? length : room;
    memcpy(connection->head + before, data, taken);
    connection->head[before + taken] = '\0';
    char *end = strstr(connection->head + (before < 3 ? 0 : before - 3), "\r\n\r\n");
    if (end == NULL) {
        connection->head_length += taken;
        if (connection->head_length == HEAD_LIMIT - 1) doom(connection);
        return taken;
    }
    end[2] = '\0';
    const char *field = strcasestr(connection->head, "\r\ncontent-length:");
    connection->body_left = field == NULL ? 0 : strtoul(field + 17, NULL, 10);
    connection->chosen = find(connection->head);
    connection->head_length = 0;
    return (size_t)(end + 4 - connection->head) - before;
}

static void receive(connection_t *connection) {
    ssize_t got = recv(connection->socket.fd, scratch, SCRATCH, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0 || connection->answering) { /* gone; or talking while it should listen */
        doom(connection);
        return;
    }
    const char *data = scratch;
    size_t left = (size_t)got;
    while (left > 0 && !connection->doomed) {
        size_t step;
        if (connection->chosen == NULL) {
            step = take_head(connection, data, left);
        } else {
            step = left < connection->body_left ? left : connection->body_left;
            connection->body_left -= step;
        }
        data += step;
        left -= step;
        if (connection->chosen != NULL && connection->body_left == 0) {
            if (left > 0) doom(connection); /* pipelining is not spoken */
            else begin(connection);
            return;
        }
    }
}

/* --- the loop ---------------------------------------------------------------------------- */

static void handle(watched_t *what) {
    connection_t *connection = what->owner;
    uint64_t expirations;
    if (connection->doomed) return;
    if (what == &connection->timer) {
        if (read(what->fd, &expirations, sizeof expirations) > 0) go_on(connection);
        return;
    }
    receive(connection);
    if (!connection->doomed && connection->wants_out) go_on(connection);
}

static int listen_anywhere(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&address, length) != 0) fail("bind");
    if (listen(listener, SOMAXCONN) != 0) fail("listen");
    getsockname(listener, (struct sockaddr *)&address, &length);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return listener;
}

int main(int count, char **arguments) {
    if (count != 3) {
        fprintf(stderr, "usage: upstream TABLE SECONDS\n");
        return 2;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_TIMERSLACK, 1UL);
    alarm((unsigned)atoi(arguments[2]));
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    read_table(arguments[1]);
    poller = epoll_create1(EPOLL_CLOEXEC);
    watched_t listener = {NULL, listen_anywhere()};
    watch(&listener, EPOLL_CTL_ADD, EPOLLIN);
    for (;;) {
        struct epoll_event events[BATCH];
        int ready = epoll_wait(poller, events, BATCH, -1);
        for (int i = 0; i < ready; i++) {
            watched_t *what = events[i].data.ptr;
            if (what == &listener) accept_all(listener.fd);
            else handle(what);
        }
        while (doomed_list != NULL) {
            connection_t *gone = doomed_list;
            doomed_list = gone->next_doomed;
            free(gone);
        }
    }
}
