// The least that a server of streams has to ask of the kernel: the system calls of a token, and nothing else. What it
// takes is what no gateway on this machine can go below.
//
//     floor [--port N] [--tokens N] [--pace MS] [--tick MS] [--ring]      a timer's token, one send each
//     floor --upstream PORT …                                             an upstream's: epoll_wait, recv and send each
//
// It takes WebSocket handshakes and answers every message with a stream: `--tokens` frames that are byte for byte as
// long as the gateway's, `--pace` apart, then RUN_FINISHED. There is no session, no database, no JSON, and one text for
// everybody. `--tick` handles due streams in groups of so many milliseconds. `--ring` sends, and receives from the
// upstream, through io_uring: the sends of a turn in one system call, receives by one request for all of a stream's life
// with buffers of the kernel's choice.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <netinet/tcp.h>
#include <openssl/sha.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { ENTRIES = 8192, BUFFERS = 4096, BUFFER = 1024 };

typedef struct stream {
    int client, upstream;
    // Tokens that are to be sent; lines of the upstream's answer that were read.
    long left, lines;
    uint64_t due;
    int opened, queued, dead;
    // Requests of the ring that still name it.
    int named;
    struct stream *next;
} stream;

static long length = 200;
static uint64_t pace = 20000000, tick = 1000000, gather;
static int upstream_port, epoll, uses_ring, delays_acks;
static stream *first, *last;
static volatile sig_atomic_t ended;
static char word[512], finished[256];
static int word_size, finished_size;

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static int frame(char *out, const char *text) {
    int size = (int)strlen(text), start = 2;
    out[0] = (char)0x81;
    out[1] = (char)size;
    if (size > 125) {
        out[1] = 126;
        out[2] = (char)(size >> 8);
        out[3] = (char)size;
        start = 4;
    }
    memcpy(out + start, text, (size_t)size);
    return start + size;
}

// --- the ring --------------------------------------------------------------------------------------------------------

static int ring;
static struct io_uring_sqe *requests;
static struct io_uring_cqe *answers;
static unsigned *request_tail, *answer_head, *answer_tail, request_mask, answer_mask, waiting;
static struct io_uring_buf_ring *buffer_ring;
static char *buffers;

