// The load of `deploy/bench echo`: opens WebSockets on one server, keeps messages in flight on each, and says what the
// server spent on them. One thread and one epoll, so that it fits on one core.
//
//   echo_load --port N --pid SERVER --sockets N [--flight N] [--size BYTES] [--seconds S] [--warm-up S] [--deflate]
//             [--tls] [--idle]
//
// It prints one JSON object. CPU is the server process's user and system time over the measured interval. Every message
// is one send, as independent writers would make them, also where several are in flight. With --idle nothing is sent:
// sockets are opened, and what they cost in time and resident memory is said.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

enum { connecting, securing, upgrading, open_ };

typedef struct {
    int fd;
    int state;
    SSL *tls;
    uint64_t sent_at;   // of the message in flight, where there is one at a time
    uint64_t skip;      // payload bytes of the answer still to come
    int queued;         // messages that the kernel did not take yet
    size_t part;        // bytes of the next one that it has taken
    int head_count;
    uint8_t head[1024]; // of a frame, or of the handshake's answer
} Peer;

static int port, sockets = 1, flight = 1, idle, uses_deflate, uses_tls;
static size_t size = 64;
static double seconds = 2, warm_up = 0.5;
static pid_t server;
static Peer *peers;
static int poll_fd;
static SSL_CTX *context;
static uint8_t *frame;
static size_t frame_count, answer_count;
static uint64_t messages;
static uint32_t *latencies;
static size_t latency_count;
enum { latency_limit = 1 << 20 };
static int is_measuring, opened;

static void fail(const char *what) {
    fprintf(stderr, "echo_load: %s: %s\n", what, errno ? strerror(errno) : "");
    exit(1);
}

static uint64_t now_of(clockid_t clock) {
    struct timespec time;
    if (clock_gettime(clock, &time)) fail("clock_gettime");
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static uint64_t now(void) { return now_of(CLOCK_MONOTONIC); }

static uint64_t server_cpu(void) {
    clockid_t clock;
    if (clock_getcpuclockid(server, &clock)) fail("clock_getcpuclockid");
    return now_of(clock);
}

static long resident(void) {
    char path[64];
    long pages = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", server);
    FILE *file = fopen(path, "r");
    if (!file || fscanf(file, "%*d %ld", &pages) != 1) fail(path);
    fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}

// A masked text frame; with --deflate of JSON, compressed without takeover.
static void make_frame(void) {
    uint8_t *payload = malloc(size + 1);
    for (size_t i = 0; i < size; i++) payload[i] = (uint8_t)('a' + i % 26);
    size_t count = size;
    uint8_t first = 0x81;
    if (uses_deflate) {
        char *text = (char *)payload;
        size_t at = 0;
        for (int n = 0; at < size; n++) {
            char item[128];
            int length = snprintf(item, sizeof item, "{\"type\":\"TEXT_MESSAGE_CONTENT\",\"id\":%d,\"delta\":\"word %x \"},", n, n * 2654435761u);
            size_t part = (size_t)length < size - at ? (size_t)length : size - at;
            memcpy(text + at, item, part);
            at += part;
        }
        uint8_t *packed = malloc(size * 2 + 64);
        z_stream stream = {0};
        deflateInit2(&stream, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY);
        stream.next_in = payload;
        stream.avail_in = (uInt)size;
        stream.next_out = packed;
        stream.avail_out = (uInt)(size * 2 + 64);
        deflate(&stream, Z_SYNC_FLUSH);
        count = stream.total_out - 4;
        deflateEnd(&stream);
        payload = packed;
        first = 0xC1;
    }
    frame = malloc(count + 14);
    size_t at = 0;
    frame[at++] = first;
    if (count < 126) {
        frame[at++] = (uint8_t)(0x80 | count);
    } else if (count < 65536) {
        frame[at++] = 0x80 | 126;
        frame[at++] = (uint8_t)(count >> 8);
        frame[at++] = (uint8_t)count;
    } else {
        frame[at++] = 0x80 | 127;
        for (int i = 7; i >= 0; i--) frame[at++] = (uint8_t)(count >> (8 * i));
    }
    static const uint8_t key[4] = {0x37, 0xFA, 0x21, 0x3D};
    memcpy(frame + at, key, 4);
    at += 4;
    for (size_t i = 0; i < count; i++) frame[at + i] = payload[i] ^ key[i & 3];
    frame_count = at + count;
    answer_count = count;
}

static ssize_t give(Peer *peer, const void *bytes, size_t count) {
    if (!peer->tls) return send(peer->fd, bytes, count, MSG_NOSIGNAL);
    int result = SSL_write(peer->tls, bytes, (int)count);
    if (result > 0) return result;
    errno = EAGAIN;
    return -1;
}

static ssize_t take(Peer *peer, void *bytes, size_t count) {
    if (!peer->tls) return recv(peer->fd, bytes, count, 0);
    int result = SSL_read(peer->tls, bytes, (int)count);
    if (result > 0) return result;
    int error = SSL_get_error(peer->tls, result);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) return 0;
    errno = EAGAIN;
    return -1;
}

