/*
 * Reading a port's name, up to its options:
 *
 *     netmap:eth0{1      -3/xR@2             @conf:slots=512
 *     header_decode      register_decode     options.c
 */
#include "libnetmap.h"

#define SEPARATORS "-*^/@"
#define MAX_RING (NETMAP_MAX_RINGS - 1)
#define MAX_MEM_ID 65535

static int refuse(void) {
  errno = EINVAL;
  return -1;
}

static int is_identifier(char c) { return isalnum((unsigned char)c) || c == '_'; }

/* Whether all from `text` to `end` may be in a switch's or a pipe's name. */
static int is_identifier_text(const char* text, const char* end) {
  while (text != end && is_identifier(*text)) text++;
  return text == end;
}

/* Checks the pipe in a name, if there is one. */
static int check_pipe(const char* spec, const char* name, const char* end, struct nmctx* context) {
  const char* const brace = name + strcspn(name, "{}");
  if (brace >= end) return 0;
  if (brace + 1 == end) {
    nmctx_ferror(context, "%s: invalid empty pipe name", spec);
    return refuse();
  }
  if (!is_identifier_text(brace + 1, end)) {
    nmctx_ferror(context, "%s: invalid pipe name '%.*s'", spec, (int)(end - brace - 1), brace + 1);
    return refuse();
  }
  return 0;
}

int nmreq_header_decode(const char** text, struct nmreq_header* header, struct nmctx* context) {
  const char* const spec = *text;
  const char* const colon = strchr(spec, ':');
  const int is_vale = strncmp(spec, NM_BDG_NAME, strlen(NM_BDG_NAME)) == 0;
  const char* const prefix = is_vale ? NM_BDG_NAME : "netmap";
  const char* const after_prefix = spec + strlen(prefix);

  if (strncmp(spec, prefix, strlen(prefix)) != 0) {
    nmctx_ferror(context, "%s: invalid request, prefix unknown or missing", spec);
    return refuse();
  }
  if (colon == NULL) {
    nmctx_ferror(context, "%s: missing ':'", spec);
    return refuse();
  }
  if (!is_vale && colon != after_prefix) {
    nmctx_ferror(context, "%s: no identifier allowed between '%s' and ':'", spec, prefix);
    return refuse();
  }
  if (!is_identifier_text(after_prefix, colon)) {
    nmctx_ferror(context, "%s: invalid identifier '%.*s'", spec, (int)(colon - after_prefix), after_prefix);
    return refuse();
  }

  const char* const port = colon + 1;
  const char* const end = port + strcspn(port, SEPARATORS);
  const char* const name = is_vale ? spec : port;
  const size_t length = (size_t)(end - name);
  if (!is_vale && end == port) {
    nmctx_ferror(context, "%s: invalid empty port name", spec);
    return refuse();
  }
  if (check_pipe(spec, port, end, context) != 0) return -1;
  if (length >= NETMAP_REQ_IFNAMSIZ) {
    nmctx_ferror(context, "name '%.*s' too long", (int)length, name);
    return refuse();
  }
  memset(header->nr_name, 0, sizeof(header->nr_name));
  memcpy(header->nr_name, name, length);
  *text = end;
  return 0;
}

/* Reads digits. A number that does not fit is a large one. */
static int read_number(const char** at, unsigned long* number, struct nmctx* context) {
  char* end;
  if (**at == '\0') {
    nmctx_ferror(context, "unexpected end of request");
    return refuse();
  }
  if (!isdigit((unsigned char)**at)) {
    nmctx_ferror(context, "got '%c' while expecting a number", **at);
    return refuse();
  }
  *number = strtoul(*at, &end, 10);
  *at = end;
  return 0;
}

static int read_ring(const char** at, struct nmreq_register* wanted, struct nmctx* context) {
  unsigned long ring;
  if (read_number(at, &ring, context) != 0) return -1;
  if (ring >= MAX_RING) {
    nmctx_ferror(context, "'%lu' out of range [0, %d)", ring, MAX_RING);
    return refuse();
  }
  wanted->nr_ringid = (uint16_t)ring;
  return 0;
}

