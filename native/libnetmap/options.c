/*
 * The options in a port's name:
 *
 *     @conf:rings=4,slots=512 @extmem=/dev/hugepages/file
 *
 * Each is a row of a table: its keys, and what it does to the port once they are read.
 */
#include "internal.h"

#define MAX_KEYS 10
#define MAX_TEXT 255

enum key_kind { key_text, key_16_bits, key_32_bits };

struct key {
  const char* name;
  enum key_kind kind;
};

struct option {
  const char* name;
  int enabled;
  int mandatory; /* the first key must be given */
  struct key keys[MAX_KEYS];
  /* Texts are "" and numbers 0 where they were not given. */
  int (*apply)(struct nmport_d*, char (*values)[MAX_TEXT + 1], const unsigned long* numbers);
};

static int share(struct nmport_d*, char (*values)[MAX_TEXT + 1], const unsigned long* numbers);
static int extmem(struct nmport_d*, char (*values)[MAX_TEXT + 1], const unsigned long* numbers);
static int conf(struct nmport_d*, char (*values)[MAX_TEXT + 1], const unsigned long* numbers);
static int offset(struct nmport_d*, char (*values)[MAX_TEXT + 1], const unsigned long* numbers);

/* A value directly after the option's name is its first key's. */
static struct option options[] = {
    {"share", 1, 1, {{"port", key_text}}, share},
    {"extmem",
     1,
     1,
     {{"file", key_text},
      {"if_num", key_32_bits},
      {"if_size", key_32_bits},
      {"ring_num", key_32_bits},
      {"ring_size", key_32_bits},
      {"buf_num", key_32_bits},
      {"buf_size", key_32_bits}},
     extmem},
    {"conf",
     1,
     0,
     {{"rings", key_16_bits},
      {"host_rings", key_16_bits},
      {"slots", key_32_bits},
      {"tx_rings", key_16_bits},
      {"rx_rings", key_16_bits},
      {"host_tx_rings", key_16_bits},
      {"host_rx_rings", key_16_bits},
      {"tx_slots", key_32_bits},
      {"rx_slots", key_32_bits}},
     conf},
    {"offset", 0, 1, {{"initial", key_32_bits}, {"bits", key_16_bits}}, offset},
};
#define OPTION_COUNT (sizeof(options) / sizeof(options[0]))

static int share(struct nmport_d* port, char (*values)[MAX_TEXT + 1], const unsigned long* numbers) {
  const char* text = values[0];
  const uint16_t id = nmreq_get_mem_id(&text, port->ctx);
  (void)numbers;
  if (id == 0) return -1;
  if (port->reg.nr_mem_id != 0 && port->reg.nr_mem_id != id) {
    nmctx_ferror(port->ctx, "invalid setting of mem_id to %u (already set to %u)", id, port->reg.nr_mem_id);
    errno = EINVAL;
    return -1;
  }
  port->reg.nr_mem_id = id;
  return 0;
}

static int extmem(struct nmport_d* port, char (*values)[MAX_TEXT + 1], const unsigned long* numbers) {
  if (nmport_extmem_from_file(port, values[0]) != 0) return -1;
  struct nmreq_pools_info* const pools = nmport_extmem_getinfo(port);
  pools->nr_if_pool_objtotal = (uint32_t)numbers[1];
  pools->nr_if_pool_objsize = (uint32_t)numbers[2];
  pools->nr_ring_pool_objtotal = (uint32_t)numbers[3];
  pools->nr_ring_pool_objsize = (uint32_t)numbers[4];
  pools->nr_buf_pool_objtotal = (uint32_t)numbers[5];
  pools->nr_buf_pool_objsize = (uint32_t)numbers[6];
  return 0;
}

/* What was not given keeps what an earlier @conf, or the program, has set. */
static void set_16(uint16_t* field, unsigned long both, unsigned long one) {
  if (both != 0) *field = (uint16_t)both;
  if (one != 0) *field = (uint16_t)one;
}

static void set_32(uint32_t* field, unsigned long both, unsigned long one) {
  if (both != 0) *field = (uint32_t)both;
  if (one != 0) *field = (uint32_t)one;
}

static int conf(struct nmport_d* port, char (*values)[MAX_TEXT + 1], const unsigned long* numbers) {
  (void)values;
  set_16(&port->reg.nr_tx_rings, numbers[0], numbers[3]);
  set_16(&port->reg.nr_rx_rings, numbers[0], numbers[4]);
  set_16(&port->reg.nr_host_tx_rings, numbers[1], numbers[5]);
  set_16(&port->reg.nr_host_rx_rings, numbers[1], numbers[6]);
  set_32(&port->reg.nr_tx_slots, numbers[2], numbers[7]);
  set_32(&port->reg.nr_rx_slots, numbers[2], numbers[8]);
  return 0;
}

static int offset(struct nmport_d* port, char (*values)[MAX_TEXT + 1], const unsigned long* numbers) {
  (void)values;
  return nmport_offset(port, numbers[0], numbers[0], numbers[1], 0);
}

static struct option* find_option(const char* name, size_t length) {
  for (size_t i = 0; i < OPTION_COUNT; i++) {
    if (strlen(options[i].name) == length && memcmp(options[i].name, name, length) == 0) return &options[i];
  }
  return NULL;
}

