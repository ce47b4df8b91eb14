import Sampling
