/**
 * The numbers and names that TypeScript shares with the native core.
 *
 * Printed by native/abi/print_ts.cc from the headers of native/, native/device/, native/engine/ and native/traffic/.
 * Change those, then `npm run generate`.
 */

/** Why the native core did not do what it was asked, in the order of the numbers that it returns. */
export const statusMeanings = {
  ok: "done",
  bad_version: "the request speaks an API version outside the accepted range",
  bad_request: "unknown request type, missing or unexpected body, or non-zero reserved field",
  bad_option: "an option of the request is malformed or given twice",
  unsupported_option: "an option of the request is not understood",
  unsupported_request: "the request is known but this device does not serve it",
  bad_address: "the request points to memory that cannot be read or written",
  no_passthrough: "the request is for a host of virtual machines, which this device is not",
  too_long_request: "body and options together are larger than 4096 bytes",
  bad_name: "the port name cannot be read: empty pipe id or empty base",
  bad_switch_name: "switch or port part too long, empty, or with odd characters",
  bad_mode: "the ring mode does not exist or does not fit this kind of port",
  bad_ring: "the ring number is beyond the rings of the port",
  bad_geometry: "rings or slots beyond what one port can have",
  no_such_interface: "no network interface has this name",
  interface_unfit: "the network interface does not carry Ethernet frames to and from a network",
  interface_gone: "the network interface went away while it was open",
  interface_down: "the network interface was taken down while it was open",
  no_such_driver: "no driver of network interfaces has this name",
  driver_differs: "the interface is open with another driver",
  no_driver: "no driver can open the network interface",
  interface_not_attached: "the port part names a network interface that is not attached",
  interface_exists: "a port or a network interface has this name already",
  worker_missing: "the program that serves attached interfaces cannot be started",
  worker_failed: "the process that serves an attached interface ended before it was ready",
  worker_stuck: "the process that serves an attached interface does not let go of it",
  nothing_to_attach: "the port part names nothing that can be attached to a switch",
  bad_interface_name: "no persistent port can have this name",
  not_a_persistent_port: "the name is not that of a persistent port",
  port_attached: "the port is on a switch",
  port_joins_switches: "the port joins two switches",
  port_ephemeral: "the port is on its switch for as long as it is open",
  port_used: "the port is open, or pipes hang on it",
  port_awaits_sender: "a sender that is stopped has not finished copying into the port",
  region_chosen: "the port has its memory already, in another region",
  port_polled: "an attached interface is polled",
  bad_polling: "an interface cannot be polled in this way, or on these processors",
  polls_already: "the interface is polled already",
  polls_not: "the interface is not polled",
  polling_unsupported: "only a network interface on a switch can be polled",
  no_such_port: "no port has this name",
  no_such_switch: "no switch has this name",
  no_more_ports: "the list of switch ports is at its end",
  not_on_a_switch: "the name is not one of a switch port",
  no_such_mirror: "the port that is to get copies is no other port of the switch",
  bad_station: "the address of a station is all zero or names a group",
  station_unknown: "no station of this address is known or pinned on the switch",
  pin_taken: "another pinned station has the place of this one in the table",
  no_such_pipe: "no pipe has this name",
  no_such_region: "no memory region has this id",
  watched_not_open: "the port that a monitor is to watch is not open",
  monitors_full: "the memory region has no room for another monitor of its ports",
  monitor_receives_only: "a monitor cannot send",
  header_required: "the port uses a virtio-net header that the caller did not accept",
  header_unsupported: "only ports of a switch can have a virtio-net header",
  bad_header_length: "a virtio-net header has 10 or 12 bytes, or none",
  already_registered: "the descriptor is bound to a port already",
  not_registered: "the descriptor is not bound to a port",
  port_exclusive: "another descriptor holds the rings exclusively",
  port_in_use: "exclusive use was asked but another descriptor uses the rings",
  offsets_unsupported: "packets of this kind of port begin where their buffers do",
  bad_offsets: "an offset is larger than a buffer, than its bits or than the largest offset",
  offsets_agreed: "others agreed on smaller offsets in these rings",
  switches_full: "the namespace has no room for another switch",
  switch_full: "the switch has no room for another port",
  pipes_full: "the parent has no room for another pipe",
  clients_full: "the namespace has no room for another open port",
  regions_full: "the namespace has no room for another memory region",
  no_interfaces_left: "the region has no netmap_if objects left",
  no_rings_left: "the region has no ring objects left",
  csb_mode: "the rings are synced by a sync loop, whose control blocks have the program's words",
  csb_missing: "a sync loop needs control blocks, and nobody said where they are",
  csb_not_exclusive: "only who holds its rings exclusively can have control blocks",
  csb_unaligned: "control blocks do not begin at a multiple of 64 bytes",
  kloop_running: "a sync loop runs on the descriptor",
  kloop_sleep_too_long: "a sync loop is to sleep for more than a second",
  bad_kloop_mode: "a sync loop knows no such mode",
  eventfds_mismatch: "there are not as many pairs of eventfds as bound rings",
  direct_needs_eventfds: "in direct mode every ring needs an eventfd that kicks it",
  bad_descriptor: "a descriptor of the request is not open",
  not_an_eventfd: "a descriptor of the request is not an eventfd",
  external_too_small: "the memory that a program brought has no room for the pools that it asked for",
  external_unaligned: "the memory that a program brought does not begin at a page",
  external_unreachable: "the memory that a program brought belongs to a file that is not found by name",
  bad_pools: "there are no memory pools of such sizes",
  rings_too_small: "the region's ring objects have no room for so many slots",
  no_buffers_left: "the region has no buffers left",
  space_exhausted: "the filesystem of the namespace is full",
  namespace_foreign: "the namespace directory belongs to somebody else",
  namespace_open: "the namespace directory can be written by others",
  namespace_not_directory: "the namespace path is a link or not a directory",
  namespace_version: "the namespace was made by another version",
  namespace_corrupt: "a file of the namespace does not hold what it should",
  namespace_busy: "another process holds the namespace's control lock",
  namespace_unusable: "the namespace directory cannot be made or opened",
  module_version: "the kernel module speaks a version that is not understood here",
  no_module: "/dev/netmap is there, and the kernel module behind it is not",
  device_not_permitted: "this user may not open /dev/netmap",
  no_native_driver: "the kernel module is to use native drivers only, and the interface has none",
  interface_unfit_for_kernel: "the kernel module does not open it: a loopback, or an MTU above its buffers",
  kernel_full: "the kernel module has no memory, or no switch or port, left for it",
  kernel_invalid: "the kernel module refused the request and gave no reason",
  external_unsupported: "the kernel module was built without external memory",
  not_counted: "the device does not count what is asked",
  port_gone: "the port went away while it was open",
  ring_reset: "head or cur of a ring were where they cannot be, and the device set it back",
  not_permitted: "the operating system refused access",
  no_device: "there is no /dev/netmap here",
  timed_out: "nothing happened within the time given",
  interrupted: "a signal or a stop request came first",
  system_error: "the operating system refused a call that should have worked",
} as const;