static int read_mode(const char** at, struct nmreq_register* wanted, struct nmctx* context) {
  wanted->nr_mode = NR_REG_ALL_NIC;
  wanted->nr_ringid = 0;
  switch (**at) {
    case '*':
      wanted->nr_mode = NR_REG_NIC_SW;
      ++*at;
      return 0;
    case '-':
      wanted->nr_mode = NR_REG_ONE_NIC;
      ++*at;
      return read_ring(at, wanted, context);
    case '^':
      wanted->nr_mode = NR_REG_SW;
      ++*at;
      if (!isdigit((unsigned char)**at)) return 0;
      wanted->nr_mode = NR_REG_ONE_SW;
      return read_ring(at, wanted, context);
    default:
      return 0;
  }
}

/* One or more letters, up to "@" or the end. */
static int read_flags(const char** at, struct nmreq_register* wanted, struct nmctx* context) {
  static const struct {
    char letter;
    uint32_t flag;
  } known[] = {{'x', NR_EXCLUSIVE},  {'z', NR_ZCOPY_MON},     {'t', NR_MONITOR_TX},
               {'r', NR_MONITOR_RX}, {'R', NR_RX_RINGS_ONLY}, {'T', NR_TX_RINGS_ONLY}};
  if (**at == '\0') {
    nmctx_ferror(context, "unexpected end of request");
    return refuse();
  }
  do {
    size_t i = 0;
    while (i < sizeof(known) / sizeof(known[0]) && known[i].letter != **at) i++;
    if (i == sizeof(known) / sizeof(known[0])) {
      nmctx_ferror(context, "unrecognized flag: '%c'", **at);
      return refuse();
    }
    wanted->nr_flags |= known[i].flag;
    ++*at;
  } while (**at != '\0' && **at != '@');
  return 0;
}

static int read_mem_id(const char** at, struct nmreq_register* wanted, struct nmctx* context) {
  unsigned long id;
  if (read_number(at, &id, context) != 0) return -1;
  if (id == 0 || id > MAX_MEM_ID) {
    nmctx_ferror(context, "invalid mem_id: '%lu'", id);
    return refuse();
  }
  if (wanted->nr_mem_id != 0 && wanted->nr_mem_id != id) {
    nmctx_ferror(context, "invalid setting of mem_id to %lu (already set to %u)", id, wanted->nr_mem_id);
    return refuse();
  }
  wanted->nr_mem_id = (uint16_t)id;
  return 0;
}

int nmreq_register_decode(const char** text, struct nmreq_register* wanted, struct nmctx* context) {
  const char* at = *text;
  struct nmreq_register read = *wanted;
  read.nr_flags = 0;
  if (read_mode(&at, &read, context) != 0) return -1;
  while (*at != '\0') {
    const char sign = *at;
    if (sign == '@' && at[1] != '\0' && !isdigit((unsigned char)at[1])) break;
    at++;
    if (sign == '/') {
      if (read_flags(&at, &read, context) != 0) return -1;
    } else if (sign == '@' && *at == '\0') {
      nmctx_ferror(context, "invalid empty mem_id");
      return refuse();
    } else if (sign == '@') {
      if (read_mem_id(&at, &read, context) != 0) return -1;
    } else {
      nmctx_ferror(context, "unexpected character: '%c'", sign);
      return refuse();
    }
  }
  *wanted = read;
  *text = at;
  return 0;
}

uint16_t nmreq_get_mem_id(const char** text, struct nmctx* context) {
  struct nmreq_port_info_get info;
  struct nmreq_header header;
  memset(&info, 0, sizeof(info));
  memset(&header, 0, sizeof(header));
  header.nr_version = NETMAP_API;
  header.nr_reqtype = NETMAP_REQ_PORT_INFO_GET;
  header.nr_body = (uintptr_t)&info;
  if (nmreq_header_decode(text, &header, context) != 0) return 0;

  const int fd = open("/dev/netmap", O_RDWR | O_CLOEXEC);
  if (fd < 0) {
    nmctx_ferror(context, "cannot open /dev/netmap: %s", strerror(errno));
    return 0;
  }
  if (ioctl(fd, NIOCCTRL, &header) != 0) {
    nmctx_ferror(context, "cannot get info for '%s': %s", header.nr_name, strerror(errno));
    info.nr_mem_id = 0;
  }
  const int error = errno;
  close(fd);
  errno = error;
  return info.nr_mem_id;
}
