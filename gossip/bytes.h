#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "gossip/hash.h"

namespace gossip {

// Writes fixed-width little-endian words and LEB128 varints to the end of a string.
class Writer {
  public:
    explicit Writer(std::string& out) : out_(out) {}

    void u8(std::uint8_t v) { out_.push_back(static_cast<char>(v)); }
    void u16(std::uint16_t v) { fixed(v, 2); }
    void u32(std::uint32_t v) { fixed(v, 4); }
    void u64(std::uint64_t v) { fixed(v, 8); }
    void varint(std::uint64_t v) {
        for (; v >= 0x80; v >>= 7) u8(static_cast<std::uint8_t>(v | 0x80));
        u8(static_cast<std::uint8_t>(v));
    }
    void raw(Bytes bytes) { out_.append(as_text(bytes)); }
    void text(std::string_view text) {  // with its length before it
        varint(text.size());
        out_.append(text);
    }

  private:
    void fixed(std::uint64_t v, unsigned width) {
        char word[8];
        for (unsigned i = 0; i < width; ++i) word[i] = static_cast<char>(v >> (8 * i));
        out_.append(word, width);
    }
    std::string& out_;
};

constexpr std::size_t varint_size(std::uint64_t v) {
    std::size_t size = 1;
    for (; v >= 0x80; v >>= 7) ++size;
    return size;
}

// Reads what Writer wrote. Total: reading past the end, or a varint above 64 bits, makes ok()
// false for good, and every later read gives zero or nothing. Check ok() once, at the end.
class Reader {
  public:
    explicit Reader(Bytes bytes) : rest_(bytes) {}

    [[nodiscard]] bool ok() const { return ok_; }
    [[nodiscard]] std::size_t left() const { return rest_.size(); }
    [[nodiscard]] Bytes rest() const { return rest_; }
    void fail() {
        ok_ = false;
        rest_ = {};
    }

    std::uint8_t u8() { return static_cast<std::uint8_t>(fixed(1)); }
    std::uint16_t u16() { return static_cast<std::uint16_t>(fixed(2)); }
    std::uint32_t u32() { return static_cast<std::uint32_t>(fixed(4)); }
    std::uint64_t u64() { return fixed(8); }
    std::uint64_t varint() {
        std::uint64_t v = 0;
        for (unsigned shift = 0; shift < 64; shift += 7) {
            const std::uint8_t byte = u8();
            if (shift == 63 && byte > 1) break;
            v |= std::uint64_t{byte & 0x7fU} << shift;
            if ((byte & 0x80U) == 0) return v;
        }
        fail();
        return 0;
    }
    Bytes raw(std::uint64_t size) {
        if (size > rest_.size()) {
            fail();
            return {};
        }
        const Bytes taken = rest_.first(size);
        rest_ = rest_.subspan(size);
        return taken;
    }
    std::string_view text() { return as_text(raw(varint())); }

  private:
    std::uint64_t fixed(std::size_t width) {
        const Bytes word = raw(width);
        std::uint64_t v = 0;
        for (std::size_t i = 0; i < word.size(); ++i) v |= std::uint64_t{word[i]} << (8 * i);
        return v;
    }
    Bytes rest_;
    bool ok_ = true;
};

}  // namespace gossip