export type Status = keyof typeof statusMeanings;

/** What a program that speaks netmap's binary interface gets instead of each status. */
export const statusErrno = {
  ok: 0,
  bad_version: 22,
  bad_request: 22,
  bad_option: 22,
  unsupported_option: 95,
  unsupported_request: 95,
  bad_address: 14,
  no_passthrough: 12,
  too_long_request: 90,
  bad_name: 22,
  bad_switch_name: 12,
  bad_mode: 22,
  bad_ring: 22,
  bad_geometry: 22,
  no_such_interface: 6,
  interface_unfit: 22,
  interface_gone: 19,
  interface_down: 100,
  no_such_driver: 22,
  driver_differs: 16,
  no_driver: 95,
  interface_not_attached: 22,
  interface_exists: 17,
  worker_missing: 5,
  worker_failed: 5,
  worker_stuck: 16,
  nothing_to_attach: 22,
  bad_interface_name: 22,
  not_a_persistent_port: 22,
  port_attached: 16,
  port_joins_switches: 16,
  port_ephemeral: 16,
  port_used: 16,
  port_awaits_sender: 16,
  region_chosen: 22,
  port_polled: 16,
  bad_polling: 22,
  polls_already: 14,
  polls_not: 14,
  polling_unsupported: 95,
  no_such_port: 6,
  no_such_switch: 2,
  no_more_ports: 2,
  not_on_a_switch: 22,
  no_such_mirror: 6,
  bad_station: 22,
  station_unknown: 2,
  pin_taken: 16,
  no_such_pipe: 19,
  no_such_region: 22,
  watched_not_open: 22,
  monitors_full: 12,
  monitor_receives_only: 5,
  header_required: 5,
  header_unsupported: 6,
  bad_header_length: 22,
  already_registered: 16,
  not_registered: 6,
  port_exclusive: 16,
  port_in_use: 16,
  offsets_unsupported: 95,
  bad_offsets: 22,
  offsets_agreed: 16,
  switches_full: 12,
  switch_full: 12,
  pipes_full: 12,
  clients_full: 12,
  regions_full: 12,
  no_interfaces_left: 12,
  no_rings_left: 12,
  csb_mode: 16,
  csb_missing: 22,
  csb_not_exclusive: 22,
  csb_unaligned: 22,
  kloop_running: 16,
  kloop_sleep_too_long: 22,
  bad_kloop_mode: 22,
  eventfds_mismatch: 22,
  direct_needs_eventfds: 22,
  bad_descriptor: 9,
  not_an_eventfd: 22,
  external_too_small: 12,
  external_unaligned: 22,
  external_unreachable: 14,
  bad_pools: 22,
  rings_too_small: 12,
  no_buffers_left: 12,
  space_exhausted: 12,
  namespace_foreign: 1,
  namespace_open: 1,
  namespace_not_directory: 20,
  namespace_version: 71,
  namespace_corrupt: 5,
  namespace_busy: 16,
  namespace_unusable: 13,
  module_version: 22,
  no_module: 19,
  device_not_permitted: 13,
  no_native_driver: 95,
  interface_unfit_for_kernel: 22,
  kernel_full: 12,
  kernel_invalid: 22,
  external_unsupported: 95,
  not_counted: 95,
  port_gone: 5,
  ring_reset: 5,
  not_permitted: 13,
  no_device: 2,
  timed_out: 110,
  interrupted: 4,
  system_error: 5,
} as const;