static void ring_open(void) {
    struct io_uring_params params = {
        .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE, .cq_entries = 8 * ENTRIES};
    ring = (int)syscall(SYS_io_uring_setup, ENTRIES, &params);
    if (ring < 0) {
        perror("io_uring_setup");
        exit(69);
    }
    size_t size = params.cq_off.cqes + params.cq_entries * sizeof *answers;
    if (size < params.sq_off.array + ENTRIES * 4) size = params.sq_off.array + ENTRIES * 4;
    char *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQ_RING);
    requests = mmap(NULL, ENTRIES * sizeof *requests, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQES);
    request_tail = (unsigned *)(shared + params.sq_off.tail);
    request_mask = *(unsigned *)(shared + params.sq_off.ring_mask);
    unsigned *array = (unsigned *)(shared + params.sq_off.array);
    for (unsigned i = 0; i < ENTRIES; i++) array[i] = i;
    answer_head = (unsigned *)(shared + params.cq_off.head);
    answer_tail = (unsigned *)(shared + params.cq_off.tail);
    answer_mask = *(unsigned *)(shared + params.cq_off.ring_mask);
    answers = (struct io_uring_cqe *)(shared + params.cq_off.cqes);

    buffers = mmap(NULL, (size_t)BUFFERS * BUFFER, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    buffer_ring = mmap(NULL, BUFFERS * sizeof(struct io_uring_buf), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct io_uring_buf_reg place = {.ring_addr = (uint64_t)(uintptr_t)buffer_ring, .ring_entries = BUFFERS, .bgid = 1};
    if (syscall(SYS_io_uring_register, ring, IORING_REGISTER_PBUF_RING, &place, 1)) perror("buffers");
    for (int i = 0; i < BUFFERS; i++)
        buffer_ring->bufs[i] = (struct io_uring_buf){.addr = (uint64_t)(uintptr_t)(buffers + i * BUFFER), .len = BUFFER, .bid = (uint16_t)i};
    __atomic_store_n(&buffer_ring->tail, BUFFERS, __ATOMIC_RELEASE);
}

static void give_back(unsigned id) {
    uint16_t tail = buffer_ring->tail;
    struct io_uring_buf *place = &buffer_ring->bufs[tail & (BUFFERS - 1)];
    place->addr = (uint64_t)(uintptr_t)(buffers + id * BUFFER);
    place->len = BUFFER;
    place->bid = (uint16_t)id;
    __atomic_store_n(&buffer_ring->tail, (uint16_t)(tail + 1), __ATOMIC_RELEASE);
}

static void ring_enter(unsigned least, uint64_t *timeout) {
    struct __kernel_timespec time = {.tv_sec = timeout ? (long long)(*timeout / 1000000000u) : 0,
                                     .tv_nsec = timeout ? (long long)(*timeout % 1000000000u) : 0};
    struct io_uring_getevents_arg argument = {.ts = timeout ? (uint64_t)(uintptr_t)&time : 0};
    unsigned count = waiting;
    waiting = 0;
    syscall(SYS_io_uring_enter, ring, count, least, IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &argument, sizeof argument);
}

static struct io_uring_sqe *request(int operation, int descriptor, uint64_t data) {
    if (waiting == ENTRIES) ring_enter(0, NULL);
    struct io_uring_sqe *entry = &requests[*request_tail & request_mask];
    memset(entry, 0, sizeof *entry);
    entry->opcode = (uint8_t)operation;
    entry->fd = descriptor;
    entry->user_data = data;
    waiting++;
    __atomic_store_n(request_tail, *request_tail + 1, __ATOMIC_RELEASE);
    return entry;
}

// --- streams ---------------------------------------------------------------------------------------------------------

static void put(stream *s, const char *bytes, int size) {
    if (!uses_ring) {
        send(s->client, bytes, (size_t)size, MSG_NOSIGNAL);
        return;
    }
    struct io_uring_sqe *entry = request(IORING_OP_SEND, s->client, 0);
    entry->addr = (uint64_t)(uintptr_t)bytes;
    entry->len = (uint32_t)size;
    entry->msg_flags = MSG_NOSIGNAL;
    entry->flags = IOSQE_CQE_SKIP_SUCCESS;
}

static void enqueue(stream *s) {
    s->next = NULL;
    s->queued = 1;
    if (last) last->next = s;
    else first = s;
    last = s;
}

static void let_go(stream *s) {
    if (s->client < 0 && s->upstream < 0 && !s->queued && !s->named) free(s);
}

static void hang_up(stream *s) {
    if (s->upstream >= 0) {
        if (s->named) shutdown(s->upstream, SHUT_RDWR);
        close(s->upstream);
    }
    s->upstream = -1;
}

static void drop(stream *s) {
    s->dead = 1;
    if (s->client >= 0) close(s->client);
    s->client = -1;
    hang_up(s);
    let_go(s);
}

static void watch(int descriptor, void *who) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = who};
    epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event);
}

// The upstream's end of a stream is told from the client's by the lowest bit.
static void *upstream_end(stream *s) { return (char *)s + 1; }

static void receive_by_ring(stream *s) {
    struct io_uring_sqe *entry = request(IORING_OP_RECV, s->upstream, (uint64_t)(uintptr_t)s);
    entry->ioprio = IORING_RECV_MULTISHOT;
    entry->flags = IOSQE_BUFFER_SELECT;
    entry->buf_group = 1;
    s->named++;
}

static void begin(stream *s) {
    if (!upstream_port) {
        s->left = length;
        s->due = now();
        enqueue(s);
        return;
    }
    char body[128], text[512];
    int size = sprintf(body, "{\"messages\":[{\"content\":\"!tokens %ld %ld\"}]}", length, (long)(pace / 1000000u));
    size = sprintf(text, "POST /v1/chat/completions HTTP/1.1\r\nHost: floor\r\nContent-Length: %d\r\n\r\n%s", size, body);
    s->upstream = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)upstream_port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(s->upstream, (struct sockaddr *)&address, sizeof address) || send(s->upstream, text, (size_t)size, MSG_NOSIGNAL) < size) {
        drop(s);
        return;
    }
    s->lines = 0;
    int zero = 0;
    if (delays_acks) setsockopt(s->upstream, IPPROTO_TCP, TCP_QUICKACK, &zero, sizeof zero);
    if (uses_ring) receive_by_ring(s);
    else watch(s->upstream, upstream_end(s));
}

