import Foundation
import Problems
import StrictJSON
import Testing

@Suite struct JSONTextTests {
    private struct Sample: Codable, Equatable {
        var name = "a/b"
        var at = Date(timeIntervalSince1970: 1_700_000_000.123)
        var value: Double? = 0.5
    }

    @Test func writesSortedKeysAndTimesInUTC() throws {
        let text = String(decoding: try JSONText.encode(Sample(), .line), as: UTF8.self)
        #expect(text == "{\"at\":\"2023-11-14T22:13:20.123Z\",\"name\":\"a/b\",\"value\":0.5}\n")
    }

    @Test func readsBackAndAcceptsWholeSeconds() throws {
        let sample = try JSONText.decode(Sample.self, from: try JSONText.encode(Sample()))
        #expect(abs(sample.at.timeIntervalSince(Sample().at)) < 0.001 && sample.name == "a/b")
        let whole = try JSONText.decode(
            Sample.self, from: Array("{\"at\": \"2023-11-14T22:13:20Z\", \"name\": \"\", \"new\": 1}".utf8))
        #expect(whole.at == Date(timeIntervalSince1970: 1_700_000_000))
    }

    @Test func namesTheFileAndTheKeyOfADamagedOne() throws {
        let problem = try #require(throws: Problem.self) {
            try JSONText.decode(Sample.self, from: Array("{\"name\": 3, \"at\": 0}".utf8), file: "status.json")
        }
        #expect(problem.code == .corrupt && problem.file == "status.json")
        #expect(throws: Problem.self) { try JSONText.encode(Sample(value: .nan)) }
    }
}
