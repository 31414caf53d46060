// What the thread sanitizer must be told of Swift's Mutex. The fast paths are inlined into instrumented code; who has to
// wait goes through these three functions of the standard library, which is not instrumented, and the sanitizer would
// take what the lock orders for races. `deploy/test --threads` links this into the program that it tests.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

void __tsan_acquire(void *address);
void __tsan_release(void *address);

#define SELF __attribute__((swift_context)) void *mutex
#define NAME(name) "$s15Synchronization12_MutexHandleV" name

__attribute__((swiftcall)) void lock_slow(uint32_t thread, SELF) __asm__(NAME("9_lockSlowyys6UInt32VF"));
__attribute__((swiftcall)) bool try_lock_slow(SELF) __asm__(NAME("12_tryLockSlowSbyF"));
__attribute__((swiftcall)) void unlock_slow(SELF) __asm__(NAME("11_unlockSlowyyF"));

static void *real(const char *name) {
    void *function = dlsym(RTLD_NEXT, name);
    if (!function) abort();
    return function;
}

__attribute__((swiftcall)) void lock_slow(uint32_t thread, SELF) {
    static __attribute__((swiftcall)) void (*function)(uint32_t, SELF);
    if (!function) function = real(NAME("9_lockSlowyys6UInt32VF"));
    function(thread, mutex);
    __tsan_acquire(mutex);
}

__attribute__((swiftcall)) bool try_lock_slow(SELF) {
    static __attribute__((swiftcall)) bool (*function)(SELF);
    if (!function) function = real(NAME("12_tryLockSlowSbyF"));
    bool result = function(mutex);
    if (result) __tsan_acquire(mutex);
    return result;
}

__attribute__((swiftcall)) void unlock_slow(SELF) {
    static __attribute__((swiftcall)) void (*function)(SELF);
    if (!function) function = real(NAME("11_unlockSlowyyF"));
    __tsan_release(mutex);
    function(mutex);
}