static void watch(Peer *peer, uint32_t events, int operation) {
    struct epoll_event event = {.events = events, .data.ptr = peer};
    if (epoll_ctl(poll_fd, operation, peer->fd, &event)) fail("epoll_ctl");
}

static void send_queued(Peer *peer) {
    while (peer->queued) {
        ssize_t count = give(peer, frame + peer->part, frame_count - peer->part);
        if (count < 0) {
            if (errno != EAGAIN) fail("send");
            watch(peer, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
            return;
        }
        peer->part += (size_t)count;
        if (peer->part < frame_count) continue;
        peer->part = 0;
        peer->queued--;
        if (flight == 1) peer->sent_at = now();
    }
}

static void answered(Peer *peer) {
    if (is_measuring) {
        messages++;
        if (flight == 1 && latency_count < latency_limit) latencies[latency_count++] = (uint32_t)(now() - peer->sent_at);
    }
    peer->queued++;
}

static uint8_t buffer[1 << 18];

static void begin_connect(Peer *peer, int number) {
    peer->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (peer->fd < 0) fail("socket");
    int one = 1;
    setsockopt(peer->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    // Closed with a reset, so that no port waits afterwards; many sockets come from several loopback addresses.
    struct linger option = {1, 0};
    setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &option, sizeof option);
    setsockopt(peer->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + (uint32_t)number / 10000)};
    if (bind(peer->fd, (void *)&from, sizeof from)) fail("bind");
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (connect(peer->fd, (void *)&to, sizeof to) && errno != EINPROGRESS) fail("connect");
    peer->state = connecting;
    watch(peer, EPOLLOUT, EPOLL_CTL_ADD);
}

static void ask(Peer *peer) {
    char request[512];
    int count = snprintf(
        request, sizeof request,
        "GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s\r\n",
        port,
        uses_deflate ? "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n" : "");
    if (give(peer, request, (size_t)count) != count) fail("send of the handshake");
    peer->state = upgrading;
    watch(peer, EPOLLIN, EPOLL_CTL_MOD);
}

static void secure(Peer *peer) {
    if (!peer->tls) {
        peer->tls = SSL_new(context);
        SSL_set_fd(peer->tls, peer->fd);
        SSL_set_connect_state(peer->tls);
        peer->state = securing;
    }
    int result = SSL_do_handshake(peer->tls);
    if (result == 1) {
        ask(peer);
        return;
    }
    int error = SSL_get_error(peer->tls, result);
    if (error == SSL_ERROR_WANT_READ) watch(peer, EPOLLIN, EPOLL_CTL_MOD);
    else if (error == SSL_ERROR_WANT_WRITE) watch(peer, EPOLLOUT, EPOLL_CTL_MOD);
    else fail("TLS handshake");
}

// Looks for the end of the handshake's answer. Nothing follows it: the server speaks when it is spoken to.
static void upgraded(Peer *peer, const uint8_t *bytes, size_t count) {
    if (peer->head_count + count >= sizeof peer->head) fail("a long answer to the handshake");
    memcpy(peer->head + peer->head_count, bytes, count);
    peer->head_count += (int)count;
    if (peer->head_count < 4 || memcmp(peer->head + peer->head_count - 4, "\r\n\r\n", 4)) return;
    if (memcmp(peer->head + 9, "101", 3)) fail("no upgrade");
    if (uses_deflate && !memmem(peer->head, (size_t)peer->head_count, "permessage-deflate", 18)) fail("no compression");
    peer->head_count = 0;
    peer->state = open_;
    opened++;
}

static void frames(Peer *peer, const uint8_t *bytes, size_t count) {
    while (count) {
        if (peer->skip) {
            size_t part = peer->skip < count ? peer->skip : count;
            peer->skip -= part;
            bytes += part;
            count -= part;
            if (!peer->skip) answered(peer);
            continue;
        }
        peer->head[peer->head_count++] = *bytes++;
        count--;
        if (peer->head_count < 2) continue;
        uint8_t length = peer->head[1];
        int wanted = length < 126 ? 2 : length == 126 ? 4 : 10;
        if (peer->head_count < wanted) continue;
        uint64_t payload = length;
        if (wanted > 2) {
            payload = 0;
            for (int i = 2; i < wanted; i++) payload = payload << 8 | peer->head[i];
        }
        uint8_t opcode = peer->head[0] & 0xF;
        if (opcode != 1 || (!uses_deflate && payload != answer_count) || !payload) {
            errno = 0;
            fail("an answer that is none");
        }
        peer->head_count = 0;
        peer->skip = payload;
    }
}

