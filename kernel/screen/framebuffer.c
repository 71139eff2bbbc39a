// The framebuffer as GRUB describes it, and as one kernel hands it to the next:
// in Linux's form, struct screen_info. It is checked by screen_open().

#include "boot/multiboot2.h"
#include "boot/node.h"
#include "lib/string.h"

#define TAG_FRAMEBUFFER 8

struct tag_framebuffer {
    struct tag tag;
    uint64_t pa;
    uint32_t pitch, width, height; // in bytes, pixels, pixels
    uint8_t depth, type;
    uint16_t reserved;
    uint8_t colours[6]; // position and size of red, green, blue
} __attribute__((packed));

#define FRAMEBUFFER_TEXT 2 // the type of what has no pixels

// Saturates at 16 bits, which is still more than any screen has.
static uint32_t narrow(uint32_t value) {
    return min_u64(value, UINT16_MAX);
}

static status_t read_framebuffer(const struct tag *tag,
                                 struct boot_info *boot) {
    const struct tag_framebuffer *fb = (const struct tag_framebuffer *)tag;
    struct screen_info *screen = &boot->screen;
    if (fb->type == FRAMEBUFFER_TEXT)
        return STATUS_OK;
    if (tag->bytes < sizeof(*fb))
        return fail(STATUS_INVALID,
                    "multiboot2: framebuffer tag of %u bytes has no colours",
                    tag->bytes);
    screen->orig_video_isVGA = VIDEO_TYPE_EFI;
    screen->capabilities = VIDEO_CAPABILITY_64BIT_BASE;
    screen->lfb_base = (uint32_t)fb->pa;
    screen->ext_lfb_base = fb->pa >> 32;
    screen->lfb_linelength = narrow(fb->pitch);
    screen->lfb_width = narrow(fb->width);
    screen->lfb_height = narrow(fb->height);
    screen->lfb_size = narrow(fb->pitch) * narrow(fb->height);
    screen->lfb_depth = fb->depth;
    // Size and position: of red, green, blue, and of what is none of them.
    const uint8_t *c = fb->colours;
    uint8_t bits = c[1] + c[3] + c[5];
    const uint8_t fields[] = {
        c[1], c[0], c[3], c[2], c[5], c[4], fb->depth - bits, bits};
    memcpy(&screen->red_size, fields, sizeof(fields));
    return STATUS_OK;
}

ROW(tags, framebuffer) = {TAG_FRAMEBUFFER,
                          offsetof(struct tag_framebuffer, reserved),
                          read_framebuffer};

// ---- the node

#define NODE_SCREEN NODE_TYPE('S')

static status_t read_node(const void *payload, uint32_t bytes,
                          struct boot_info *boot) {
    size_t count;
    return node_read_rows("screen", payload, bytes, &boot->screen,
                          sizeof(boot->screen), 1, &count);
}

static status_t write_node(struct block_writer *to,
                           const struct handoff_content *content) {
    if (!content->memory || !content->boot->screen.orig_video_isVGA)
        return STATUS_OK;
    return node_write(to, NODE_SCREEN, &content->boot->screen,
                      sizeof(content->boot->screen));
}

ROW(nodes, 50_screen) = {NODE_SCREEN, read_node, write_node};