/** What every ring counts, in the order in which the native core hands it over. */
export const counterMeanings = {
  packets: "packets sent or received",
  bytes: "bytes in those packets, without CRC",
  syncs: "times the ring was synced",
  ring_resets: "times the ring was found invalid and was reset",
  drops_full: "packets lost because the receiving ring had no room",
  drops_too_long: "packets longer than the buffers of the receiver",
  drops_no_destination: "packets for the port they came from, or that nobody reads, or sent on no switch",
  drops_bad_slot: "slots with a buffer index or length that cannot be",
  drops_too_short: "packets shorter than an Ethernet header",
  drops_too_many_slots: "packets of more slots than a packet may have",
  drops_bad_header: "packets whose virtio-net header says what cannot be",
  drops_refused: "packets that the operating system refused to send",
  drops_isolated: "packets for a port of the same isolation group",
  drops_rate_limit: "packets beyond the rate that their port may send at",
  drops_mac_limit: "packets from more stations than their port may have",
  drops_dead_sender: "slots whose sender died before it filled them",
  held_back: "syncs that left packets in the ring, for want of room at a port that loses none",
  wakeups: "sleepers woken",
} as const;

export type CounterName = keyof typeof counterMeanings;

/** What is told of a port of a switch in numbers, in their order. */
export const listedPort = {
  place: "its place on the switch",
  kind: "a number of openPortKinds",
  memId: "the region that it lies in",
  txRings: "transmit rings",
  rxRings: "receive rings",
  txSlots: "slots of each transmit ring",
  rxSlots: "slots of each receive ring",
  headerLength: "bytes of its packets' virtio-net header",
  stations: "how many are known behind it",
  isSecond: "1: it came to this switch after it was on another",
  isInterface: "1: of a network interface or the host behind",
  waits: "1: its senders wait while it has no room",
  rate: "packets or bits that it may send in a second, 0: any",
  rateIsBits: "1: bits",
  macLimit: "stations that may be behind it, 0: any number",
  group: "its isolation group, 0: none",
} as const;

