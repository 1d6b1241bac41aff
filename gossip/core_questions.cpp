#include <utility>

#include "gossip/core_impl.h"

// Questions between the shells of two nodes: only members ask and answer, so that nobody outside
// can use a node to send to a third.

namespace gossip {

std::uint32_t Core::ask(NodeId whom, Bytes question, Now now, Output& out) {
    Impl& core = *impl_;
    if (question.empty() || question.size() > kMaxQuestion) return 0;
    const Member* member = core.members.find(whom);
    if (member == nullptr || !member->reachable()) return 0;
    if (core.sender.bucket().available(now.mono) <= 0) {
        ++core.counters.egress_limited;
        return 0;
    }
    std::string& body = core.sender.begin(MessageType::question, out);
    const std::uint32_t number = core.sender.last_seq();
    if (whom == core.self.id) {
        core.sender.drop(out);
        out.asked.push_back({whom, member->gossip, number, std::string{as_text(question)}});
        return number;
    }
    body.append(as_text(question));
    core.sender.finish(member->gossip, out);
    if (core.questions.size() >= Impl::kMaxQuestions) {
        core.questions.erase(core.questions.begin());
    }
    core.questions[number] = whom;
    return number;
}

void Core::reply(const Asked& asked, Bytes answer, Now now, Output& out) {
    Impl& core = *impl_;
    if (answer.size() > kMaxQuestion) return;
    if (asked.from == core.self.id) {
        out.answered.push_back({asked.number, std::string{as_text(answer)}});
        return;
    }
    if (core.sender.bucket().available(now.mono) <= 0) {
        ++core.counters.egress_limited;
        return;
    }
    encode(Reply{asked.number, answer}, core.sender.begin(MessageType::reply, out));
    core.sender.finish(asked.at, out);
}

void Core::Impl::receive_question(const Header& header, Bytes body, const Endpoint& from,
                                  const Turn& t) {
    const Member* member = members.find(header.from);
    if (!member || member->gossip != from) return;
    if (body.empty() || body.size() > kMaxQuestion) {
        ++counters.malformed;
        return;
    }
    t.out.asked.push_back({header.from, from, header.seq, std::string{as_text(body)}});
}

void Core::Impl::receive_reply(const Header& header, Bytes body, const Endpoint& /*from*/,
                               const Turn& t) {
    const std::optional<Reply> reply = decode_reply(body);
    if (!reply) {
        ++counters.malformed;
        return;
    }
    const auto asked = questions.find(reply->question);
    if (asked == questions.end() || asked->second != header.from) return;
    questions.erase(asked);
    t.out.answered.push_back({reply->question, std::string{as_text(reply->answer)}});
}

}  // namespace gossip
