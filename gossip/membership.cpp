#include "gossip/membership.h"

#include <algorithm>

#include "gossip/hash.h"

namespace gossip {
namespace {

// Positions differ where ids do: mix64 is a bijection.
auto lower_bound(const std::vector<Member>& members, NodeId id) {
    return std::ranges::lower_bound(members, mix64(id.value), {}, &Member::position);
}

std::size_t index(MemberState state) {
    return static_cast<std::size_t>(state);
}

bool wanted(const Member& member, NodeId self, const std::vector<const Member*>& out) {
    return member.reachable() && member.id != self && std::ranges::find(out, &member) == out.end();
}

}  // namespace

void Membership::apply(const NodeRecord& node) {
    Member member;
    member.id = node.id;
    member.position = mix64(node.id.value);
    member.gossip = node.info.gossip;
    member.incarnation_ms = node.incarnation_ms;
    member.state = node.state;
    member.protocol = node.info.protocol;
    member.patience = node.info.patience;

    const auto at = lower_bound(*members_, node.id) - members_->begin();
    std::vector<Member>& members = own();
    ++counts_[index(member.state)];
    if (at < std::ssize(members) && members[static_cast<std::size_t>(at)].id == node.id) {
        Member& known = members[static_cast<std::size_t>(at)];
        --counts_[index(known.state)];
        known = member;
    } else {
        members.insert(members.begin() + at, member);
    }
}

void Membership::set(NodeId id, std::uint64_t incarnation_ms, MemberState state) {
    const Member* known = find(id);
    if (!known) return;
    const auto at = known - members_->data();
    Member& member = own()[static_cast<std::size_t>(at)];
    --counts_[index(member.state)];
    ++counts_[index(state)];
    member.incarnation_ms = incarnation_ms;
    member.state = state;
}

void Membership::remove(NodeId id) {
    const Member* member = find(id);
    if (!member) return;
    const auto at = member - members_->data();
    --counts_[index(member->state)];
    std::vector<Member>& members = own();
    members.erase(members.begin() + at);
}

void Membership::clear() {
    *this = Membership{};
}

const Member* Membership::find(NodeId id) const {
    const auto at = lower_bound(*members_, id);
    return at != members_->end() && at->id == id ? &*at : nullptr;
}

const Member* Membership::at(const Endpoint& endpoint) const {
    const auto at = std::ranges::find_if(*members_, [&](const Member& member) {
        return member.gossip == endpoint && member.reachable();
    });
    return at == members_->end() ? nullptr : &*at;
}

std::size_t Membership::count(MemberState state) const {
    return counts_[index(state)];
}

void Membership::sample(Rng& rng, std::size_t count, NodeId self,
                        std::vector<const Member*>& out) const {
    const std::vector<Member>& members = *members_;
    if (members.empty()) return;
    const std::size_t target = out.size() + count;
    // Drawing and rejecting costs O(count) while most members are reachable, and many others.
    std::size_t tries = count < members.size() / 2 ? 8 + 8 * count : 0;
    for (; tries > 0 && out.size() < target; --tries) {
        const Member& member = members[rng.below(members.size())];
        if (wanted(member, self, out)) out.push_back(&member);
    }
    if (out.size() >= target) return;
    const std::size_t start = rng.below(members.size());
    for (std::size_t i = 0; i < members.size() && out.size() < target; ++i) {
        const Member& member = members[(start + i) % members.size()];
        if (wanted(member, self, out)) out.push_back(&member);
    }
}

const Member* Membership::neighbour(NodeId id, int direction) const {
    const std::vector<Member>& members = *members_;
    const std::size_t size = members.size();
    const auto at = static_cast<std::size_t>(lower_bound(members, id) - members.begin());
    // Going forward from a place where `id` is not, its place is already the next one.
    const bool present = at < size && members[at].id == id;
    const std::size_t first = direction > 0 ? at + (present ? 1 : 0) : at + size - 1;
    const std::size_t step = direction > 0 ? 1 : size - 1;
    for (std::size_t i = 0; i < size; ++i) {
        const Member& member = members[(first + i * step) % size];
        if (member.reachable() && member.id != id) return &member;
    }
    return nullptr;
}

std::vector<Member>& Membership::own() {
    if (members_.use_count() > 1) members_ = std::make_shared<std::vector<Member>>(*members_);
    return *members_;
}

}  // namespace gossip