/** Why packets were dropped: the reason, and the counter that counts it. */
export const dropCounters = {
  full: "drops_full",
  too_long: "drops_too_long",
  no_destination: "drops_no_destination",
  bad_slot: "drops_bad_slot",
  too_short: "drops_too_short",
  too_many_slots: "drops_too_many_slots",
  bad_header: "drops_bad_header",
  refused: "drops_refused",
  isolated: "drops_isolated",
  rate_limit: "drops_rate_limit",
  mac_limit: "drops_mac_limit",
  dead_sender: "drops_dead_sender",
} as const;

export type DropReason = keyof typeof dropCounters;

/** What a port can be waited for, as bits. A ring error comes without being asked for. */
export const events = {
  readable: 1,
  writable: 4,
  ringError: 8,
} as const;

/** How far a traffic loop has come, in the order in which the native core says it. */
export const progressMeanings = {
  packets: "packets sent or received; for a pinger, answers",
  bytes: "bytes in them, without CRC",
  events: "rounds that moved packets",
  min_space: "fewest free slots seen in a receive ring since take_min_space()",
  first_ns: "when the first packet was sent or received",
  last_ns: "when the last one was",
  first_sent_ns: "when the first packet or request left",
  last_sent_ns: "when the last one did",
  lost: "marked packets that are missing from their stream, or requests without an answer",
  reordered: "marked packets that came after a later one",
  too_late: "those of them that came more than 4096 numbers late",
  duplicated: "marked packets or answers that came again",
  corrupt: "marked packets that are not what was sent",
  unmarked: "packets without a mark where marks were asked for, or answers to none of our requests",
  untimed: "marked packets whose latency cannot be known",
  longest_train: "most packets that were taken after one sync, or sent one after the other",
  requests: "requests that a pinger sent",
  late: "answers that came after they had been given up as lost",
  stalls: "times the sender was so late that it gave packets up",
  forgone: "packets not sent because of that",
  pending: "slots that the receiver had not taken when the sender ended",
  realtime: "1 when the thread runs before all that have no real-time priority",
  running: "1 while the loop runs",
  status: "the Status that the loop ended with",
} as const;

export type ProgressName = keyof typeof progressMeanings;

/** What a traffic loop may keep a histogram of. */
export const histogramMeanings = {
  gap_ns: "time from the departure of one packet to the next; 0 within one sync",
  latency_ns: "time from when a marked packet was put into its slot to when it was taken",
  interarrival_ns: "time from one packet to the next; 0 within one sync",
  reorder_depth: "how many numbers a late packet's was behind the greatest before it",
  rtt_ns: "time from when a request was sent to when its answer was seen",
  lateness_ns: "time from when a packet was due to when it had been sent",
} as const;

export type HistogramName = keyof typeof histogramMeanings;

/** What is counted of each stream of marked packets, in the order in which the native core says it. */
export const streamCountMeanings = {
  packets: "marked packets that arrived whole",
  lost: "numbers that were passed over and did not come late",
  reordered: "packets that came after one with a greater number",
  too_late: "those of them that came more than 4096 numbers late, which stay lost as well",
  duplicated: "packets whose number came again",
  max_depth: "by how many numbers the latest of the others was late",
} as const;

