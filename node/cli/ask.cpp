#include "node/cli/ask.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "node/cli/json_text.h"
#include "node/exit_codes.h"

namespace node::cli {

using nlohmann::json;

void print(const std::string& text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
}

int unanswered(const Session& session, const HttpAnswer& answer) {
    if (answer.outcome == HttpAnswer::Outcome::timed_out) {
        complain("the node at " + session.url +
                 " did not answer in time: look at its log, or ask another with --node URL");
        return kTimeout;
    }
    complain("no node answers at " + session.url +
             ": start one with `hearsay agent`, or name another with --node URL");
    return kNodeUnreachable;
}

int refused(const Session& session, const HttpAnswer& answer) {
    const json body = json::parse(answer.body, nullptr, false);
    const std::string error = text_of(body, "error");
    const std::string hint = text_of(body, "hint");
    if (error.empty()) {
        complain(session.url + " answered with status " + std::to_string(answer.status) +
                 ": is it a Hearsay node?");
        return kFailed;
    }
    complain(error + (hint.empty() ? "" : ": " + hint));
    switch (answer.status) {
        case 400:
        case 413:
        case 422:
            return kUsage;
        case 404:
            return kNotFound;
        case 403:
        case 409:
        case 412:
        case 428:
            return kRefused;
        default:
            return kFailed;
    }
}

int ask(const Session& session, const HttpRequest& request, json& body) {
    HttpClient client(session.url);
    const HttpAnswer answer = client.send(request);
    if (!answer.answered()) return unanswered(session, answer);
    if (!answer.ok()) return refused(session, answer);
    body = json::parse(answer.body, nullptr, false);
    if (body.is_discarded() && !answer.body.empty()) {
        complain(session.url + " does not answer in JSON: is it a Hearsay node?");
        return kFailed;
    }
    if (session.json && !answer.body.empty()) {
        print(answer.body.ends_with('\n') ? answer.body : answer.body + "\n");
    }
    return kOk;
}

}  // namespace node::cli
