"""Makes everything in Tests/Fixtures again: `python make_fixtures.py [SUBJECT...]`.

The subjects `spiral` and `annotated` train for many minutes, and `lora_training` and `fine_tuning` need peft: they run only when they are
named. Same versions (requirements.txt) and processor family: same files. On another processor last bits may differ.
"""

import importlib
import sys

import diffusers
import torch

SUBJECTS = ["random_numbers", "ops", "schedules", "samplers", "solvers", "hybrid_loss", "editing", "layers", "models", "unet_condition", "dit", "video", "autoencoders", "likelihood", "inception", "statistics_files", "tokenizer", "vocabulary", "text_encoders", "pipelines", "single_files", "adapters", "training"]

if __name__ == "__main__":
    torch.set_num_threads(1)
    diffusers.utils.logging.set_verbosity_error()
    diffusers.utils.logging.disable_progress_bar()
    for subject in sys.argv[1:] or SUBJECTS:
        importlib.import_module(subject).make()