static void ready(Peer *peer, uint32_t events) {
    if (peer->state == connecting) {
        int error = 0;
        socklen_t length = sizeof error;
        getsockopt(peer->fd, SOL_SOCKET, SO_ERROR, &error, &length);
        errno = error;
        if (error) fail("connect");
        if (uses_tls) secure(peer);
        else ask(peer);
        return;
    }
    if (peer->state == securing) {
        secure(peer);
        return;
    }
    if (events & EPOLLOUT) watch(peer, EPOLLIN, EPOLL_CTL_MOD);
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
        do {
            ssize_t count = take(peer, buffer, sizeof buffer);
            if (count < 0 && errno == EAGAIN) break;
            if (count <= 0) fail("the server closed a socket");
            if (peer->state == upgrading) upgraded(peer, buffer, (size_t)count);
            else frames(peer, buffer, (size_t)count);
        } while (peer->tls);
    }
    send_queued(peer);
}

static void turn(int milliseconds) {
    struct epoll_event events[512];
    int count = epoll_wait(poll_fd, events, 512, milliseconds);
    for (int i = 0; i < count; i++) ready(events[i].data.ptr, events[i].events);
}

static void run_for(double time) {
    uint64_t end = now() + (uint64_t)(time * 1e9);
    while (now() < end) turn(10);
}

static int compare(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void options(int count, char **words) {
    static const struct option names[] = {
        {"port", 1, 0, 'p'}, {"pid", 1, 0, 's'}, {"sockets", 1, 0, 'n'}, {"flight", 1, 0, 'f'},
        {"size", 1, 0, 'b'}, {"seconds", 1, 0, 't'}, {"warm-up", 1, 0, 'w'}, {"deflate", 0, 0, 'd'},
        {"tls", 0, 0, 'e'}, {"idle", 0, 0, 'i'}, {0, 0, 0, 0},
    };
    for (int option; (option = getopt_long(count, words, "", names, 0)) != -1;) {
        switch (option) {
        case 'p': port = atoi(optarg); break;
        case 's': server = atoi(optarg); break;
        case 'n': sockets = atoi(optarg); break;
        case 'f': flight = atoi(optarg); break;
        case 'b': size = (size_t)atol(optarg); break;
        case 't': seconds = atof(optarg); break;
        case 'w': warm_up = atof(optarg); break;
        case 'd': uses_deflate = 1; break;
        case 'e': uses_tls = 1; break;
        case 'i': idle = 1; break;
        default: exit(64);
        }
    }
    if (!port || !server || sockets < 1 || flight < 1 || size < 1) exit(64);
}

int main(int count, char **words) {
    options(count, words);
    signal(SIGPIPE, SIG_IGN);
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (uses_tls) context = SSL_CTX_new(TLS_client_method());
    poll_fd = epoll_create1(0);
    peers = calloc((size_t)sockets, sizeof *peers);
    latencies = malloc(latency_limit * sizeof *latencies);
    make_frame();

    // At most so many handshakes at a time.
    enum { handshakes = 256 };
    long before = resident();
    uint64_t cpu = server_cpu(), start = now();
    for (int begun = 0; opened < sockets;) {
        while (begun < sockets && begun - opened < handshakes) {
            begin_connect(&peers[begun], begun);
            begun++;
        }
        turn(1000);
        if (now() - start > 120000000000u) fail("not all sockets were opened in 120 s");
    }
    double open_seconds = (double)(now() - start) / 1e9;
    double open_cpu = (double)(server_cpu() - cpu) / 1e9;
    if (idle) {
        run_for(seconds);
        printf(
            "{\"openSeconds\": %.3f, \"openCPUSeconds\": %.3f, \"bytesPerSocket\": %.1f, \"residentBytes\": %ld}\n", open_seconds,
            open_cpu, (double)(resident() - before) / sockets, resident());
        return 0;
    }
    for (int i = 0; i < sockets; i++) {
        peers[i].queued = flight;
        send_queued(&peers[i]);
    }
    run_for(warm_up);
    is_measuring = 1;
    cpu = server_cpu();
    start = now();
    struct rusage own, own_end;
    getrusage(RUSAGE_SELF, &own);
    run_for(seconds);
    double time = (double)(now() - start) / 1e9;
    uint64_t used = server_cpu() - cpu;
    getrusage(RUSAGE_SELF, &own_end);
    double own_time = (double)(own_end.ru_utime.tv_sec - own.ru_utime.tv_sec + own_end.ru_stime.tv_sec - own.ru_stime.tv_sec)
        + (double)(own_end.ru_utime.tv_usec - own.ru_utime.tv_usec + own_end.ru_stime.tv_usec - own.ru_stime.tv_usec) / 1e6;
    if (!messages) {
        errno = 0;
        fail("no message was answered");
    }
    qsort(latencies, latency_count, sizeof *latencies, compare);
    printf(
        "{\"messages\": %llu, \"messagesPerSecond\": %.0f, \"cpuMicroseconds\": %.3f, \"serverCPU\": %.3f, \"loadCPU\": %.3f",
        (unsigned long long)messages, (double)messages / time, (double)used / 1e3 / (double)messages, (double)used / 1e9 / time,
        own_time / time);
    if (latency_count)
        printf(
            ", \"p50Microseconds\": %.1f, \"p99Microseconds\": %.1f", latencies[latency_count / 2] / 1e3,
            latencies[latency_count * 99 / 100] / 1e3);
    printf("}\n");
    return 0;
}
