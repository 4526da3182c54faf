// Prints what TypeScript must agree on with the native core, so that no number is written down twice.
//
//   print_ts abi      lib/abi.ts      netmap's binary interface, sizes and offsets as this compiler measured
//   them print_ts layout   lib/layout.ts   this project's own numbers: statuses, counters, events
//
// scripts/generate-layout.mjs compiles and runs it. The text is in the formatter's form already.
#include <cctype>
#include <cstdio>
#include <cstring>
#include <string>

#include "abi/netmap.h"
#include "capture/encoder.h"
#include "counters.h"
#include "device/device.h"
#include "device/open.h"
#include "device/worker_log.h"
#include "engine/layout.h"
#include "engine/switch_list.h"
#include "nic/kernel_features.h"
#include "nic/refusal.h"
#include "status.h"
#include "traffic/balancer.h"
#include "traffic/capturer.h"
#include "traffic/filter.h"
#include "traffic/generator.h"
#include "traffic/lane.h"
#include "traffic/link.h"
#include "traffic/mark.h"
#include "traffic/models/bandwidth.h"
#include "traffic/models/delay.h"
#include "traffic/models/loss.h"
#include "traffic/numbers.h"
#include "traffic/packet.h"
#include "traffic/pinger.h"
#include "traffic/progress.h"
#include "traffic/recording.h"
#include "traffic/replay/replayer.h"
#include "traffic/schedule.h"
#include "traffic/sides.h"
#include "traffic/streams.h"
#include "traffic/survey.h"

namespace {

constexpr char kFooter[] = "} as const;\n";

void print_header(const char* what, const char* from) {
  printf("/**\n * %s\n *\n * Printed by native/abi/print_ts.cc from %s.\n", what, from);
  puts(" * Change those, then `npm run generate`.\n */\n");
}

// The value as it is written in the header, with the lower case that the TypeScript formatter wants.
std::string literal(const char* source) {
  std::string text = source;
  for (char& c : text) c = static_cast<char>(tolower(c));
  return text;
}

// The two shapes of a table: name -> number, and name -> record of named values.
void open_table(const char* name, const char* meaning) {
  printf("\n/** %s */\nexport const %s = {\n", meaning, name);
}
void print_number(const char* name, size_t value) { printf("  %s: %zu,\n", name, value); }
void print_text(const char* name, const char* text) { printf("  %s: \"%s\",\n", name, text); }

void print_constant(const char* name, const char* source) {
  printf("export const %s = %s;\n", name, literal(source).c_str());
}

// Fields follow their structure in the list, so a structure closes the one before it.
class OffsetTable {
 public:
  void structure(const char* name) {
    close_structure();
    printf("  %s: {\n", name);
    open_ = true;
  }
  void field(const char* name, size_t offset) { printf("    %s: %zu,\n", name, offset); }
  void close() {
    close_structure();
    fputs(kFooter, stdout);
  }

 private:
  void close_structure() {
    if (open_) puts("  },");
    open_ = false;
  }

