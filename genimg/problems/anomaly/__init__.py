"""Anomaly detection from the history of a GAN: a critic between the data and what the generator has been.

(a) Train a WGAN-GP on normal data and keep the states of G and D; (b) mix the past generators into P_Ghist; (c) train
D_TV between P_real and P_Ghist under −1 ≤ D ≤ 1. The score of an image is −D_TV(x): one forward pass, and larger means
more anomalous, as for every score of this package.

Source: Chatillon & Ballester 2020; the talk, part 2.
"""

from genimg.problems.anomaly.critic import Fit, anomaly_score, fit_detector, initial_critic
from genimg.problems.anomaly.detector import Detector
from genimg.problems.anomaly.evidence import Evidence, surprise
from genimg.problems.anomaly.features import FeatureLaw, critic_features
from genimg.problems.anomaly.files import Scored, Unreadable, score_files, writing_csv
from genimg.problems.anomaly.neighbours import neighbour_contrast, neighbour_distance
from genimg.problems.anomaly.protocols import Evaluation, Part, Split, cut_and_paste, egbad_split, evaluate, fence_split
from genimg.problems.anomaly.trivial import compressed_size, mean_gradient, mean_intensity
