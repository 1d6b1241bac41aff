#pragma once

#include <cstdint>
#include <string>

#include "gossip/hash.h"

namespace sim::baseline {

// Little-endian numbers, appended. As terse as hearsay's own format, so that no protocol loses
// by its encoding.
class Writer {
  public:
    explicit Writer(std::string& out) : out_(out) {}
    Writer& number(std::uint64_t value, unsigned bytes) {
        for (unsigned i = 0; i < bytes; ++i) out_ += static_cast<char>(value >> (8 * i));
        return *this;
    }
    // Nodes go by 8 bytes, as hearsay's do.
    Writer& node(std::uint32_t index) { return number(index, 8); }
    // What a real message would carry and no simulated node reads.
    Writer& filler(std::size_t bytes) {
        out_.append(bytes, '.');
        return *this;
    }

  private:
    std::string& out_;
};

// Reads what a Writer wrote. The simulator only ever delivers whole messages of its own.
class Reader {
  public:
    explicit Reader(gossip::Bytes bytes) : rest_(bytes) {}
    [[nodiscard]] bool empty() const { return rest_.empty(); }
    std::uint64_t number(unsigned bytes) {
        const gossip::Bytes field = take(bytes);
        std::uint64_t value = 0;
        for (unsigned i = 0; i < bytes; ++i) value |= std::uint64_t{field[i]} << (8 * i);
        return value;
    }
    std::uint32_t node() { return static_cast<std::uint32_t>(number(8)); }
    gossip::Bytes take(std::size_t bytes);

  private:
    gossip::Bytes rest_;
};

// A row of the table: number, version, and the bytes of a record as hearsay would send it.
constexpr std::size_t kRowHead = 8;
void write_row(Writer& writer, std::uint32_t row, std::uint32_t version, std::size_t bytes);
struct Row {
    std::uint32_t number = 0;
    std::uint32_t version = 0;
};
Row read_row(Reader& reader, std::size_t bytes);

}  // namespace sim::baseline
