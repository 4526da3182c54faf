// Many writes with one system call.
#include "nic/write_batch.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

#include "test/check.h"

using namespace nm;
using nic::WriteBatch;

namespace {

// Two ends of a socket that keeps packets apart.
struct Pair {
  Pair() {
    int ends[2];
    CHECK_EQUAL(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends), 0);
    left = FileDescriptor(ends[0]);
    right = FileDescriptor(ends[1]);
  }
  std::string take() {
    char text[256];
    const ssize_t length = read(right.number(), text, sizeof(text));
    return length < 0 ? "none" : std::string(text, static_cast<size_t>(length));
  }

  FileDescriptor left;
  FileDescriptor right;
};

}  // namespace

TEST("a batch writes all its packets in order, put together from their pieces") {
  Pair pair;
  WriteBatch batch;
  for (int round = 0; round < 5; round++) {
    std::vector<std::string> texts;
    std::vector<iovec> pieces;
    const int count = round == 0 ? 1 : 50;
    for (int i = 0; i < count; i++) texts.push_back(std::to_string(round * 1000 + i));
    for (std::string& text : texts) {
      pieces.push_back({text.data(), 1});
      pieces.push_back({text.data() + 1, text.size() - 1});
    }
    for (int i = 0; i < count; i++) batch.add(&pieces[2 * i], texts[i].size() > 1 ? 2 : 1);
    batch.run(pair.left.number());
    for (int i = 0; i < count; i++) {
      CHECK_EQUAL(batch.error(i), 0);
      CHECK_EQUAL(pair.take(), texts[i]);
    }
    CHECK_EQUAL(pair.take(), std::string("none"));
    batch.clear();
  }
}

TEST("a full batch is as many as it says") {
  Pair pair;
  WriteBatch batch;
  char letter = 'x';
  const iovec piece = {&letter, 1};
  while (!batch.is_full()) batch.add(&piece, 1);
  CHECK_EQUAL(batch.count(), WriteBatch::kMost);
  batch.run(pair.left.number());
  for (uint32_t i = 0; i < WriteBatch::kMost; i++) CHECK_EQUAL(pair.take(), std::string("x"));
}

TEST("a write that fails says why, and holds back none behind it") {
  Pair pair;
  WriteBatch batch;
  std::vector<char> large(64 << 20);
  char letter = 'x';
  const iovec good = {&letter, 1};
  const iovec bad = {large.data(), large.size()};
  batch.add(&good, 1);
  batch.add(&bad, 1);
  batch.add(&good, 1);
  batch.run(pair.left.number());
  CHECK_EQUAL(batch.error(0), 0);
  CHECK_EQUAL(batch.error(1), EMSGSIZE);
  CHECK_EQUAL(batch.error(2), 0);
  CHECK_EQUAL(pair.take(), std::string("x"));
  CHECK_EQUAL(pair.take(), std::string("x"));
  CHECK_EQUAL(pair.take(), std::string("none"));
}

TEST("a descriptor without room says so of each write") {
  Pair pair;
  WriteBatch batch;
  char text[1000] = {};
  const iovec piece = {text, sizeof(text)};
  int refused = 0;
  for (int round = 0; round < 50 && refused == 0; round++, batch.clear()) {
    while (!batch.is_full()) batch.add(&piece, 1);
    batch.run(pair.left.number());
    for (uint32_t i = 0; i < batch.count(); i++) refused += batch.error(i) == EAGAIN;
  }
  CHECK(refused > 0);
}