static int set_enabled(const char* name, int enabled) {
  struct option* const option = find_option(name, strlen(name));
  if (option == NULL) {
    errno = EOPNOTSUPP;
    return -1;
  }
  option->enabled = enabled;
  return 0;
}

int nmport_enable_option(const char* name) { return set_enabled(name, 1); }
int nmport_disable_option(const char* name) { return set_enabled(name, 0); }

/* An option while it is read. */
struct reading {
  struct nmctx* context;
  const struct option* option;
  char values[MAX_KEYS][MAX_TEXT + 1];
  unsigned long numbers[MAX_KEYS];
};

static int refuse(void) {
  errno = EINVAL;
  return -1;
}

static int read_value(struct reading* reading, size_t key, const char* text, size_t length) {
  char* const value = reading->values[key];
  const struct key* const row = &reading->option->keys[key];
  char* end;
  if (value[0] != '\0') {
    nmctx_ferror(reading->context, "option '%s': duplicate key '%s', already set to '%s'",
                 reading->option->name, row->name, value);
    return refuse();
  }
  if (length > MAX_TEXT) {
    nmctx_ferror(reading->context, "option '%s': the value of key '%s' is too long", reading->option->name,
                 row->name);
    return refuse();
  }
  memcpy(value, text, length);
  value[length] = '\0';
  if (row->kind == key_text || length == 0) return 0;

  const unsigned long most = row->kind == key_16_bits ? UINT16_MAX : UINT32_MAX;
  errno = 0;
  reading->numbers[key] = strtoul(value, &end, 10);
  if (!isdigit((unsigned char)value[0]) || *end != '\0' || errno != 0 || reading->numbers[key] > most) {
    nmctx_ferror(reading->context, "option '%s': invalid value '%s' for key '%s', expected 0 to %lu",
                 reading->option->name, value, row->name, most);
    return refuse();
  }
  return 0;
}

/* In keys "-" is read as "_". Returns MAX_KEYS for one that the option does not have. */
static size_t find_key(const struct option* option, const char* text, size_t length) {
  for (size_t i = 0; i < MAX_KEYS && option->keys[i].name != NULL; i++) {
    const char* const name = option->keys[i].name;
    size_t same = 0;
    while (same < length && name[same] != '\0' && name[same] == (text[same] == '-' ? '_' : text[same]))
      same++;
    if (same == length && name[same] == '\0') return i;
  }
  return MAX_KEYS;
}

/* "key=value,key=value" */
static int read_keys(struct reading* reading, const char* at, const char* end) {
  while (at < end) {
    const size_t pair = strcspn(at, ",@");
    const size_t length = strcspn(at, "=,@");
    const size_t key = find_key(reading->option, at, length);
    if (key == MAX_KEYS) {
      nmctx_ferror(reading->context, "unknown key: '%.*s'", (int)length, at);
      return refuse();
    }
    if (length == pair) {
      nmctx_ferror(reading->context, "option '%s': missing '=value' for key '%.*s'", reading->option->name,
                   (int)length, at);
      return refuse();
    }
    if (read_value(reading, key, at + length + 1, pair - length - 1) != 0) return -1;
    at += pair;
    if (at < end) at++;
  }
  return 0;
}

/* What follows the option's name, up to the next option. */
static int read_body(struct reading* reading, const char* at, const char* end) {
  const struct option* const option = reading->option;
  if (at == end) {
    nmctx_ferror(reading->context, "syntax error: missing body after '%s'", option->name);
    return refuse();
  }
  if (*at == ':') {
    if (read_keys(reading, at + 1, end) != 0) return -1;
  } else if (at + 1 == end) {
    nmctx_ferror(reading->context, "missing value for option '%s'", option->name);
    return refuse();
  } else if (read_value(reading, 0, at + 1, (size_t)(end - at - 1)) != 0) {
    return -1;
  }
  if (option->mandatory && reading->values[0][0] == '\0') {
    nmctx_ferror(reading->context, "option '%s': mandatory key '%s' not assigned", option->name,
                 option->keys[0].name);
    return refuse();
  }
  return 0;
}

int nmport_read_options(struct nmport_d* port, const char* text) {
  while (*text == '@') {
    const char* const name = text + 1;
    const size_t length = strcspn(name, "=:@");
    const char* const end = name + strcspn(name, "@");
    if (length == 0) {
      nmctx_ferror(port->ctx, "invalid empty option");
      return refuse();
    }
    struct reading reading = {.context = port->ctx, .option = find_option(name, length)};
    if (reading.option == NULL) {
      nmctx_ferror(port->ctx, "unknown option: '%.*s'", (int)length, name);
      return refuse();
    }
    if (!reading.option->enabled) {
      nmctx_ferror(port->ctx, "option '%s' is not supported", reading.option->name);
      errno = EOPNOTSUPP;
      return -1;
    }
    if (read_body(&reading, name + length, end) != 0) return -1;
    if (reading.option->apply(port, reading.values, reading.numbers) != 0) return -1;
    text = end;
  }
  return 0;
}
