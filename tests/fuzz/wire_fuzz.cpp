#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "gossip/core.h"
#include "gossip/table.h"
#include "gossip/wire.h"

// Arbitrary bytes from a peer: as a datagram whose header is right (or not), and as frames of a
// stream in either role. Nothing may crash, hang, or make the node send what exceeds its limits.

namespace {

using namespace gossip;

constexpr Now kNow{Mono::time_point{milliseconds{1000}},
                   Wall::time_point{milliseconds{1'700'000'000'000}}};
const Endpoint kPeer = Endpoint::v4(127, 0, 0, 1, 2);

Config config() {
    Config c;
    c.sketch_cells = 128;
    return c;
}

std::unique_ptr<Core> make_core(Output& out) {
    auto core = std::make_unique<Core>(
        config(), Identity{{1}, "a", Endpoint::v4(127, 0, 0, 1, 1), ""}, 7, kNow);
    core->start(kNow, out);
    LocalWrite write;
    write.key = "10.0.0.1:80";
    write.value = "v";
    (void)core->put(write, kNow, out);
    return core;
}

void check(const Output& out) {
    for (const Datagram& d : out.datagrams) CHECK(d.size <= kMaxDatagram);
    for (const StreamAction& action : out.streams) CHECK(action.frame.size() <= kMaxFrame);
}

std::string with_header(MessageType type, Bytes body) {
    Header header;
    header.type = type;
    header.cluster = cluster_tag(config().key);
    header.from = {2};
    std::string datagram;
    begin_datagram(datagram, header);
    datagram.append(as_text(body.first(std::min(body.size(), kMaxBody))));
    finish_datagram(datagram, 0);
    return datagram;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    Output out;
    const auto core = make_core(out);
    out.clear();
    const Bytes input{data + 1, size - 1};
    const unsigned mode = data[0] % 13;
    if (mode == 0) {
        core->receive(kPeer, input, kNow, out);
    } else if (mode != 7 && mode != 8) {
        const unsigned type = mode < 7 ? mode : mode - 2;
        const std::string bytes = with_header(static_cast<MessageType>(type), input);
        core->receive(kPeer, as_bytes(bytes), kNow, out);
    } else {  // frames, each with a length byte before it
        const StreamId id{kAcceptedStreams | 1};
        core->stream_accepted(id, kPeer, kNow, out);
        std::string hello(1, static_cast<char>(FrameType::hello));
        encode(Hello{1, cluster_tag(config().key), {2}, StreamRequest::sync}, hello);
        if (mode == 8) core->stream_received(id, as_bytes(hello), kNow, out);
        for (std::size_t at = 0; at < input.size();) {
            const std::size_t frame = std::min<std::size_t>(input[at], input.size() - at - 1);
            core->stream_received(id, input.subspan(at + 1, frame), kNow, out);
            core->stream_drained(id, kNow, out);
            at += frame + 1;
        }
        core->stream_closed(id, kNow, out);
    }
    core->tick(kNow, out);
    check(out);
    return 0;
}
