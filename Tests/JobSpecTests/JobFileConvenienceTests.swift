import Foundation
import JobSpec
import Problems
import StrictJSON
import Testing

/// What people bring along from elsewhere into job files.
@Suite struct JobFileConvenienceTests {
    private static func train(_ keys: String) -> String {
        #"{"kind": "train", \#(keys), "model": {"architecture": "mlp"}, "dataset": {"format": "synthetic", "name": "spiral"}, "training": {"steps": 10}}"#
    }

    private func decode(_ text: String) throws(Problems) -> JobSpec {
        try JobSpec.decode(Array(text.utf8), fileName: "a.json")
    }

    private func problems(_ text: String) -> [Problem] {
        do {
            _ = try decode(text)
            return []
        } catch { return error.all }
    }

    @Test func anEditorsKeyIsAllowed() throws {
        let spec = try decode(Self.train(#""$schema": "../etc/job.schema.json""#))
        #expect(spec.json["$schema"] == nil)
        #expect(problems(Self.train(#""$schema": 5"#)).map(\.path) == ["$['$schema']"])
        #expect(problems(Self.train(#""model_": 1, "training_": {"$schema": "x"}"#)).count == 2)
    }

    @Test(arguments: [
        ("2025-01-31 22:00", DateComponents(year: 2025, month: 1, day: 31, hour: 22)),
        ("2025-07-01T06:30:15", DateComponents(year: 2025, month: 7, day: 1, hour: 6, minute: 30, second: 15)),
    ])
    func aTimeWithoutAZoneIsLocal(text: String, time: DateComponents) throws {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .current
        let spec = try decode(Self.train("\"not_before\": \"\(text)\""))
        #expect(spec.common.notBefore == calendar.date(from: time))
        // What the queue keeps has its zone.
        #expect(spec.json["not_before"]?.string?.hasSuffix("Z") == true)
    }

    @Test(arguments: ["2025-02-31 22:00", "2025-01-31 24:00", "2025-01-31 22:60", "22:00", "2025-1-31 22:00"])
    func whatIsNoTimeIsToldSo(text: String) {
        let problem = problems(Self.train("\"not_before\": \"\(text)\"")).first
        #expect(problem?.path == "$.not_before" && problem?.remedy?.contains("2025-01-31 22:00") == true)
    }

    /// In job files as in settings.
    @Test(arguments: [
        ("4GiB", 4 << 30), ("1.5 GiB", 3 << 29), ("512MB", 512_000_000), ("2T", 2 << 40), ("1000.5kB", 1_000_500),
    ])
    func sizes(text: String, bytes: Int) throws {
        let spec = try decode(Self.train("\"resources\": {\"memory\": \"\(text)\"}"))
        #expect(spec.common.resources.memory == bytes && ByteSize(text)?.count == bytes)
    }

    @Test(arguments: [
        "", "GiB", "4", "4XB", "1.GiB", ".5GiB", "1.2345GiB", "4  GiB", "4GiB ", "1.5B", "-1GiB", "9999999999999999B",
    ])
    func noSizes(text: String) { #expect(ByteSize(text) == nil) }

    @Test func aSizeIsNeverTooLargeToCount() { #expect(ByteSize("999999999999999.999TiB")?.count == nil) }

    @Test(arguments: [
        ("train", "lr", "training.learning_rate"), ("train", "max_train_steps", "training.steps"),
        ("sample", "num_inference_steps", "sampler.steps"), ("sample", "CFG_scale", "guidance_scale"),
        ("img2img", "denoising_strength", "strength"), ("sample", "steps", "sampler.steps"),
        ("sample", "seedz", "seed"), ("sample", "seedz", "seeds"),
    ])
    func unknownKeysAreAnswered(kind: String, key: String, path: String) {
        let problem = problems(#"{"kind": "\#(kind)", "model": "m", "image": "a.png", "\#(key)": 1}"#)
            .first { $0.path == "$.\(key)" }
        #expect(problem?.remedy?.contains("\"\(path)\"") == true, "\(String(describing: problem))")
    }
}
