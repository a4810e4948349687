// A Vulkan driver that forwards to another one and loses its device once a file exists.
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef void (*Function)(void);
typedef Function (*GetProcAddr)(void *object, const char *name);
static const int32_t VK_ERROR_DEVICE_LOST = -4;

static void *driver(void) {
    static void *handle;
    if (!handle) handle = dlopen(getenv("LOST_DEVICE_DRIVER"), RTLD_NOW | RTLD_LOCAL);
    return handle;
}

static GetProcAddr driver_get(const char *name) { return (GetProcAddr)dlsym(driver(), name); }

static int32_t (*submit)(void *, uint32_t, const void *, uint64_t);
static GetProcAddr device_get;

static int32_t submit_or_lose(void *queue, uint32_t n, const void *submits, uint64_t fence) {
    if (access(getenv("LOST_DEVICE_FILE"), F_OK) == 0) return VK_ERROR_DEVICE_LOST;
    return submit(queue, n, submits, fence);
}

static Function of_device(void *device, const char *name) {
    Function found = device_get(device, name);
    if (found && strcmp(name, "vkQueueSubmit") == 0) {
        submit = (int32_t (*)(void *, uint32_t, const void *, uint64_t))found;
        return (Function)submit_or_lose;
    }
    return found;
}

Function vk_icdGetInstanceProcAddr(void *instance, const char *name) {
    Function found = driver_get("vk_icdGetInstanceProcAddr")(instance, name);
    if (found && strcmp(name, "vkGetDeviceProcAddr") == 0) {
        device_get = (GetProcAddr)found;
        return (Function)of_device;
    }
    return found;
}

Function vk_icdGetPhysicalDeviceProcAddr(void *instance, const char *name) {
    GetProcAddr get = driver_get("vk_icdGetPhysicalDeviceProcAddr");
    return get ? get(instance, name) : 0;
}

int32_t vk_icdNegotiateLoaderICDInterfaceVersion(uint32_t *version) {
    return ((int32_t(*)(uint32_t *))dlsym(driver(), "vk_icdNegotiateLoaderICDInterfaceVersion"))(version);
}
