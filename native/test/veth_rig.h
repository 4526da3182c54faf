// Two network interfaces joined by a cable, in a network namespace of the test's own. That takes root.
#pragma once

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "file_descriptor.h"
#include "nic/drivers.h"
#include "nic/interface.h"
#include "test/engine_rig.h"

namespace nm::test {

// Runs a command of iproute2 and the like.
inline void command(const std::string& line) {
  if (system(line.c_str()) == 0) return;
  nm::check::fail(__FILE__, __LINE__, "this failed: " + line);
}

// What a command prints.
inline std::string output_of(const std::string& line) {
  FILE* const pipe = popen(line.c_str(), "r");
  CHECK(pipe != nullptr);
  std::string text;
  char piece[4096];
  for (size_t size; (size = fread(piece, 1, sizeof(piece), pipe)) > 0;) text.append(piece, size);
  pclose(pipe);
  return text;
}

// Moves the process into a fresh network namespace, once. False: it may not; says so.
inline bool has_own_network() {
  static const bool moved = [] {
    if (unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) return false;
    // /sys shows the interfaces of the network namespace that it was mounted in.
    command("mount --make-rprivate / && mount -t sysfs none /sys");
    // The host sends nothing of its own.
    std::ofstream("/proc/sys/net/ipv6/conf/default/disable_ipv6") << 1;
    return true;
  }();
  if (!moved) printf("    skipped: run it as root, it makes a network namespace\n");
  return moved;
}

// a and b are the ends of the cable, or have other names.
class Cable {
 public:
  explicit Cable(uint32_t queues = 1, uint32_t mtu = 1500, const std::string& one = "a",
                 const std::string& other = "b")
      : one_(one) {
    const std::string size = " mtu " + std::to_string(mtu) + " numtxqueues " + std::to_string(queues) +
                             " numrxqueues " + std::to_string(queues);
    command("printf 'link add name " + one + size + " type veth peer name " + other + size +
            "\\nlink set dev " + one + " up\\nlink set dev " + other + " up\\n' | ip -batch -");
  }
  ~Cable() { command("ip link del dev " + one_); }
  Cable(const Cable&) = delete;

 private:
  const std::string one_;
};

// What the kernel counted: "rx_packets", "tx_bytes", ...
inline uint64_t kernel_count(const std::string& interface, const std::string& what) {
  uint64_t count = 0;
  std::ifstream("/sys/class/net/" + interface + "/statistics/" + what) >> count;
  return count;
}

// Keeps this thread on a processor while it lives. What it sends on an interface of as many queues leaves through that of
// the same number.
class OnProcessor {
 public:
  explicit OnProcessor(uint32_t number) {
    CHECK_EQUAL(sched_getaffinity(0, sizeof(before_), &before_), 0);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(number, &one);
    CHECK_EQUAL(sched_setaffinity(0, sizeof(one), &one), 0);
  }
  ~OnProcessor() { sched_setaffinity(0, sizeof(before_), &before_); }
  OnProcessor(const OnProcessor&) = delete;

 private:
  cpu_set_t before_;
};

// The protocol of the tests' frames, which no host has.
inline constexpr uint16_t kTestProtocol = 0x88b5;

// What the host sends on an interface and what it receives, seen where its own protocols are.
class HostSide {
 public:
  explicit HostSide(const std::string& interface) {
    // A socket of one protocol is where the host stack is. One of all protocols sees packets before that.
    socket_ = FileDescriptor(socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(kTestProtocol)));
    sockaddr_ll address = {};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(kTestProtocol);
    address.sll_ifindex = static_cast<int>(if_nametoindex(interface.c_str()));
    CHECK_EQUAL(bind(socket_.number(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    // Room for what a test sends between two looks.
    constexpr int kRoom = 16 << 20;
    CHECK_EQUAL(setsockopt(socket_.number(), SOL_SOCKET, SO_RCVBUFFORCE, &kRoom, sizeof(kRoom)), 0);
  }

  void send(const std::vector<uint8_t>& frame) {
    const ssize_t sent = ::send(socket_.number(), frame.data(), frame.size(), 0);
    CHECK(sent == static_cast<ssize_t>(frame.size()) || errno == ENOBUFS);
  }
  // The next frame that the host received; empty when there is none.
  std::vector<uint8_t> take() {
    std::vector<uint8_t> frame(70000);
    const ssize_t size = recv(socket_.number(), frame.data(), frame.size(), 0);
    frame.resize(size > 0 ? static_cast<size_t>(size) : 0);
    return frame;
  }
  uint32_t take_all() {
    uint32_t count = 0;
    while (!take().empty()) count++;
    return count;
  }

 private:
  FileDescriptor socket_;
};

// Whether a driver opens a cable here.
inline bool works_here(const nic::DriverKind& driver) {
  static std::map<uint32_t, bool> known;
  const auto found = known.find(driver.id);
  if (found != known.end()) return found->second;
  const Cable cable;
  Rig rig;
  std::unique_ptr<Port> port;
  return known[driver.id] = rig.try_open("a", &port) == Status::ok;
}

// A test that runs once with each driver that works on a cable here. Its body is given the driver's row. NM_DRIVER in the
// environment chooses one of them.
template <typename Body>
void with_each_driver(Body body) {
  static const char* const only = getenv("NM_DRIVER");
  static const std::string wanted = only != nullptr ? only : "";
  if (!has_own_network()) return;
  for (const nic::DriverKind& driver : nic::drivers()) {
    if (!wanted.empty() && wanted != driver.name) continue;
    setenv("NM_DRIVER", driver.name, 1);
    const bool works = works_here(driver);
    printf(works ? "    with %s\n" : "    skipped with %s: it does not open a veth here\n", driver.name);
    fflush(stdout);
    if (works) body(driver);
  }
  unsetenv("NM_DRIVER");
}

inline abi::nmreq_register one_ring(uint16_t number) {
  abi::nmreq_register wanted = {};
  wanted.nr_mode = abi::NR_REG_ONE_NIC;
  wanted.nr_ringid = number;
  return wanted;
}

}  // namespace nm::test

#define NM_DRIVER_TEST(name, line)                                                         \
  static void NM_CHECK_JOIN(driver_test_, line)(const nm::nic::DriverKind& driver);        \
  NM_CHECK_TEST(name, line) { nm::test::with_each_driver(NM_CHECK_JOIN(driver_test_, line)); } \
  static void NM_CHECK_JOIN(driver_test_, line)([[maybe_unused]] const nm::nic::DriverKind& driver)
#define NM_DRIVER_TEST_AT(name, line) NM_DRIVER_TEST(name, line)
#define DRIVER_TEST(name) NM_DRIVER_TEST_AT(name, __LINE__)
