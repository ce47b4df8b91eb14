import Testing
import Text

@Suite struct TokenizerTests {
    @Test func clip() throws {
        let tokenizer = try BytePairTokenizer.clip(padding: .exclamationMark)
        #expect(tokenizer.ids(of: "hi!there") == [1883, 0, 997])
    }
}