  bool open_ = false;
};

void print_abi() {
  using namespace nm::abi;
  print_header(
      "netmap's binary interface: constants under netmap's own names, sizes and field offsets in bytes.",
      "native/abi/netmap.h");

#define row(type, name, value) print_constant(#name, #value);
  NM_ABI_CONSTANTS(row)
#undef row

  open_table("sizes", "Bytes of each structure; of those that end in an array, without the array.");
#define structure(name, size) print_number(#name, sizeof(name));
#define field(name, member, offset)
  NM_ABI_LAYOUT(structure, field)
#undef structure
#undef field
  fputs(kFooter, stdout);

  open_table("offsets", "Where each field starts, in bytes from the start of its structure.");
  OffsetTable table;
#define structure(name, size) table.structure(#name);
#define field(name, member, offset) table.field(#member, offsetof(name, member));
  NM_ABI_LAYOUT(structure, field)
#undef structure
#undef field
  table.close();
}

void print_drop_reason(const char* counter) {
  constexpr char kPrefix[] = "drops_";
  constexpr size_t kLength = sizeof(kPrefix) - 1;
  if (strncmp(counter, kPrefix, kLength) == 0) printf("  %s: \"%s\",\n", counter + kLength, counter);
}

void print_layout() {
  print_header("The numbers and names that TypeScript shares with the native core.",
               "the headers of native/, native/device/, native/engine/ and native/traffic/");

  puts(
      "/** Why the native core did not do what it was asked, in the order of the numbers that it returns. "
      "*/");
  puts("export const statusMeanings = {");
#define row(name, number, text) print_text(#name, text);
  NM_STATUSES(row)
#undef row
  fputs(kFooter, stdout);
  puts("\nexport type Status = keyof typeof statusMeanings;");

  open_table("statusErrno",
             "What a program that speaks netmap's binary interface gets instead of each status.");
#define row(name, number, text) print_number(#name, number);
  NM_STATUSES(row)
#undef row
  fputs(kFooter, stdout);

  open_table("counterMeanings",
             "What every ring counts, in the order in which the native core hands it over.");
#define row(name, text) print_text(#name, text);
  NM_COUNTERS(row)
#undef row
  fputs(kFooter, stdout);
  puts("\nexport type CounterName = keyof typeof counterMeanings;");

  open_table("listedPort", "What is told of a port of a switch in numbers, in their order.");
#define row(name, from, text) print_text(#name, text);
  NM_LISTED_PORT(row)
#undef row
  fputs(kFooter, stdout);

  open_table("dropCounters", "Why packets were dropped: the reason, and the counter that counts it.");
#define row(name, text) print_drop_reason(#name);
  NM_COUNTERS(row)
#undef row
  fputs(kFooter, stdout);
  puts("\nexport type DropReason = keyof typeof dropCounters;");

  open_table("events", "What a port can be waited for, as bits. A ring error comes without being asked for.");
  print_number("readable", nm::kReadable);
  print_number("writable", nm::kWritable);
  print_number("ringError", nm::kRingError);
  fputs(kFooter, stdout);

  open_table("progressMeanings",
             "How far a traffic loop has come, in the order in which the native core says it.");
#define row(name, first, text) print_text(#name, text);
  NM_PROGRESS(row)
#undef row
  fputs(kFooter, stdout);
  puts("\nexport type ProgressName = keyof typeof progressMeanings;");

  open_table("histogramMeanings", "What a traffic loop may keep a histogram of.");
#define row(name, text) print_text(#name, text);
  NM_HISTOGRAMS(row)
#undef row
  fputs(kFooter, stdout);
  puts("\nexport type HistogramName = keyof typeof histogramMeanings;");

  open_table(
      "streamCountMeanings",
      "What is counted of each stream of marked packets, in the order in which the native core says it.");
#define row(name, text) print_text(#name, text);
  NM_STREAM_COUNTS(row)
#undef row
  fputs(kFooter, stdout);
  puts("\nexport type StreamCountName = keyof typeof streamCountMeanings;");

  open_table("laneCountMeanings",
             "What is counted of each lane of a bridge, in the order in which the native core says it.");
#define row(name, text) print_text(#name, text);
  NM_LANE_COUNTS(row)
#undef row
  fputs(kFooter, stdout);
  puts("\nexport type LaneCountName = keyof typeof laneCountMeanings;");

  open_table("captureCountMeanings",
             "What a capture counts of each port, in the order in which the native core says it.");
#define row(name, text) print_text(#name, text);
  NM_CAPTURE_COUNTS(row)
#undef row
  fputs(kFooter, stdout);
  puts("\nexport type CaptureCountName = keyof typeof captureCountMeanings;");

  open_table("flowHashes", "What makes a flow, in the order of the numbers that the native core knows.");
#define row(name, text) print_text(#name, text);
  NM_FLOW_HASHES(row)
#undef row
  fputs(kFooter, stdout);
  puts("\nexport type FlowHash = keyof typeof flowHashes;");

  open_table("balancerCountMeanings",
             "What a balancer counts, in the order in which the native core says it.");
#define row(name, text) print_text(#name, text);
  NM_BALANCER_COUNTS(row)
#undef row
  fputs(kFooter, stdout);
  puts("\nexport type BalancerCountName = keyof typeof balancerCountMeanings;");

  open_table("outputCountMeanings", "And what it counts of each output.");
#define row(name, text) print_text(#name, text);
  NM_OUTPUT_COUNTS(row)
#undef row
  fputs(kFooter, stdout);
  puts("\nexport type OutputCountName = keyof typeof outputCountMeanings;");

  open_table("captureFaults", "What may be wrong with a capture file: what was expected where the fault is.");
#define row(name, expected) print_text(#name, expected);
  NM_CAPTURE_FAULTS(row)
#undef row
  fputs(kFooter, stdout);
  puts("\nexport type CaptureFault = keyof typeof captureFaults;");

  open_table("captureKinds",
             "The kinds of capture files that can be written, in the order of their numbers.");
#define row(name, text) print_text(#name, text);
  NM_CAPTURE_KINDS(row)
#undef row
  fputs(kFooter, stdout);
  puts("\nexport type CaptureKind = keyof typeof captureKinds;");

  open_table("filterOutcomes", "What may come of compiling a packet filter.");
#define row(name, text) print_text(#name, text);
  NM_FILTER_OUTCOMES(row)
#undef row
  fputs(kFooter, stdout);
  puts("\nexport type FilterOutcome = keyof typeof filterOutcomes;");

  open_table("surveyCounts",
             "What a survey of a capture counts, in the order in which the native core says it.");
#define row(name, text) print_text(#name, text);
  NM_SURVEY_COUNTS(row)
#undef row
  fputs(kFooter, stdout);
  puts("\nexport type SurveyCount = keyof typeof surveyCounts;");

  open_table("protocols",
             "Which packets a survey counts together, in the order in which the native core says it.");
#define row(name, text) print_text(#name, text);
  NM_PROTOCOLS(row)
#undef row
  fputs(kFooter, stdout);
  puts("\nexport type Protocol = keyof typeof protocols;");

  fputs(
      "\n/** The bytes at which a class of sizes ends that a survey tells apart; after the last, one has no "
      "end. */\n",
      stdout);
  fputs("export const sizeLimits = [", stdout);
  for (size_t i = 0; i + 1 < nm::Survey::kSizes.size(); i++)
    printf("%s%u", i > 0 ? ", " : "", nm::Survey::kSizes[i]);
  puts("] as const;");

  open_table("recordingOutcomes", "What may come of reading a capture file into memory.");
#define row(name, text) print_text(#name, text);
  NM_RECORDING_OUTCOMES(row)
#undef row
  fputs(kFooter, stdout);
  puts("\nexport type RecordingOutcome = keyof typeof recordingOutcomes;");

  open_table("driverRefusals",
             "Why a driver does not open a network interface, in the order of their numbers.");
#define row(name, text) print_text(#name, text);
  NM_REFUSALS(row)
#undef row
  fputs(kFooter, stdout);
  puts("\nexport type DriverRefusal = keyof typeof driverRefusals;");

  open_table("kernelFeatures",
             "What drivers of network interfaces need of the kernel, in the order of kernelFeatures().");
#define row(name, text) print_text(#name, text);
  NM_KERNEL_FEATURES(row)
#undef row
  fputs(kFooter, stdout);
  puts("\nexport type KernelFeature = keyof typeof kernelFeatures;");

  open_table("phaseKinds", "What a phase of a schedule can be, in the order of the native core's numbers.");
#define row(name, text) print_text(#name, text);
  NM_PHASE_KINDS(row)
#undef row
  fputs(kFooter, stdout);
  puts("\nexport type PhaseKind = keyof typeof phaseKinds;");
  open_table("bandwidthModels",
             "How long a link takes to transmit a packet: what the values of each model are.");
#define row(name, text) print_text(#name, text);
  NM_BANDWIDTH_MODELS(row)
#undef row
  fputs(kFooter, stdout);
  puts("\nexport type BandwidthModel = keyof typeof bandwidthModels;");

  puts("\n/** Preamble, gap and CRC: what a packet takes of a wire besides its own bytes. */");
  printf("export const framingBytes = %zu;\n", static_cast<size_t>(nm::kFramingBytes));

  open_table("delayModels", "How long a packet is under way after that: what the values of each model are.");
#define row(name, text) print_text(#name, text);
  NM_DELAY_MODELS(row)
#undef row
  fputs(kFooter, stdout);
  puts("\nexport type DelayModel = keyof typeof delayModels;");

  open_table("lossModels", "Which packets a link loses: what the values of each model are.");
#define row(name, text) print_text(#name, text);
  NM_LOSS_MODELS(row)
#undef row
  fputs(kFooter, stdout);
  puts("\nexport type LossModel = keyof typeof lossModels;");

  open_table("sideRules", "How it is found which of two sides a captured packet came from.");
#define row(name, text) print_text(#name, text);
  NM_SIDE_RULES(row)
#undef row
  fputs(kFooter, stdout);
  puts("\nexport type SideRule = keyof typeof sideRules;");

  open_table("feedEnds", "Why a replay came to its end.");
#define row(name, text) print_text(#name, text);
  NM_FEED_ENDS(row)
#undef row
  fputs(kFooter, stdout);
  puts("\nexport type FeedEnd = keyof typeof feedEnds;");

  open_table(
      "feedCounts",
      "What is counted of the packets of a capture that is replayed, in the order of the native core.");
#define row(name, text) print_text(#name, text);
  NM_FEED_COUNTS(row)
#undef row
  fputs(kFooter, stdout);
  puts("\nexport type FeedCount = keyof typeof feedCounts;");

  open_table("replayFigures", "How far a replay has come, in the order in which the native core says it.");
#define row(name, text) print_text(#name, text);
  NM_REPLAY_FIGURES(row)
#undef row
  fputs(kFooter, stdout);
  puts("\nexport type ReplayFigure = keyof typeof replayFigures;");

  open_table("linkCounts", "What a link counts, in the order in which the native core says it.");
#define row(name, text) print_text(#name, text);
  NM_LINK_COUNTS(row)
#undef row
  fputs(kFooter, stdout);
  puts("\nexport type LinkCount = keyof typeof linkCounts;");

  open_table("openPortKinds", "Kinds of ports that a program may have open, in the order of their numbers.");
#define row(name, text) print_text(#name, text);
  NM_PORT_KINDS(row)
#undef row
  fputs(kFooter, stdout);
  puts("\nexport type OpenPortKind = keyof typeof openPortKinds;");

  open_table("contents", "When a generator writes the contents of a buffer.");
  print_number("never", static_cast<size_t>(nm::Contents::never));
  print_number("once", static_cast<size_t>(nm::Contents::once));
  print_number("always", static_cast<size_t>(nm::Contents::always));
  fputs(kFooter, stdout);

  open_table("frameLimits", "Bytes of the frames that a generator can send, without CRC.");
  print_number("shortest", nm::kShortestFrame);
  print_number("shortestMarked", nm::shortest_marked(nm::Family::ipv4));
  print_number("shortestMarked6", nm::shortest_marked(nm::Family::ipv6));
  print_number("headers", nm::headers_length(nm::Family::ipv4));
  print_number("headers6", nm::headers_length(nm::Family::ipv6));
  print_number("shortestNumbered", nm::headers_length(nm::Family::ipv4) + nm::kNumberLength);
  print_number("shortestNumbered6", nm::headers_length(nm::Family::ipv6) + nm::kNumberLength);
  print_number("shortestRequest", nm::RoundTripFrame::shortest(nm::Family::ipv4));
  print_number("shortestRequest6", nm::RoundTripFrame::shortest(nm::Family::ipv6));
  print_number("largestPingBurst", nm::kLargestPingBurst);
  print_number("longest", nm::kLongestFrame);
  print_number("longestHeader", nm::kLongestVirtioHeader);
  fputs(kFooter, stdout);

  puts("\n/** Where the kernel's netmap is. */");
  printf("export const kernelDevice = \"%s\";\n", nm::kKernelDevice);

  open_table("workerLog", "How the logs of switch workers, and these processes, are called.");
  print_text("prefix", nm::kWorkerLogPrefix);
  print_text("process", nm::kWorkerName);
  fputs(kFooter, stdout);

  open_table("engineLimits",
             "What the embedded engine has room for, and what it takes where nothing is asked for.");
  print_number("switches", nm::engine::kMaxSwitches);
  print_number("switchPorts", nm::engine::kMaxSwitchPorts);
  print_number("openPorts", nm::engine::kMaxClients);
  print_number("pipesPerParent", nm::engine::kMaxPipesPerParent);
  print_number("monitors", nm::engine::kRegionWatches);
  print_number("valeRings", nm::engine::kMaxValeRings);
  print_number("pipeRings", nm::engine::kMaxPipeRings);
  print_number("slots", nm::engine::kMaxSlots);
  print_number("slotsByDefault", nm::engine::kDefaultSlots);
  print_number("bufferBytes", nm::engine::kBufferStride);
  print_number("regions", nm::engine::kMaxRegionId);
  print_number("regionRings", nm::engine::kRegionRings);
  print_number("regionInterfaces", nm::engine::kRegionInterfaces);
  print_number("regionBuffers", nm::engine::kRegionBuffers);
  fputs(kFooter, stdout);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc == 2 ? argv[1] : "";
  if (what == "abi") {
    print_abi();
  } else if (what == "layout") {
    print_layout();
  } else {
    fputs("usage: print_ts abi|layout\n", stderr);
    return 2;
  }
  return fflush(stdout) == 0 ? 0 : 1;
}
