#include "registry/resume.h"

#include "registry/json.h"

namespace registry {

Session judge(const Token& token, const gossip::Record* record) {
    if (record == nullptr) return Session::unknown;
    // A deletion from before the session is that of an earlier life, and this node late.
    if (record->tombstone()) {
        return record->stamp().ms() >= token.issued_ms ? Session::gone : Session::unknown;
    }
    const auto instance = decode(record->fields());
    if (!instance) return Session::unknown;
    if (instance->incarnation > token.incarnation) return Session::gone;
    if (instance->incarnation < token.incarnation || instance->app_name != token.app) {
        return Session::unknown;
    }
    const bool over = instance->closed_epoch != 0 || instance->phase == Phase::stopped;
    if (over) return Session::gone;
    return record->expired() ? Session::unknown : Session::go;
}

Session judge(const Token& token, const Row* row) {
    const bool lives = row != nullptr && row->incarnation() == token.incarnation &&
                       row->app() == token.app && !row->fenced() &&
                       row->state() != State::expired && row->state() != State::stopped;
    return lives ? Session::go : Session::unknown;
}

Token resume_token(const Token& accepted, std::string_view session, std::uint32_t ttl_s,
                   std::uint64_t now_ms) {
    Token resume = accepted;
    resume.kind = Token::Kind::resume;
    resume.issued_ms = now_ms;
    resume.expires_s = now_ms / 1000 + ttl_s;
    if (!session.empty()) resume.session = session;
    if (resume.session.empty()) append_hex(resume.session, accepted.nonce);
    return resume;
}

}  // namespace registry
