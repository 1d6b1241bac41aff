#include "registry/token.h"

#include <gmock/gmock.h>

#include <set>

namespace registry {
namespace {

using gossip::Errc;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::uint64_t kNow = 1'763'700'000;

TokenKey key(std::uint8_t fill) {
    TokenKey k;
    k.fill(fill);
    return k;
}

Token ticket() {
    Token t;
    t.app = "chat";
    t.version = "v1";
    t.address = "10.0.0.1:7777";
    t.incarnation = 42;
    t.issued_ms = kNow * 1000;
    t.expires_s = kNow + 30;
    t.nonce = 0xfeedfacecafebeef;
    return t;
}

Token resume() {
    Token t = ticket();
    t.kind = Token::Kind::resume;
    t.session = "bot-17 \u00e9";
    return t;
}

TEST(Tokens, RoundTrip) {
    const TokenKeys keys{{key(1)}};
    Token blank;
    blank.expires_s = kNow + 1;
    for (const Token& token : {ticket(), resume(), blank}) {
        const auto back = keys.verify(keys.sign(token), kNow);
        ASSERT_TRUE(back) << back.error().message;
        EXPECT_EQ(*back, token);
    }
    EXPECT_LE(keys.sign(ticket()).size(), 130U);
    for (const char c : keys.sign(ticket())) {
        EXPECT_TRUE(std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_') << c;
    }
}

TEST(Tokens, EndWhenTheySay) {
    const TokenKeys keys{{key(1)}};
    const std::string text = keys.sign(ticket());
    EXPECT_TRUE(keys.verify(text, kNow + 29));
    const auto late = keys.verify(text, kNow + 35);
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code, Errc::unavailable);
    EXPECT_THAT(late.error().message, HasSubstr("expired 5 s ago"));
    EXPECT_FALSE(keys.verify(text, kNow + 30)) << "from that second on";
}

TEST(Tokens, OfAnotherClusterOrChangedAreRefused) {
    const TokenKeys keys{{key(1)}};
    const std::string text = keys.sign(ticket());
    EXPECT_EQ(TokenKeys{{key(2)}}.verify(text, kNow).error().code, Errc::invalid);
    EXPECT_FALSE(TokenKeys::from_name("a").verify(TokenKeys::from_name("b").sign(ticket()), kNow));
    EXPECT_TRUE(TokenKeys::from_name("a").verify(TokenKeys::from_name("a").sign(ticket()), kNow));
    for (std::size_t i = 0; i < text.size(); ++i) {
        for (const char other : {'A', 'B', '_', '=', '\n', '\0'}) {
            if (text[i] == other) continue;
            std::string changed = text;
            changed[i] = other;
            EXPECT_FALSE(keys.verify(changed, kNow)) << i << " " << int{other};
        }
        EXPECT_FALSE(keys.verify(text.substr(0, i), kNow)) << i;
    }
    EXPECT_FALSE(keys.verify(text + "A", kNow));
    EXPECT_FALSE(keys.verify(std::string(5000, 'A'), kNow));
}

TEST(Tokens, SurviveARotationOfKeys) {
    const std::string old_text = TokenKeys{{key(1)}}.sign(ticket());
    EXPECT_TRUE((TokenKeys{{key(1), key(2)}}.verify(old_text, kNow))) << "the new key is known";
    const TokenKeys turned{{key(2), key(1)}};
    EXPECT_TRUE(turned.verify(old_text, kNow)) << "the new key signs, the old one verifies";
    EXPECT_TRUE((TokenKeys{{key(1), key(2)}}.verify(turned.sign(ticket()), kNow)));
    EXPECT_FALSE(TokenKeys{{key(2)}}.verify(old_text, kNow)) << "the old key is gone";
}

TEST(TokenKeyFile, HasAKeyPerLine) {
    const std::string one(64, 'a');
    const std::string two(64, '7');
    const auto keys = TokenKeys::parse("# signs\n" + one + "  # until May\r\n\n  " + two + "\n");
    ASSERT_TRUE(keys) << keys.error().message;
    EXPECT_TRUE(keys->verify(TokenKeys::parse(two)->sign(ticket()), kNow));
    EXPECT_TRUE(keys->verify(TokenKeys::parse(one)->sign(ticket()), kNow));
    EXPECT_FALSE(TokenKeys::parse(two)->verify(keys->sign(ticket()), kNow)) << "the first signs";
}

TEST(TokenKeyFile, AnAppMayHaveKeysOfItsOwn) {
    const std::string all(64, 'a');
    const std::string own(64, '7');
    const std::string next(64, '8');
    const auto keys = TokenKeys::parse(all + "\nchat\t" + next + "\nchat " + own + "\n");
    ASSERT_TRUE(keys) << keys.error().message;
    Token chat = ticket();
    chat.app = "chat";
    Token game = ticket();
    game.app = "game";
    const auto only = [](const std::string& key) { return *TokenKeys::parse(key); };
    EXPECT_TRUE(keys->verify(only(next).sign(chat), kNow));
    EXPECT_TRUE(keys->verify(only(own).sign(chat), kNow)) << "rotation is the same";
    EXPECT_FALSE(keys->verify(only(all).sign(chat), kNow)) << "who holds the others' key";
    EXPECT_TRUE(keys->verify(only(all).sign(game), kNow));
    EXPECT_FALSE(keys->verify(only(own).sign(game), kNow));
    EXPECT_TRUE(only(next).verify(keys->sign(chat), kNow)) << "the first signs";
    EXPECT_TRUE(only(all).verify(keys->sign(game), kNow));
    EXPECT_EQ(TokenKeys::parse("chat " + own).error().code, Errc::invalid);
}

TEST(TokenKeyFile, ErrorsNameTheLineAndNeverShowIt) {
    const auto refusal = [](const std::string& text) {
        const auto keys = TokenKeys::parse(text);
        return keys ? std::string{"accepted"} : keys.error().message;
    };
    EXPECT_THAT(refusal(""), HasSubstr("no key"));
    EXPECT_THAT(refusal("# nothing\n"), HasSubstr("no key"));
    const std::string nearly = std::string(63, 'a');
    EXPECT_THAT(refusal("\n" + nearly), HasSubstr("line 2 is no key"));
    EXPECT_THAT(refusal("\n" + nearly), Not(HasSubstr("aaa")));
    EXPECT_THAT(refusal(nearly + "g"), HasSubstr("line 1"));
    EXPECT_THAT(refusal(std::string(64, 'a') + std::string(1, '\0')), HasSubstr("line 1"));
}

}  // namespace
}  // namespace registry