// A frame for each token that has come. An event of the upstream ends with the fourth line feed of its chunk, wherever
// the bytes are split; before the tokens are the head's five and the event of the role, behind them three events.
static void relay(stream *s, const char *bytes, size_t size) {
    const char *stop = bytes + size;
    for (const char *p = bytes; (p = memchr(p, '\n', (size_t)(stop - p))); p++) {
        long events = (++s->lines - 5) / 4 - 1;
        if ((s->lines - 5) % 4 || events <= 0) continue;
        if (events <= length) put(s, word, word_size);
        if (events == length + 3) {
            put(s, finished, finished_size);
            hang_up(s);
            return;
        }
    }
}

static void accept_key(const char *key, size_t size, char *out) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char text[128];
    unsigned char hash[21] = {0};
    int count = snprintf(text, sizeof text, "%.*s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", (int)(size > 64 ? 64 : size), key);
    SHA1((unsigned char *)text, (size_t)count, hash);
    for (int i = 0; i < 21; i += 3) {
        unsigned bits = (unsigned)hash[i] << 16 | (unsigned)hash[i + 1] << 8 | hash[i + 2];
        for (int j = 0; j < 4; j++) *out++ = digits[bits >> (18 - 6 * j) & 63];
    }
    out[-1] = '=';
    *out = 0;
}

static void receive(stream *s) {
    char bytes[65536];
    ssize_t size = recv(s->client, bytes, sizeof bytes - 1, 0);
    if (size <= 0) {
        if (size == 0 || errno != EAGAIN) drop(s);
        return;
    }
    if (!s->opened) {
        char key[64], answer[256];
        bytes[size] = 0;
        char *found = strcasestr(bytes, "sec-websocket-key:");
        if (!found) {
            drop(s);
            return;
        }
        found += 18 + strspn(found + 18, " ");
        accept_key(found, strcspn(found, "\r "), key);
        int count = sprintf(answer, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                    "Sec-WebSocket-Accept: %s\r\n\r\n", key);
        send(s->client, answer, (size_t)count, MSG_NOSIGNAL);
        s->opened = 1;
    } else if ((bytes[0] & 15) == 8) {
        send(s->client, "\x88\x02\x03\xe8", 4, MSG_NOSIGNAL);
        drop(s);
    } else if ((bytes[0] & 15) == 1 && !s->queued && s->upstream < 0) {
        begin(s);
    }
}

static void receive_upstream(stream *s) {
    char bytes[65536];
    ssize_t size = recv(s->upstream, bytes, sizeof bytes, 0);
    if (size > 0) relay(s, bytes, (size_t)size);
    else if (size == 0 || errno != EAGAIN) hang_up(s);
}

