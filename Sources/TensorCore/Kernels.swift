internal import CKernels
internal import COpenBLAS

extension Device {
    /// The instruction set of our own kernels on this machine: `x86-64-v4` (AVX-512), `x86-64-v3` (AVX2) or `baseline`.
    public var vectorKernels: String {
        switch ck_cpu_level() {
        case 4: "x86-64-v4"
        case 3: "x86-64-v3"
        default: "baseline"
        }
    }
}

/// OpenBLAS chooses its kernels when it is loaded, by a list of processors that ends where it was released: on a newer one it
/// falls back to slower kernels, or to those without any vector instructions.
public enum MatrixKernels {
    /// The environment variable by which OpenBLAS is told at its start.
    public static let variable = "OPENBLAS_CORETYPE"

    /// What the variable should be for this processor; nil where OpenBLAS's own choice is as good.
    public static var preferred: String? {
        let chosen = String(cString: openblas_get_corename())
        switch ck_cpu_level() {
        case 4: return ["SkylakeX", "Cooperlake", "SapphireRapids", "Zen4"].contains(chosen) ? nil : "SkylakeX"
        case 3: return ["Prescott", "Core2", "Penryn", "Nehalem", "Generic"].contains(chosen) ? "Haswell" : nil
        default: return nil
        }
    }
}
