/// The version of these programs, the same for the daemon, its worker and `diffctl`.
public enum Release {
    public static let version = "0.1.0"
}