static void accept_all(int listener) {
    int descriptor, one = 1;
    while ((descriptor = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        stream *s = calloc(1, sizeof *s);
        s->client = descriptor;
        s->upstream = -1;
        watch(descriptor, s);
    }
}

// Serves those whose time has come; returns nanoseconds until the next look, UINT64_MAX: nobody waits.
static uint64_t turn(void) {
    uint64_t time = now();
    stream *s;
    while ((s = first) && s->due <= time) {
        first = s->next;
        if (!first) last = NULL;
        s->queued = 0;
        if (s->dead) {
            let_go(s);
            continue;
        }
        put(s, word, word_size);
        if (--s->left > 0) {
            s->due += pace;
            enqueue(s);
        } else {
            put(s, finished, finished_size);
        }
    }
    if (!first) return UINT64_MAX;
    uint64_t next = (first->due + tick - 1) / tick * tick;
    return next > time ? next - time : 0;
}

static void ready_by_epoll(int listener, int milliseconds) {
    struct epoll_event events[256];
    int count = epoll_wait(epoll, events, 256, milliseconds);
    for (int i = 0; i < count; i++) {
        uintptr_t who = (uintptr_t)events[i].data.ptr;
        if (!who) accept_all(listener);
        else if (who & 1) receive_upstream((stream *)(who - 1));
        else receive((stream *)who);
    }
}

static void ready_by_ring(int listener, uint64_t timeout) {
    static const uint64_t epoll_data = 1;
    static int is_watching;
    if (!is_watching) {
        request(IORING_OP_POLL_ADD, epoll, epoll_data)->poll32_events = EPOLLIN;
        is_watching = 1;
    }
    ring_enter(1, timeout == UINT64_MAX ? NULL : &timeout);
    unsigned head = *answer_head, tail = __atomic_load_n(answer_tail, __ATOMIC_ACQUIRE);
    int has_others = 0;
    for (; head != tail; head++) {
        struct io_uring_cqe *answer = &answers[head & answer_mask];
        if (answer->user_data == epoll_data) has_others = 1;
        if (answer->user_data <= epoll_data) continue;
        stream *s = (stream *)(uintptr_t)answer->user_data;
        if (answer->res > 0 && (answer->flags & IORING_CQE_F_BUFFER)) {
            unsigned id = answer->flags >> IORING_CQE_BUFFER_SHIFT;
            if (s->upstream >= 0) relay(s, buffers + id * BUFFER, (size_t)answer->res);
            give_back(id);
        }
        if (!(answer->flags & IORING_CQE_F_MORE)) {
            s->named--;
            if (answer->res == -ENOBUFS && s->upstream >= 0) receive_by_ring(s);
            else hang_up(s);
            let_go(s);
        }
    }
    __atomic_store_n(answer_head, head, __ATOMIC_RELEASE);
    if (has_others) {
        is_watching = 0;
        ready_by_epoll(listener, 0);
    }
}

static void stop(int number) {
    (void)number;
    ended = 1;
}

static void prepare(void) {
    word_size = frame(word, "{\"type\":\"TEXT_MESSAGE_CONTENT\",\"messageId\":\"01a1b2c3-d4e5-7f60-8192-a3b4c5d6e7f8\",\"delta\":\"word \","
                            "\"metadata\":{\"parley\":{\"threadId\":\"01a1b2c3-d4e5-7f60-8192-a3b4c5d6e7f8\",\"cursor\":\"01a1b2c3d4e5.1234\"}}}");
    finished_size = frame(finished, "{\"type\":\"RUN_FINISHED\"}");
}

int main(int count, char **arguments) {
    int port = 0;
    for (int i = 1; i < count; i++) {
        const char *name = arguments[i];
        if (!strcmp(name, "--ring")) uses_ring = 1;
        else if (!strcmp(name, "--delayed-acks")) delays_acks = 1;
        else if (i + 1 == count) return 64;
        else if (!strcmp(name, "--port")) port = atoi(arguments[++i]);
        else if (!strcmp(name, "--tokens")) length = atol(arguments[++i]);
        else if (!strcmp(name, "--pace")) pace = (uint64_t)atol(arguments[++i]) * 1000000u;
        else if (!strcmp(name, "--tick")) tick = (uint64_t)atol(arguments[++i]) * 1000000u;
        else if (!strcmp(name, "--gather")) gather = (uint64_t)atol(arguments[++i]) * 1000u;
        else if (!strcmp(name, "--upstream")) upstream_port = atoi(arguments[++i]);
        else return 64;
    }
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    prepare();

    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 8192)) {
        perror("floor");
        return 69;
    }
    getsockname(listener, (struct sockaddr *)&address, &size);
    printf("listening on %d\n", ntohs(address.sin_port));
    fflush(stdout);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    watch(listener, NULL);
    if (uses_ring) ring_open();
    uint64_t began = 0;
    while (!ended) {
        uint64_t wait = turn();
        if (gather) {
            uint64_t time = now();
            if (time - began < gather) {
                struct timespec rest = {.tv_nsec = (long)(gather - (time - began))};
                nanosleep(&rest, NULL);
            }
            began = now();
        }
        if (uses_ring) ready_by_ring(listener, wait);
        else ready_by_epoll(listener, wait == UINT64_MAX ? -1 : (int)((wait + 999999u) / 1000000u));
    }
    return 0;
}
