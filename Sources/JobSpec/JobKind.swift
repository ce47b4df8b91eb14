/// What a job does; the `kind` key of a job file.
public enum JobKind: String, Sendable, Codable, CaseIterable {
    case train
    case sample
    case img2img
    case videoExtend = "video_extend"
    case evaluate
}