export type StreamCountName = keyof typeof streamCountMeanings;

/** What is counted of each lane of a bridge, in the order in which the native core says it. */
export const laneCountMeanings = {
  packets: "packets that were passed on",
  bytes: "bytes in those packets, without CRC",
  copied_bytes: "bytes that were copied to pass them on; none where both ports share memory",
  held_back: "rounds in which packets had to wait for room in the other port",
  mirrored: "packets that were also copied to the mirror port",
  captured: "packets that were also written to a capture",
  drops_filtered: "packets that the filter did not choose",
  drops_loss: "packets that were lost on purpose",
  drops_too_long: "packets of more slots than a ring of the other port has",
  drops_undelivered: "packets that were still delayed when the run ended",
  mirror_drops_full: "copies that the mirror port had no room for",
  capture_drops_full: "copies that the capture's writer had no room for",
} as const;

export type LaneCountName = keyof typeof laneCountMeanings;

/** What a capture counts of each port, in the order in which the native core says it. */
export const captureCountMeanings = {
  packets: "packets that were captured",
  bytes: "bytes that they had, without CRC",
  kept_bytes: "bytes of them that were kept",
  filtered: "packets that the filter did not choose",
  held_back: "rounds in which packets had to wait for the recorder",
} as const;

export type CaptureCountName = keyof typeof captureCountMeanings;

/** What makes a flow, in the order of the numbers that the native core knows. */
export const flowHashes = {
  flow: "addresses and ports of the innermost IP packet",
  addresses: "addresses of the outermost IP packet",
  netmap: "what netmap's lb takes",
} as const;

export type FlowHash = keyof typeof flowHashes;

/** What a balancer counts, in the order in which the native core says it. */
export const balancerCountMeanings = {
  received: "packets that came",
  received_bytes: "bytes in those packets, without CRC",
  non_ip: "packets that were not of IP",
  strayed: "fragments that came before the first of their datagram, or long after it",
  drops_too_long: "packets of more slots than a ring has",
  free_buffers: "extra buffers that no packet is in",
} as const;

export type BalancerCountName = keyof typeof balancerCountMeanings;

/** And what it counts of each output. */
export const outputCountMeanings = {
  packets: "packets that were handed to the output's pipe",
  bytes: "bytes in those packets, without CRC",
  drops_full: "packets that had no room in the pipe or in the overflow queue",
  dropped_bytes: "bytes in those packets",
  queued: "slots that wait in the overflow queue",
  waiting: "slots that wait in the pipe for the consumer",
  taken: "slots that the consumer has taken",
} as const;

export type OutputCountName = keyof typeof outputCountMeanings;

/** What may be wrong with a capture file: what was expected where the fault is. */
export const captureFaults = {
  none: "",
  unreadable: "bytes that can be read",
  empty: "a pcap or pcapng header",
  not_a_capture: "the magic number of a pcap or pcapng file",
  unsupported_version: "version 2 of pcap, or 1 of pcapng",
  truncated_header: "24 bytes of header",
  truncated_packet: "a whole packet or block",
  packet_too_large: "a packet that fits what is around it, of 16 MiB at most",
  bad_block_length: "the length of a block: a multiple of 4 that holds its fields",
  block_lengths_differ: "the length of the block again",
  no_such_interface: "the number of an interface described before",
  bad_time_resolution: "a resolution down to 10^-18 or 2^-63 seconds",
  too_many_interfaces: "at most 65536 interfaces",
} as const;

export type CaptureFault = keyof typeof captureFaults;

/** The kinds of capture files that can be written, in the order of their numbers. */
export const captureKinds = {
  pcapng: "interfaces, directions and drops are told too",
  pcap: "packets only, those of all interfaces on one",
} as const;

