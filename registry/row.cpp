#include "registry/row.h"

#include "registry/json.h"

namespace registry {
namespace {

// A fragment without its values.
constexpr std::string_view kBlank =
    R"({"address":"","app_name":"","version":"","state":"","last_update":,"phase":"",)"
    R"("capacity":,"sessions":,"ready_to_close":false,"zone":"","metadata":,)"
    R"("owner":"0123456789abcdef","incarnation":,"ttl":,"confirmed_within":,"ver":""})";

std::size_t digits(std::uint64_t number) {
    std::size_t count = 1;
    for (; number >= 10; number /= 10) ++count;
    return count;
}

void append_epoch(std::string& out, std::string_view member, std::uint64_t epoch) {
    if (epoch == 0) return;
    out += member;
    append_number(out, epoch);
    out += '"';
}

// `,"check":{...},...`; empty for most rows.
std::string optional_members(const Instance& x) {
    std::string members;
    if (x.check) {
        members += ",\"check\":";
        append_check(members, *x.check);
    }
    if (x.protocol != 0) {
        members += ",\"protocol\":";
        append_number(members, x.protocol);
    }
    append_epoch(members, ",\"acked_epoch\":\"", x.acked_epoch);
    append_epoch(members, ",\"closed_epoch\":\"", x.closed_epoch);
    return members;
}

// The size of Row::text_ if nothing has to be escaped, and a byte too many at most: rows are many
// and live long, so their strings have no spare capacity.
std::size_t text_size(const Instance& x, gossip::Stamp stamp, State state,
                      std::uint32_t confirmed_within, std::string_view members) {
    return kBlank.size() + members.size() + x.address.size() +
           2 * (x.app_name.size() + x.version.size() + x.zone.size()) + name(state).size() +
           name(x.phase).size() + x.metadata.size() + digits(x.last_update) + digits(x.capacity) +
           digits(x.sessions) + digits(x.incarnation) + digits(x.ttl_s) + digits(confirmed_within) +
           digits(stamp.value);
}

// Everything up to the name of the state; returns where that begins.
std::size_t append_head(std::string& out, const Instance& x) {
    out += "{\"address\":\"";
    out += x.address;
    out += "\",\"app_name\":";
    append_string(out, x.app_name);
    out += ",\"version\":";
    append_string(out, x.version);
    out += ",\"state\":\"";
    return out.size();
}

void append_tail(std::string& out, const Instance& x, gossip::Stamp stamp,
                 std::uint32_t confirmed_within, std::string_view members) {
    out += "\",\"last_update\":";
    append_number(out, x.last_update);
    out += ",\"phase\":\"";
    out += name(x.phase);
    out += "\",\"capacity\":";
    append_number(out, x.capacity);
    out += ",\"sessions\":";
    append_number(out, x.sessions);
    out += x.ready_to_close ? ",\"ready_to_close\":true" : ",\"ready_to_close\":false";
    out += ",\"zone\":";
    append_string(out, x.zone);
    out += ",\"metadata\":";
    out += x.metadata;
    out += ",\"owner\":\"";
    append_hex(out, x.owner.value);
    out += "\",\"incarnation\":";
    append_number(out, x.incarnation);
    out += ",\"ttl\":";
    append_number(out, x.ttl_s);
    out += ",\"confirmed_within\":";
    append_number(out, confirmed_within);
    out += members;
    out += ",\"ver\":\"";
    append_number(out, stamp.value);
    out += "\"}";
}

}  // namespace

Row::Row(const Instance& instance, gossip::Rank rank, State state, bool expired,
         std::uint32_t detection_s)
    : rank_(rank),
      owner_(instance.owner),
      last_update_(instance.last_update),
      incarnation_(instance.incarnation),
      acked_epoch_(instance.acked_epoch),
      ttl_s_(instance.ttl_s),
      capacity_(instance.capacity),
      sessions_(instance.sessions),
      protocol_(instance.protocol),
      address_(static_cast<std::uint8_t>(instance.address.size())),
      app_(static_cast<std::uint8_t>(instance.app_name.size())),
      version_(static_cast<std::uint8_t>(instance.version.size())),
      zone_(static_cast<std::uint8_t>(instance.zone.size())),
      state_(state),
      phase_(instance.phase),
      expired_(expired),
      ready_to_close_(instance.ready_to_close),
      fenced_(instance.closed_epoch != 0) {
    CHECK(instance.address.size() <= kMaxAddress && instance.app_name.size() <= kMaxAppName);
    CHECK(instance.version.size() <= kMaxVersion && instance.zone.size() <= kMaxZone);
    const std::uint32_t confirmed_within = instance.ttl_s + detection_s;
    const std::string members = optional_members(instance);
    text_.reserve(text_size(instance, rank.stamp, state, confirmed_within, members));
    text_ += instance.app_name;
    text_ += instance.version;
    text_ += instance.zone;
    const std::size_t fragment_at = text_.size();
    state_at_ = static_cast<std::uint16_t>(append_head(text_, instance) - fragment_at);
    text_ += name(state);
    append_tail(text_, instance, rank.stamp, confirmed_within, members);
}

void Row::set_state(State state) {
    const std::size_t at = text_.size() - fragment().size() + state_at_;
    std::string text;
    text.reserve(text_.size() + name(state).size() - name(state_).size());
    text.append(text_, 0, at);
    text += name(state);
    text.append(text_, at + name(state_).size());
    text_ = std::move(text);
    state_ = state;
}

}  // namespace registry
