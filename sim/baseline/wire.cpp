#include "sim/baseline/wire.h"

#include "gossip/check.h"

namespace sim::baseline {

gossip::Bytes Reader::take(std::size_t bytes) {
    CHECK(bytes <= rest_.size());
    const gossip::Bytes taken = rest_.first(bytes);
    rest_ = rest_.subspan(bytes);
    return taken;
}

void write_row(Writer& writer, std::uint32_t row, std::uint32_t version, std::size_t bytes) {
    writer.number(row, 4).number(version, 4).filler(bytes - kRowHead);
}

Row read_row(Reader& reader, std::size_t bytes) {
    Row row;
    row.number = static_cast<std::uint32_t>(reader.number(4));
    row.version = static_cast<std::uint32_t>(reader.number(4));
    reader.take(bytes - kRowHead);
    return row;
}

}  // namespace sim::baseline