export type CaptureKind = keyof typeof captureKinds;

/** What may come of compiling a packet filter. */
export const filterOutcomes = {
  compiled: "there is a program",
  no_library: "libpcap is not installed; the reason is the loader's",
  bad_expression: "libpcap does not understand it; the reason is libpcap's",
} as const;

export type FilterOutcome = keyof typeof filterOutcomes;

/** What a survey of a capture counts, in the order in which the native core says it. */
export const surveyCounts = {
  packets: "packets",
  bytes: "bytes that they had on the wire",
  captured: "bytes of them in the file",
  cut: "packets that were captured in part",
  empty: "packets without a byte",
  shortest: "bytes of the shortest packet",
  longest: "bytes of the longest packet",
  untimed: "packets without a time",
  out_of_order: "packets with a time before that of a packet before them",
  not_ethernet: "packets of another link type than Ethernet",
  link_type: "the link type of the first of those",
  comments: "packets with a comment",
  longest_gap_ns: "longest time between two packets",
  longest_gap_at: "number of the packet after it, from 1 on",
  file_bytes: "bytes of the file that were read",
} as const;

export type SurveyCount = keyof typeof surveyCounts;

/** Which packets a survey counts together, in the order in which the native core says it. */
export const protocols = {
  ipv4: "IPv4",
  ipv6: "IPv6",
  arp: "ARP",
  other_ether: "neither IP nor ARP",
  vlan: "with a VLAN tag",
  tcp: "TCP",
  udp: "UDP",
  icmp: "ICMP, of IPv4 or IPv6",
  other_ip: "another protocol over IP",
  fragment: "a fragment of an IP datagram",
} as const;

export type Protocol = keyof typeof protocols;

/** The bytes at which a class of sizes ends that a survey tells apart; after the last, one has no end. */
export const sizeLimits = [64, 128, 256, 512, 1024, 1519] as const;

/** What may come of reading a capture file into memory. */
export const recordingOutcomes = {
  whole: "all packets of the file are there",
  faulty: "the packets before the fault are there",
  too_large: "the file holds more than may be kept in memory",
  too_long: "a packet is longer than a slot can tell",
  not_ethernet: "a packet is not of Ethernet, but of the link type that was found",
} as const;

export type RecordingOutcome = keyof typeof recordingOutcomes;

/** Why a driver does not open a network interface, in the order of their numbers. */
export const driverRefusals = {
  none: "the driver works",
  no_net_raw: "the capability CAP_NET_RAW is missing",
  no_net_admin: "the capability CAP_NET_ADMIN is missing",
  no_sys_admin: "the capability CAP_SYS_ADMIN is missing",
  no_bpf: "the capability CAP_BPF, or CAP_SYS_ADMIN before Linux 5.8, is missing",
  no_locked_memory: "RLIMIT_MEMLOCK does not allow as much locked memory as is needed",
  kernel_lacks_it: "this kernel does not have what the driver needs",
  interface_lacks_it: "the interface's driver does not have what this driver needs",
  program_in_the_way: "another XDP program is attached to the interface",
  queue_taken: "somebody else has a queue of the interface",
  buffers_unfit: "the buffers of the memory region do not suit the driver",
  frames_too_long: "the interface's MTU needs longer frames than the driver carries",
  not_a_tap: "the interface of that name is no TAP device, or has one queue where many are wanted",
  host_rings_unfit: "it would take what host rings send to the host for packets from the wire",
  owner_unreachable: "another process has these rings open and cannot be asked to share them",
  system_refused: "the operating system refused a call that should have worked",
} as const;

export type DriverRefusal = keyof typeof driverRefusals;

