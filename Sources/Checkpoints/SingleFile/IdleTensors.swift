/// Tensors that other programs leave in single files and that no network here needs: tables that follow from the
/// schedule, counters of the training, constants.
enum IdleTensors {
    static func contains(_ name: String) -> Bool {
        if endings.contains(where: name.hasSuffix) || starts.contains(where: name.hasPrefix) { return true }
        // The x4 upscaler has the noise schedule of its small pictures too.
        let buffer = name.hasPrefix("low_res_model.") ? name.dropFirst("low_res_model.".count) : name[...]
        return names.contains(String(buffer)) || schedules.contains(where: buffer.hasPrefix) && !buffer.contains(".")
    }

    private static let names: Set = [
        "betas", "logvar", "scale_factor", "lvlb_weights", "global_step", "epoch", "v_pred", "ztsnr",
        "model_ema.decay", "model_ema.num_updates", "denoiser.sigmas", "cond_stage_model.logit_scale",
    ]
    private static let schedules = ["alphas_", "sqrt_", "log_one_minus_", "posterior_"]
    private static let endings = [".position_ids", ".logit_scale", ".attn_mask"]
    /// What the autoencoder was trained against.
    private static let starts = ["first_stage_model.loss.", "first_stage_model.model_ema."]
}