/** What drivers of network interfaces need of the kernel, in the order of kernelFeatures(). */
export const kernelFeatures = {
  bpf_programs: "programs can be loaded into the kernel",
  live_frames: "XDP programs can be run on frames that leave through an interface, since 5.18",
  xdp_pieces: "XDP programs can be given frames of several pages, since 5.18",
  tcx: "programs can be attached to what an interface's host receives and sends, since 6.6",
  kernel_types: "the kernel tells its types and functions, in /sys/kernel/btf/vmlinux",
  vlan_function: "XDP programs can ask for a VLAN tag that is not in the frame, since 6.8",
  interface_features: "the kernel tells what interfaces can do for XDP, since 6.3",
  af_xdp: "AF_XDP sockets can be made, since 4.18",
  af_xdp_wakeup: "AF_XDP sockets say when the kernel must be called, since 5.4",
  af_xdp_pieces: "AF_XDP packets can have several pieces, since 6.6",
  af_xdp_budget: "AF_XDP sockets can send more than 32 packets with a call, since 6.17",
  packet_sockets: "packet sockets can be made",
  private_network: "a network namespace can be made",
} as const;

export type KernelFeature = keyof typeof kernelFeatures;

/** What a phase of a schedule can be, in the order of the native core's numbers. */
export const phaseKinds = {
  steady: "packets evenly apart",
  ramp: "a rate that changes evenly to another",
  burst: "packets together, in every period",
  poisson: "packets independent of one another",
} as const;

export type PhaseKind = keyof typeof phaseKinds;

/** How long a link takes to transmit a packet: what the values of each model are. */
export const bandwidthModels = {
  infinite: "nothing",
  recorded: "a speed, as numerator and denominator: gaps are those of the capture, divided by it",
  constant: "bits per second, and bytes that are counted besides those of each packet",
  packets: "packets, and the nanoseconds that they take",
  average: "bits per second in the long run, and bytes that are counted besides those of each packet",
} as const;

export type BandwidthModel = keyof typeof bandwidthModels;

/** Preamble, gap and CRC: what a packet takes of a wire besides its own bytes. */
export const framingBytes = 24;

/** How long a packet is under way after that: what the values of each model are. */
export const delayModels = {
  none: "nothing",
  constant: "the delay",
  uniform: "the least, and the greatest; all between are as likely",
  exponential: "the least, and the mean",
  gaps: "the least and the greatest time between packets that leave, and the delay of one that finds none before it",
} as const;

export type DelayModel = keyof typeof delayModels;

/** Which packets a link loses: what the values of each model are. */
export const lossModels = {
  none: "nothing",
  packets: "the share of packets that is lost",
  bits: "the share of bits that is wrong: a packet with one of them is lost",
  bursts: "the share of packets that is lost, and how many are lost in a row on average",
} as const;

export type LossModel = keyof typeof lossModels;

/** How it is found which of two sides a captured packet came from. */
export const sideRules = {
  one: "there is only one",
  learned: "hosts are clients or servers by what they do first",
  ports: "clients send to the smaller of the two ports, packet by packet",
  addresses: "side 0 has the senders of these networks",
  macs: "side 0 has the senders with these MAC addresses",
} as const;

export type SideRule = keyof typeof sideRules;

/** Why a replay came to its end. */
export const feedEnds = {
  whole: "all that was asked for was given",
  faulty: "the file has a fault",
  not_ethernet: "a packet is not of Ethernet, but of the link type that was found",
  no_packets: "nothing in the file is to be sent",
  not_again: "the file cannot be read a second time",
} as const;

export type FeedEnd = keyof typeof feedEnds;

/** What is counted of the packets of a capture that is replayed, in the order of the native core. */
export const feedCounts = {
  read: "packets that were read",
  out_of_range: "packets outside of the range of times that was asked for",
  filtered: "packets that the filter did not let pass",
  empty: "packets without a byte, which nothing can send",
  too_long: "packets that are longer than the port's rings can carry",
  out_of_order: "packets with a time before that of a packet before them",
  cut: "packets that were captured in part; zeros are sent for the rest",
  lost: "packets that the loss model lost",
  passes: "times that the capture was played to its end",
} as const;

export type FeedCount = keyof typeof feedCounts;

/** How far a replay has come, in the order in which the native core says it. */
export const replayFigures = {
  read: "packets that were read",
  out_of_range: "packets outside of the range of times that was asked for",
  filtered: "packets that the filter did not let pass",
  empty: "packets without a byte, which nothing can send",
  too_long: "packets that are longer than the port's rings can carry",
  out_of_order: "packets with a time before that of a packet before them",
  cut: "packets that were captured in part; zeros are sent for the rest",
  lost: "packets that the loss model lost",
  passes: "times that the capture was played to its end",
  file_offset: "bytes of the file before what is sent now, in the present pass",
  due_ns: "when the last packet that was sent was due, since the start",
  start_ns: "when the first packet was due, on the monotonic clock; 0 before",
  waiting: "1 while a port has no room for what is to be sent",
  end: "what ended it, see `feedEnds`",
  fault: "of a faulty file, see `captureFaults`",
  fault_offset: "byte of the file where that is",
  fault_found: "what was there",
} as const;

export type ReplayFigure = keyof typeof replayFigures;

/** What a link counts, in the order in which the native core says it. */
export const linkCounts = {
  received: "packets that came in",
  received_bytes: "bytes in those packets, without CRC",
  held: "packets that were held back, so that others overtook them",
  drops_loss: "packets that the loss model lost",
  drops_queue_full: "packets that found the queue over its limit",
  drops_over_rate: "packets that an average bandwidth did not let pass",
  drops_overtaking: "packets that would have overtaken those before them",
  drops_late: "packets that could only leave later than is allowed",
  drops_no_memory: "packets that found no memory to wait in",
  drops_too_long: "packets of more slots than a ring of the other port has",
  drops_undelivered: "packets that were still under way when the run ended",
  under_way: "packets that are under way or held back now",
  queued_bytes: "bytes that wait to be transmitted now, where the queue has a limit",
} as const;

export type LinkCount = keyof typeof linkCounts;

/** Kinds of ports that a program may have open, in the order of their numbers. */
export const openPortKinds = {
  free: "a record that is no port",
  vale: "a port of a switch",
  persistent: "a port that stays without users",
  parent: "a name that pipes hang on",
  pipe_master: "the end of a pipe written with {",
  pipe_slave: "the end of a pipe written with }",
  null: "rings that lead nowhere",
  monitor: "copies of another port's packets",
  nic: "a network interface",
  tap: "a TAP device, with the host behind it",
} as const;

export type OpenPortKind = keyof typeof openPortKinds;

/** When a generator writes the contents of a buffer. */
export const contents = {
  never: 0,
  once: 1,
  always: 2,
} as const;

/** Bytes of the frames that a generator can send, without CRC. */
export const frameLimits = {
  shortest: 16,
  shortestMarked: 60,
  shortestMarked6: 80,
  headers: 42,
  headers6: 62,
  shortestNumbered: 46,
  shortestNumbered6: 66,
  shortestRequest: 54,
  shortestRequest6: 74,
  largestPingBurst: 65536,
  longest: 65535,
  longestHeader: 12,
} as const;

/** Where the kernel's netmap is. */
export const kernelDevice = "/dev/netmap";

/** How the logs of switch workers, and these processes, are called. */
export const workerLog = {
  prefix: "attached.",
  process: "nm-switch-worker",
} as const;

/** What the embedded engine has room for, and what it takes where nothing is asked for. */
export const engineLimits = {
  switches: 1024,
  switchPorts: 1024,
  openPorts: 16383,
  pipesPerParent: 64,
  monitors: 64,
  valeRings: 16,
  pipeRings: 256,
  slots: 4096,
  slotsByDefault: 1024,
  bufferBytes: 2112,
  regions: 65535,
  regionRings: 2048,
  regionInterfaces: 1024,
  regionBuffers: 163840,
} as const;
